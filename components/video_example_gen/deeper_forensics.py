"""DeeperForensics-1.0: 100 actors' faces put on the 1,000 originals of FaceForensics++, in 11 variants."""

import os
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import SPLITS, Video
from artifacts.media_files import kind_of
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, entries, find, read_text, relative, stem
from components.video_example_gen.listing import Listing

TITLE = "DeeperForensics-1.0"
SIGNS = "manipulated_videos/ with end_to_end/ and the like"

FAKES, LISTS = "manipulated_videos", "lists/splits"
TARGETS = "original_sequences/youtube/c23/videos"
NAME = r"(\d{3})_([A-Z]\d{3})"  # of a fake: the target, a video of FaceForensics++, and the actor whose face it shows

Variant = Literal[
    "end_to_end",
    "end_to_end_level_1",
    "end_to_end_level_2",
    "end_to_end_level_3",
    "end_to_end_level_4",
    "end_to_end_level_5",
    "end_to_end_random_level",
    "end_to_end_mix_2_distortions",
    "end_to_end_mix_3_distortions",
    "end_to_end_mix_4_distortions",
    "reenact_postprocess",
]


class DeeperForensicsConfig(DatasetConfig):
    """DeeperForensics-1.0."""

    type: Literal["deeper_forensics"] = Field(description="DeeperForensics-1.0")
    variants: tuple[Variant, ...] = Field(
        ("end_to_end",),
        min_length=1,
        description="the folders in manipulated_videos/ to use; all but end_to_end and reenact_postprocess "
        "are distorted",
    )
    targets: str | None = Field(
        None,
        description="the folder with the real videos, which do not come with this data set: 000.mp4 and so on of "
        f"FaceForensics++ at c23; else <root>/{TARGETS}",
    )

    def sources(self) -> list[str]:
        """Return the root and the folder of the real videos."""
        return [self.folder, *([self.path(self.targets)] if self.targets else [])]


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return os.path.isdir(os.path.join(root, FAKES))


def list_videos(config: DeeperForensicsConfig) -> Listing:
    """List a copy of DeeperForensics-1.0, in its own splits if their lists are there.

    Each fake has two identities, its target (a video of FaceForensics++) and the actor. A real video is the target of
    one fake per variant, and goes where these go. The actors' own films (`source_videos/`) are, by the data set's own
    words, not its real part; they are not used.

    Returns:
        A `Listing`; videos have no split if the lists are not there.

    Raises:
        InputError: a list is missing or broken, or the folder of the real videos does not exist.
    """
    splits = _official_splits(config)
    listing = Listing(to_fill=() if splits else SPLITS)
    if not splits:
        listing.notes.append(
            f"no train.txt, val.txt and test.txt in {LISTS}/: divided by people instead; figures are not comparable "
            "with published ones"
        )
    used: set[str] = set()
    for variant in config.variants:
        _add_fakes(config, variant, splits, listing, used)
    if listing.videos:  # else this is no copy of it: the real videos alone are FaceForensics++
        _add_targets(config, splits, listing, used)
    spare = [path for path in find(config.folder, NOT_DOCUMENTS) if path not in used]
    listing.unlisted = relative(spare, config.folder)
    return listing


def _add_fakes(
    config: DeeperForensicsConfig, variant: str, splits: Mapping[str, str], listing: Listing, used: set[str]
) -> None:
    found = _videos_in(os.path.join(config.folder, FAKES, variant))
    if not found:
        listing.notes.append(f'{FAKES}/{variant} has no video: copy it, or take it out of "variants"')
    for name in sorted(splits or found):
        match = re.fullmatch(NAME, name)
        video_id = f"{config.name}/{variant}/{name}"
        if match and name in found:
            people = tuple(f"{config.name}/{person}" for person in match.groups())
            listing.videos.append(Video(video_id, found[name], config.name, variant, 1, splits.get(name, ""), people))
            used.add(found[name])
        elif name not in found:
            listing.missing.append(video_id)


def _add_targets(config: DeeperForensicsConfig, splits: Mapping[str, str], listing: Listing, used: set[str]) -> None:
    folder = config.path(config.targets or TARGETS)
    if config.targets and not os.path.isdir(folder):
        raise InputError(f"targets: {folder}: no such folder; set it to the c23 originals of FaceForensics++")
    found = _videos_in(folder)
    if not found:
        listing.notes.append(
            'no real videos: they are the originals of FaceForensics++ at c23; set "targets" to their folder'
        )
        return
    of_target = {name.split("_")[0]: split for name, split in splits.items()}
    for name in sorted(of_target or found):
        video_id = f"{config.name}/real/{name}"
        if name not in found:
            listing.missing.append(video_id)
        elif re.fullmatch(r"\d{3}", name):
            people, split = (f"{config.name}/{name}",), of_target.get(name, "")
            listing.videos.append(Video(video_id, found[name], config.name, "real", 0, split, people))
            used.add(found[name])


def _videos_in(folder: str) -> dict[str, str]:
    """Return name -> path of the videos right in a folder, or in its `videos/`."""
    places = [place for place in (folder, os.path.join(folder, "videos")) if os.path.isdir(place)]
    files = [entry.path for place in places for entry in entries(place) if kind_of(entry.name) == "video"]
    return {stem(path): path for path in reversed(files)}


def _official_splits(config: DeeperForensicsConfig) -> dict[str, str]:
    """Return name of a fake -> split; nothing if there are no lists."""
    paths = {split: config.path(f"{LISTS}/{split}.txt") for split in SPLITS}
    there = [split for split in SPLITS if os.path.exists(paths[split])]
    if not there:
        return {}
    if len(there) < len(SPLITS):
        lacking = " and ".join(f"{split}.txt" for split in SPLITS if split not in there)
        raise InputError(
            f"{config.path(LISTS)}: {lacking} not found; the three official files train.txt, val.txt and test.txt "
            "belong together"
        )
    splits: dict[str, str] = {}
    targets: dict[str, str] = {}
    for split, path in paths.items():
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            if not line.strip():
                continue
            name = stem(line.strip())
            match = re.fullmatch(NAME, name)
            if not match:
                raise InputError(
                    f"{path}:{number}: {line!r} must be a fake such as 000_M101.mp4; use the official file"
                )
            if targets.setdefault(match[1], split) != split:
                raise InputError(
                    f"{path}:{number}: target {match[1]} is in {targets[match[1]]}.txt, too; use the official files, "
                    "which share none"
                )
            splits[name] = split
    return splits
