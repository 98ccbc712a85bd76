"""The manifest of videos: what VideoExampleGen writes and all later steps read."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from artifacts.errors import InputError
from artifacts.layout import VIDEOS, split_dir
from artifacts.visible import as_text
from artifacts.writing import write_text

SPLITS = ("train", "val", "test")
KINDS = ("video", "image", "crop")
LABELS = {0: "real", 1: "fake"}


@dataclass(frozen=True)
class Video:
    """One line of a manifest.

    Names become text that UTF-8 can hold (`artifacts.visible.as_text`): a file's name may hold any bytes, and ids
    travel to face examples, tables and pages. The path stays as it is.

    Attributes:
        video_id: `<dataset>/<method>/<name>`, unique in a run.
        uri: path of the file.
        dataset: the name that the config gives the data set.
        method: "real", or the manipulation ("df", "ff", "fs", "nt", ...; "fake" if the data set says no more).
        label: 0 real, 1 fake.
        split: "train", "val", "test"; "" until it is assigned.
        identities: everyone whose face or motion it holds, as `<dataset>/<person>`. The first one is whose video it is
            (for a fake: the person in the original it was made from). Empty if the data set does not say.
        kind: "video", "image", or "crop" for a face that is already cut out.
        digest: of the content; see `artifacts.digests`.
        clip: what a crop is a frame of, as `<dataset>/<method>/<name>`; "" for what stands for itself. All crops of a
            clip are one video in face examples and figures.
        frame: number of a crop in its clip.
    """

    video_id: str
    uri: str
    dataset: str
    method: str
    label: int
    split: str = ""
    identities: tuple[str, ...] = ()
    kind: str = "video"
    digest: str = ""
    clip: str = ""
    frame: int = 0

    @property
    def shown_as(self) -> str:
        """The `video_id` of its face examples: that of its clip or, without one, its own."""
        return self.clip or self.video_id

    def __post_init__(self) -> None:
        for name in ("video_id", "dataset", "method", "clip"):
            object.__setattr__(self, name, as_text(getattr(self, name)))  # the class is frozen
        object.__setattr__(self, "identities", tuple(map(as_text, self.identities)))


def manifest_path(folder: str, split: str) -> str:
    """Return the path of a split's manifest in a `videos` artifact."""
    return os.path.join(split_dir(folder, split), VIDEOS)


def write_manifest(folder: str, videos: Iterable[Video]) -> None:
    """Write one manifest per split, in the order of the ids."""
    videos = sorted(videos, key=lambda video: video.video_id)
    for split in SPLITS:
        path = manifest_path(folder, split)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lines = (json.dumps(asdict(video)) for video in videos if video.split == split)
        write_text(path, "".join(f"{line}\n" for line in lines))


def read_manifest(folder: str, split: str) -> list[Video]:
    """Return the videos of a split.

    Raises:
        InputError: the manifest is missing, or a line of it cannot be used; names file, line and field.
    """
    path = manifest_path(folder, split)
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); VideoExampleGen writes it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 (byte {error.start}); VideoExampleGen writes it") from error
    return [_video(path, number, line) for number, line in enumerate(lines, start=1)]


def _video(path: str, number: int, line: str) -> Video:
    try:
        fields = json.loads(line)
        video = Video(**{**fields, "identities": tuple(fields.get("identities", ()))})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}:{number}: not a manifest line ({error})") from error
    for name in ("video_id", "uri", "dataset", "method", "digest", "clip"):
        text = getattr(video, name)
        if not isinstance(text, str) or "\0" in text:
            raise InputError(f"{path}:{number}: {name} is {text!r}; it must be text without a NUL")
    if type(video.frame) is not int or video.frame < 0:
        raise InputError(f"{path}:{number}: frame is {video.frame!r}; it must be a number, 0 or more")
    for name, allowed in (("label", LABELS), ("split", SPLITS), ("kind", KINDS)):
        if not isinstance(getattr(video, name), int | str) or getattr(video, name) not in allowed:
            raise InputError(
                f"{path}:{number}: {name} is {getattr(video, name)!r}; it can be {', '.join(map(str, allowed))}"
            )
    return video
