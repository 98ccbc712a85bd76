"""Celeb-DF++: Celeb-DF's real videos, and fakes of 22 methods in three scenarios."""

import os
import re
from collections.abc import Collection
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Video
from artifacts.media_files import kind_of
from components.video_example_gen.celeb_df import TEST_LIST, follow_test_list
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, read_text, relative, stem
from components.video_example_gen.listing import Listing

TITLE = "Celeb-DF++"
SIGNS = "Celeb-synthesis/ with FaceSwap/, FaceReenact/ or TalkingFace/"

SCENARIOS = ("FaceSwap", "FaceReenact", "TalkingFace")
# Where a video may be: a folder of real ones, or the scenario and the method of a fake; and how it may be called.
PLACE = rf"(?:(Celeb-real|YouTube-real)|Celeb-synthesis/(?:{'|'.join(SCENARIOS)})/([^/]+))(?:/videos)?/([^/]+)"
NAMES = {"Celeb-real": r"id\d+_\d+", "YouTube-real": r"\d+"}
FAKE_NAME = r"id\d+_.+"

Key = tuple[str, str]  # (folder of real videos or method, name)


class CelebDfPpConfig(DatasetConfig):
    """Celeb-DF++, which DeepfakeBench calls Celeb-DF-v3."""

    type: Literal["celeb_df_pp"] = Field(description="Celeb-DF++")
    test_list: str | None = Field(None, description=f"the official test list; else <root>/{TEST_LIST}")
    disjoint: bool = Field(False, description="leave out training videos of people in the official test list")

    def sources(self) -> list[str]:
        """Return the root and the test list."""
        return [self.folder, *([self.path(self.test_list)] if self.test_list else [])]


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return any(os.path.isdir(os.path.join(root, "Celeb-synthesis", scenario)) for scenario in SCENARIOS)


def list_videos(config: CelebDfPpConfig) -> Listing:
    """List a copy of Celeb-DF++: the official list names the test videos, the rest is divided into train and val.

    Returns:
        A `Listing`; only the test videos have a split yet.

    Raises:
        InputError: the test list is broken, or the configured one does not exist.
    """
    listing = Listing()
    found, spare = _files(config)
    _check_version(config, found, spare)
    tested = _test_list(config)
    split = dict.fromkeys(tested or (), "test")
    listing.videos = [_video(config, key, path, split.get(key, "")) for key, path in found.items()]
    listing.missing = [_id(config, key) for key in split if key not in found]
    listing.unlisted = relative(spare, config.folder)
    if not listing.videos:
        return listing
    if tested is None:
        listing.notes.append(
            f"no {TEST_LIST} in the root: divided by people instead; figures are not comparable with published ones "
            '(set "test_list")'
        )
        return listing
    follow_test_list(listing, {person for key in split for person in _people(config, key)}, config.disjoint)
    return listing


def _check_version(config: CelebDfPpConfig, found: Collection[Key], spare: Collection[str]) -> None:
    """Say that the copy is of Celeb-DF v1 or v2, whose fakes are right in Celeb-synthesis/."""
    above = os.path.join(config.folder, "Celeb-synthesis")
    older = [path for path in spare if os.path.dirname(path) == above and kind_of(path) == "video"]
    if older and all(folder in NAMES for folder, _ in found):
        raise InputError(
            f"root: {config.folder}: its fakes are those of Celeb-DF v1 or v2, such as {older[0]}; "
            'set "type": "celeb_df"'
        )


def _id(config: CelebDfPpConfig, key: Key) -> str:
    return f"{config.name}/{'real' if key[0] in NAMES else key[0]}/{key[1]}"


def _people(config: CelebDfPpConfig, key: Key) -> tuple[str, ...]:
    """Return the celebrities in a video, the one whose film it is first.

    `id0_id1_0000` is the film 0000 of id0 with the face or motion of id1; a talking face, `id0_0000_...`, has id0
    alone. The people in YouTube-real are not known.
    """
    match = re.match(r"(id\d+)_(?:(id\d+)_)?", key[1])
    return tuple(dict.fromkeys(f"{config.name}/{person}" for person in match.groups() if person)) if match else ()


def _video(config: CelebDfPpConfig, key: Key, path: str, split: str) -> Video:
    label = int(key[0] not in NAMES)
    method = key[0] if label else "real"
    return Video(_id(config, key), path, config.name, method, label, split, _people(config, key))


def _key(place: str) -> Key | None:
    """Return the key of a path relative to the root, or None if it is not one of this data set."""
    match = re.fullmatch(PLACE, place)
    if not match:
        return None
    folder, name = match[1] or match[2], stem(match[3])
    return (folder, name) if re.fullmatch(NAMES.get(match[1] or "", FAKE_NAME), name) else None


def _files(config: CelebDfPpConfig) -> tuple[dict[Key, str], list[str]]:
    """Return key -> path, and the files that are no videos, are elsewhere, or whose names do not fit."""
    found: dict[Key, str] = {}
    spare = []
    for path in find(config.folder, NOT_DOCUMENTS):
        key = _key(os.path.relpath(path, config.folder).replace(os.sep, "/"))
        if key and kind_of(path) == "video" and key not in found:
            found[key] = path
        else:
            spare.append(path)
    return found, spare


def _test_list(config: CelebDfPpConfig) -> list[Key] | None:
    """Return the key of each video in the test list, or None if there is no list.

    The number before each path is not used: the folder says what is real.
    """
    path = config.path(config.test_list or TEST_LIST)
    if not config.test_list and not os.path.exists(path):
        return None
    tested = []
    for number, line in enumerate(read_text(path, any_bytes=True).splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"[01]\s+(?:\./)?(.+)", line.strip().replace("\\", "/"))
        key = _key(match[1]) if match else None
        if key is None:
            raise InputError(
                f"test_list: {path}:{number}: {line!r} must be a number and a file, such as "
                "0 Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000.mp4; the list of Celeb-DF v2 is another one"
            )
        tested.append(key)
    return tested
