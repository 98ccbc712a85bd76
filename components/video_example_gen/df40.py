"""DF40: fakes of 40 methods, as face crops or, of some methods, as films; real ones of FaceForensics++ and Celeb-DF."""

import os
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import Field

from artifacts.manifest import Video
from artifacts.media_files import kind_of
from artifacts.words import counted
from components.video_example_gen.dataset_config import DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, relative, stem
from components.video_example_gen.frames import FRAMES_HELP, chosen, numbers
from components.video_example_gen.listing import Listing
from components.video_example_gen.names import people_of
from components.video_example_gen.protocol import follow_own_sets

TITLE = "DF40"
SIGNS = "DF40/ or DF40_train/ with a folder for each method"

SETS = {"DF40": "test", "DF40_train": "train", "test": "test", "train": "train"}  # folder in the root -> split
REAL = ("real", "real_mp4")  # folders of real ones inside a method that has its own
# Folders that do not name a video: what is right in one of them is a video by itself.
NOT_VIDEOS = {"frames", "inversions", "ff", "cdf", "fake", "videos", *REAL}
REAL_FF = r"FaceForensics\+\+/original_sequences/youtube/[^/]+/(?:frames|videos)/.+"
REAL_CELEB = r"Celeb-DF[^/]*/(?:Celeb-real|YouTube-real)/(?:(?:frames|videos)/)?.+"


class Df40Config(DatasetConfig):
    """DF40 as folders; with its JSON files, use "deepfakebench" instead."""

    type: Literal["df40"] = Field(description="DF40 as folders, without its JSON files")
    methods: tuple[str, ...] | None = Field(
        None, min_length=1, description="the folders of the methods to use, such as simswap; else all that are there"
    )
    pictures: Literal["crop", "image"] = Field(
        "crop", description="whether pictures are faces that are already cropped, or still to be searched for faces"
    )
    frames_per_video: int = Field(32, ge=1, description=FRAMES_HELP)


@dataclass(frozen=True)
class _File:
    """One file: the real ones have no set of their own, but a source, "ff" or "celeb"."""

    path: str
    method: str
    video: str
    split: str
    source: str = ""
    number: int = 0


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return any(os.path.isdir(os.path.join(root, name)) for name in ("DF40", "DF40_train"))


def list_videos(config: Df40Config) -> Listing:
    """List a copy of DF40: DF40/ (or test/) is for the test, DF40_train/ (or train/) for training.

    Its real videos are those of FaceForensics++ and Celeb-DF v2. Those of Celeb-DF are for the test; one of
    FaceForensics++ is for the test if a fake there has its person, else for training. Validation is carved out of
    training, by people, which the videos' names tell (`names.people_of`).

    Returns:
        A `Listing`; only test videos have a split yet.
    """
    listing, spare, other = Listing(to_fill=splits_to_fill({"test"})), [], 0
    stems: set[str] = set()
    folders: defaultdict[tuple[str, str], list[_File]] = defaultdict(list)
    for path in find(config.folder, NOT_DOCUMENTS):
        file = _file(config, path)
        if file is None or os.path.splitext(path)[0] in stems:
            spare.append(path)
        elif config.methods and not file.source and _folder_of(config, path) not in config.methods:
            other += 1
        else:
            stems.add(os.path.splitext(path)[0])
            alone = file.video == stem(path)
            folders[os.path.dirname(path), path if alone else ""].append(file)
    used = [file for group in folders.values() for file in _chosen(group, config.frames_per_video)]
    tested = {person for file in used if file.split == "test" for person in _people(config, file)}
    listing.videos = [_video(config, file, tested) for file in used]
    listing.unlisted = relative(spare, config.folder)
    if other:
        listing.notes.append(f'{counted(other, "file")} of methods that "methods" does not name')
    follow_own_sets(listing)
    return listing


def _file(config: Df40Config, path: str) -> _File | None:
    """Return what a file is by its place, or None."""
    place = os.path.relpath(path, config.folder).replace(os.sep, "/")
    if kind_of(path) not in ("video", "image"):
        return None
    parent = os.path.basename(os.path.dirname(path))
    if re.fullmatch(REAL_FF, place) or re.fullmatch(REAL_CELEB, place):
        alone = kind_of(path) == "video" or parent in NOT_VIDEOS
        source = "ff" if re.fullmatch(REAL_FF, place) else "celeb"
        return _File(path, "real", stem(path) if alone else parent, "", source)
    first, *below = place.split("/")
    if first not in SETS or len(below) < 2 or below[0] in (*REAL, "fake"):
        return None
    method = below[0]
    alone = kind_of(path) == "video" or parent in NOT_VIDEOS or parent == method
    real = bool(set(REAL) & set(below[1:-1]))
    return _File(path, "real" if real else method, stem(path) if alone else parent, SETS[first])


def _folder_of(config: Df40Config, path: str) -> str:
    return os.path.relpath(path, config.folder).split(os.sep)[1]


def _chosen(files: list[_File], count: int) -> list[_File]:
    by_path = {file.path: file for file in files}
    paths = chosen(list(by_path), count)
    return [replace(by_path[path], number=number) for path, number in zip(paths, numbers(paths), strict=True)]


def _people(config: Df40Config, file: _File) -> tuple[str, ...]:
    people = people_of(file.video)
    if people == (file.video,) and not file.source:  # a number in one method is not the same one in another
        people = (f"{_folder_of(config, file.path)}-{file.video}",)
    return tuple(f"{config.name}/{person}" for person in people)


def _video(config: Df40Config, file: _File, tested: set[str]) -> Video:
    people = _people(config, file)
    is_test = file.split == "test" or file.source == "celeb" or (file.source == "ff" and bool(tested & set(people)))
    kind = "video" if kind_of(file.path) == "video" else config.pictures
    place = os.path.splitext(os.path.relpath(file.path, config.folder).replace(os.sep, "/"))[0]
    label = int(file.method != "real")
    split = "test" if is_test else ""
    video_id = f"{config.name}/{file.method}/{place}"
    is_frame = kind == "crop" and os.path.basename(os.path.dirname(place)) == file.video
    return Video(
        video_id=video_id,
        uri=file.path,
        dataset=config.name,
        method=file.method,
        label=label,
        split=split,
        identities=people,
        kind=kind,
        clip=os.path.dirname(video_id) if is_frame else "",
        frame=file.number if is_frame else 0,
    )
