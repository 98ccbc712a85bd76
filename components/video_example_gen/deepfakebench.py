"""DeepfakeBench's face crops: folders of frames, and JSON files that list them."""

import os
from collections.abc import Collection, Sequence
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Video
from artifacts.words import counted
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, relative
from components.video_example_gen.deepfakebench_json import Entry, read_entries
from components.video_example_gen.frames import FRAMES_HELP, Locator, chosen, numbers
from components.video_example_gen.listing import Listing
from components.video_example_gen.names import people_of
from components.video_example_gen.protocol import follow_own_sets

TITLE = "DeepfakeBench's crops"
SIGNS = 'JSON files in dataset_json/ or preprocessing/dataset_json/, or named by "json_files"'

JSON_FOLDERS = ("dataset_json", "preprocessing/dataset_json")
BESIDE = ("masks", "landmarks")  # folders beside frames/ that hold no faces
ORDER = ("test", "val", "train")  # where a video is that the files put into several splits


class DeepfakeBenchConfig(DatasetConfig):
    """Face crops in DeepfakeBench's layout, also those of DF40 with its JSON files."""

    type: Literal["deepfakebench"] = Field(description="face crops listed in DeepfakeBench's JSON files")
    json_files: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="the JSON files, such as preprocessing/dataset_json/FaceForensics++.json; relative paths start at "
        "the root; else all in dataset_json/ or preprocessing/dataset_json/",
    )
    compression: Literal["raw", "c23", "c40"] = Field("c23", description="which one to take where there are several")
    labels: dict[str, Literal["real", "fake"]] = Field(
        {}, description='classes whose names do not tell, such as {"my_swap": "fake"}'
    )
    frames_per_video: int = Field(32, ge=1, description=FRAMES_HELP)

    def files(self) -> list[str]:
        """Return the JSON files as absolute paths."""
        if self.json_files:
            return [self.path(name) for name in self.json_files]
        folders = [self.path(name) for name in JSON_FOLDERS]
        return [os.path.join(folder, name) for folder in folders for name in _json_in(folder)]

    def sources(self) -> list[str]:
        """Return the root and the JSON files."""
        return [self.folder, *self.files()]


def _json_in(folder: str) -> list[str]:
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [name for name in names if name.lower().endswith(".json") and not name.startswith(".")]


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return any(_json_in(os.path.join(root, *name.split("/"))) for name in JSON_FOLDERS)


def list_videos(config: DeepfakeBenchConfig) -> Listing:
    """List the crops that the JSON files name; each is one item, of kind "crop", and a frame of its clip.

    A video that they put into several splits (Celeb-DF's test videos are in train and val, too, all of UADFV and
    DeepFakeDetection is in all three) is a test video. Without validation videos, some are carved out of train, by
    people. People are known by the videos' names (`names.people_of`).

    Returns:
        A `Listing`. Missing crops are counted one by one.

    Raises:
        InputError: a JSON file is broken; names file, place and cure.
    """
    files = config.files()
    if not files:
        return Listing()
    labels = {name: int(label == "fake") for name, label in config.labels.items()}
    entries = [entry for path in files for entry in read_entries(path, config.compression, labels)]
    listing, kept = Listing(), _once(entries)
    if len(kept) < len(entries):
        listing.notes.append(
            f"{counted(len(entries) - len(kept), 'repeated entry', 'repeated entries')} of videos that are in several "
            "files or splits: each video is used once, and is a test video if it is in any test split"
        )
    splits = {entry.split for entry in kept}
    carve = "train" in splits and "val" not in splits
    listing.to_fill = ("train", "val") if carve else ()
    present = find(config.folder, NOT_DOCUMENTS)
    locator = Locator(config.folder, present)
    seen: set[str] = set()
    for entry in kept:
        frames = chosen(entry.frames, config.frames_per_video)
        split = "" if carve and entry.split == "train" else entry.split
        for frame, number in zip(frames, numbers(frames), strict=True):
            path = locator.find(frame)
            video = _crop(config, entry, frame, path or frame, split, number)
            if video.video_id in seen:
                continue
            seen.add(video.video_id)
            if path:
                listing.videos.append(video)
            else:
                listing.missing.append(video.video_id)
    follow_own_sets(listing)
    listing.unlisted = _unlisted(config, present, {locator.find(frame) for entry in entries for frame in entry.frames})
    return listing


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Return one entry for each video, in the first split of `ORDER`; of two in one split, the first with frames.

    The folders that hold the frames and the name tell a video from all others: FF-real is in the files of all methods
    of FaceForensics++, and a method of DF40 in its own file and in that of all face swaps.
    """
    best: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        key = (_place(entry.frames[0]) if entry.frames else entry.group, entry.name)
        other = best.get(key)
        if other and other.label != entry.label:
            raise InputError(
                f"{entry.name} in {key[0]} is {'fake' if other.label else 'real'} in {other.source} and "
                f"{'fake' if entry.label else 'real'} in {entry.source}; remove one"
            )
        if other is None or _rank(entry) < _rank(other):
            best[key] = entry
    return list(best.values())


def _rank(entry: Entry) -> tuple[int, bool]:
    return ORDER.index(entry.split), not entry.frames


def _place(frame: str) -> str:
    """Return the last four folders of a path: more would differ between machines."""
    parts = [part for part in frame.replace("\\", "/").split("/") if part not in ("", ".")]
    return "/".join(parts[-5:-1])


def _crop(config: DeepfakeBenchConfig, entry: Entry, frame: str, path: str, split: str, number: int) -> Video:
    method = entry.group.replace("/", "-") if entry.label else "real"
    people = tuple(f"{config.name}/{person}" for person in people_of(entry.name))
    parts = frame.replace("\\", "/").split("/")
    folder = f"{config.name}/{method}/{_place(frame)}"
    return Video(
        video_id=f"{folder}/{os.path.splitext(parts[-1])[0]}",
        uri=path,
        dataset=config.name,
        method=method,
        label=entry.label,
        split=split,
        identities=people,
        kind="crop",
        clip=folder if os.path.basename(folder) == entry.name else f"{folder}/{entry.name}",
        frame=number,
    )


def _unlisted(config: DeepfakeBenchConfig, present: Sequence[str], named: Collection[str | None]) -> list[str]:
    """Return the pictures and videos that no file names; masks and landmarks do not count."""
    spare = []
    for path in present:
        folders = os.path.relpath(path, config.folder).split(os.sep)[:-1]
        if path not in named and not set(BESIDE) & set(folders):
            spare.append(path)
    return relative(spare, config.folder)
