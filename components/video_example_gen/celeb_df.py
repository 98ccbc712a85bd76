"""Celeb-DF v1 and v2: 59 celebrities, swapped with each other, and real videos of other people."""

import os
import re
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Video
from artifacts.media_files import kind_of
from artifacts.words import counted
from components.video_example_gen.dataset_config import DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, read_text, relative, stem
from components.video_example_gen.listing import Listing

TITLE = "Celeb-DF"
SIGNS = "Celeb-real/, Celeb-synthesis/ or YouTube-real/"

LABELS = {"Celeb-real": 0, "YouTube-real": 0, "Celeb-synthesis": 1}
TEST_LIST = "List_of_testing_videos.txt"


class CelebDfConfig(DatasetConfig):
    """Celeb-DF, version 1 or 2."""

    type: Literal["celeb_df"] = Field(description="Celeb-DF v1 or v2")
    test_list: str | None = Field(None, description=f"the official test list; else <root>/{TEST_LIST}")
    disjoint: bool = Field(
        False,
        description="leave out training videos of people in the official test list, which names 56 of the 59",
    )

    def sources(self) -> list[str]:
        """Return the root and the test list."""
        return [self.folder, *([self.path(self.test_list)] if self.test_list else [])]


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return any(os.path.isdir(os.path.join(root, folder)) for folder in LABELS)


def list_videos(config: CelebDfConfig) -> Listing:
    """List a copy of Celeb-DF: the official list names the test videos, the rest is divided into train and val.

    Returns:
        A `Listing`; only the test videos have a split yet.

    Raises:
        InputError: the test list is broken, contradicts the folders, or the configured one does not exist.
    """
    listing = Listing()
    found, spare = _files(config)
    tested = _test_list(config)
    split = dict.fromkeys(tested or (), "test")
    listing.videos = [_video(config, *key, path, split.get(key, "")) for key, path in found.items()]
    listing.missing = [_id(config, *key) for key in split if key not in found]
    listing.unlisted = relative(spare, config.folder)
    if not listing.videos:
        return listing
    if tested is None:
        listing.notes.append(
            f"no {TEST_LIST} in the root: divided by people instead; figures are not comparable with published ones "
            '(set "test_list")'
        )
        return listing
    follow_test_list(listing, {person for key in split for person in _people(config, key[1])}, config.disjoint)
    return listing


def follow_test_list(listing: Listing, people: set[str], disjoint: bool) -> None:
    """Divide what the official test list does not name into train and val; the list shares people with it.

    Args:
        listing: whose test videos have their split; it is changed.
        people: the celebrities in the list.
        disjoint: leave out the other videos of these people.
    """
    listing.to_fill = splits_to_fill({"test"})
    if disjoint:
        _leave_out_tested(listing, people)
        return
    listing.shared_identities = {("train", "test"), ("val", "test")}
    listing.notes.append(
        f"the official test list shares people with training by its own protocol ({len(people)} celebrities are "
        'in it); set "disjoint" to true to train without them'
    )


def _leave_out_tested(listing: Listing, people: set[str]) -> None:
    waiting = [video for video in listing.videos if not video.split]
    for video in waiting:
        if people.intersection(video.identities):
            listing.left_out[video.video_id] = "its people are in the official test list"
    listing.videos = [video for video in listing.videos if video.video_id not in listing.left_out]
    listing.notes.append(
        f'"disjoint": {len(listing.left_out)} of {counted(len(waiting), "training video")} left out, '
        f"because {len(people)} celebrities are in the official test list"
    )


def _id(config: CelebDfConfig, folder: str, name: str) -> str:
    return f"{config.name}/{'fake' if LABELS[folder] else 'real'}/{name}"


def _people(config: CelebDfConfig, name: str) -> tuple[str, ...]:
    """`id0_id1_0000` shows the face of id1 with the motion of id0; the people in YouTube-real are not known."""
    match = re.fullmatch(r"(id\d+)_(?:(id\d+)_)?\d+", name)
    return tuple(f"{config.name}/{person}" for person in match.groups() if person) if match else ()


def _video(config: CelebDfConfig, folder: str, name: str, path: str, split: str) -> Video:
    method = "fake" if LABELS[folder] else "real"
    people = _people(config, name)
    return Video(_id(config, folder, name), path, config.name, method, LABELS[folder], split, people)


def _files(config: CelebDfConfig) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Return (folder, name) -> path, and the files that are no videos, are elsewhere, or whose names do not fit."""
    found: dict[tuple[str, str], str] = {}
    spare = []
    for path in find(config.folder, NOT_DOCUMENTS):
        folder, *between = os.path.dirname(os.path.relpath(path, config.folder)).split(os.sep)
        fits = re.fullmatch(_pattern(folder), stem(path)) if folder in LABELS else None
        if kind_of(path) == "video" and fits and between in ([], ["videos"]) and (folder, stem(path)) not in found:
            found[folder, stem(path)] = path
        else:
            spare.append(path)
    return found, spare


def _pattern(folder: str) -> str:
    return {"Celeb-real": r"id\d+_\d+", "Celeb-synthesis": r"id\d+_id\d+_\d+", "YouTube-real": r"\d+"}[folder]


def _test_list(config: CelebDfConfig) -> list[tuple[str, str]] | None:
    """Return the (folder, name) of each video in the test list, or None if there is no list."""
    path = config.path(config.test_list or TEST_LIST)
    if not config.test_list and not os.path.exists(path):
        return None
    tested = []
    for number, line in enumerate(read_text(path, any_bytes=True).splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([01])\s+(?:\./)?([^/]+)/(?:videos/)?([^/]+)", line.strip().replace("\\", "/"))
        if not match or match[2] not in LABELS:
            raise InputError(
                f"test_list: {path}:{number}: {line!r} must be a label and a file, such as 1 YouTube-real/00170.mp4; "
                f"folders are {', '.join(LABELS)}"
            )
        if int(match[1]) == LABELS[match[2]]:  # the list says 1 = REAL
            raise InputError(
                f"test_list: {path}:{number}: label {match[1]} contradicts the folder {match[2]}; in this list "
                "1 means real and 0 means fake: use the official file"
            )
        tested.append((match[2], stem(match[3])))
    return tested
