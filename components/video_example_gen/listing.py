"""What an adapter finds under a data set's root."""

from dataclasses import dataclass, field

from artifacts.manifest import SPLITS, Video


@dataclass
class Listing:
    """What an adapter found.

    Attributes:
        videos: those that exist; those without a split are assigned one afterwards.
        missing: ids of videos that the data set's own lists name but that are absent.
        unlisted: paths, relative to the root, of files that are there but not used: videos that no list names, and what
            is no video by its suffix. Tables and texts do not count.
        left_out: id -> why a video that exists is not used.
        notes: sentences for the user.
        shared_identities: pairs of splits that share people by the data set's own protocol, e.g. {("train", "test")}.
        to_fill: the splits among which videos without one are divided; the data set itself assigns the others.
    """

    videos: list[Video] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shared_identities: set[tuple[str, str]] = field(default_factory=set)
    to_fill: tuple[str, ...] = SPLITS
