"""DFDC: training parts with a metadata.json each; validation and test videos with a CSV of labels.

Where a fake's `original` is missing, see `identities_of`.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Video
from commands.parameters import Parameters
from components.video_example_gen.dataset_config import SPLIT_NAMES, DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import (
    NOT_DOCUMENTS,
    entries,
    find,
    read_json,
    relative,
    stem,
    subfolders,
)
from components.video_example_gen.listing import Listing
from components.video_example_gen.tables import read_table, separator_of

TITLE = "DFDC"
SIGNS = "metadata.json in the root or up to two folders below it"

HEADER = ["filename", "label"]
CSV_LABELS = {"0": 0, "1": 1, "real": 0, "fake": 1}


class LabelFile(Parameters):
    """A CSV of labels, as used for DFDC's validation and test videos."""

    csv: str = Field(description="the file: filename,label, 1 = fake; a relative path starts at the root")
    videos: str = Field(description="the folder with its videos; a relative path starts at the root")
    split: Literal["train", "val", "test"] = Field(description="the split that its videos are in")


class DfdcConfig(DatasetConfig):
    """DFDC: one part, or a folder of parts."""

    type: Literal["dfdc"] = Field(description="DFDC")
    parts: tuple[str, ...] | None = Field(None, description="the folders to use; else all that have a metadata.json")
    label_files: tuple[LabelFile, ...] = Field((), description="label CSVs that are not beside their videos")

    def sources(self) -> list[str]:
        """Return the root, the label files and their videos."""
        return [self.folder, *(self.path(p) for labels in self.label_files for p in (labels.csv, labels.videos))]


@dataclass(frozen=True)
class _Entry:
    """What a metadata.json or a label file says about one video.

    Attributes:
        path: of the video.
        label: 0 real, 1 fake.
        split: "val" or "test"; "" for a training video, which gets its split later.
        original: the name of the real video that a fake was made from, without extension; None if it is not known.
        source: the file that says so.
    """

    path: str
    label: int
    split: str
    original: str | None
    source: str


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return any(os.path.isfile(os.path.join(folder, "metadata.json")) for folder in _folders(root))


def list_videos(config: DfdcConfig) -> Listing:
    """List every video that a metadata.json or a label file names.

    Args:
        config: a `DfdcConfig`.

    Returns:
        A `Listing`; training videos have no split yet.

    Raises:
        InputError: a metadata.json or a label file is broken, two of them disagree, or a part is missing.
    """
    listing, parts = Listing(), _parts(config)
    named = _named_videos(config, parts, listing)
    listing.to_fill = splits_to_fill({entry.split for entry in named})
    for name, entry in _once(named).items():
        video = _video(config, name, entry)
        if os.path.isfile(entry.path):
            listing.videos.append(video)
        else:
            listing.missing.append(video.video_id)
    used = {os.path.realpath(entry.path) for entry in named if os.path.isfile(entry.path)}
    there = {path for folder in (parts if config.parts else [config.folder]) for path in find(folder, NOT_DOCUMENTS)}
    listing.unlisted = relative((path for path in there if os.path.realpath(path) not in used), config.folder)
    return listing


def identities_of(name: str, label: int, original: str | None) -> tuple[str, ...]:
    """Return whose face a video shows; DFDC names people only by the real video that a fake was made from.

    A real video stands for its own person, and a fake for the person of its `original`, so that both go to the same
    split. A fake whose `original` is missing has no known person: it gets no identity, and is assigned to a split by
    itself. It is not left out. In a label CSV no fake has an original, but the file's split is given.

    Args:
        name: of the video, without extension.
        label: 0 real, 1 fake.
        original: the fake's original, without extension, or None.
    """
    person = original if label else name
    return (person,) if person else ()


def _named_videos(config: DfdcConfig, parts: Sequence[str], listing: Listing) -> list[_Entry]:
    """Read all label files and metadata; a label CSV that cannot be assigned to a split becomes a note."""
    named = [entry for labels in config.label_files for entry in _read_labels(config, labels)]
    explicit = {config.path(labels.csv) for labels in config.label_files}
    for part in parts:
        beside = [path for path in _label_files(part) if path not in explicit]
        split = _split_of(part, config.folder)
        if split:
            for path in beside:
                named += _read_csv(path, _videos_folder(part), split)
        else:
            listing.notes += [
                f"{relative([path], config.folder)[0]}: not used, because its folder is not called test or val: "
                'name it in "label_files"'
                for path in beside
            ]
        metadata = os.path.join(part, "metadata.json")
        if os.path.isfile(metadata) and not (beside and split):
            named += _read_metadata(metadata, split)
    return named


def _video(config: DfdcConfig, name: str, entry: _Entry) -> Video:
    method = "fake" if entry.label else "real"
    people = tuple(f"{config.name}/{person}" for person in identities_of(name, entry.label, entry.original))
    return Video(f"{config.name}/{method}/{name}", entry.path, config.name, method, entry.label, entry.split, people)


def _once(named: Sequence[_Entry]) -> dict[str, _Entry]:
    """Return name -> entry; of two entries for a video (the sample repeats a part), one whose file exists."""
    chosen: dict[str, _Entry] = {}
    for entry in named:
        other = chosen.setdefault(stem(entry.path), entry)
        if other.label != entry.label:
            raise InputError(
                f"{os.path.basename(entry.path)} is {'fake' if other.label else 'real'} in {other.source} "
                f"and {'fake' if entry.label else 'real'} in {entry.source}; remove the wrong one"
            )
        if not os.path.isfile(other.path) and os.path.isfile(entry.path):
            chosen[stem(entry.path)] = entry
    return chosen


def _folders(root: str) -> list[str]:
    """Return the root and the folders up to two levels below it."""
    below = subfolders(root)
    return [root, *below, *(folder for one in below for folder in subfolders(one))]


def _parts(config: DfdcConfig) -> list[str]:
    folders = _folders(config.folder)
    if config.parts is None:
        return folders
    by_name = {name: folder for folder in folders for name in (os.path.basename(folder), config.path(folder))}
    chosen = []
    for part in config.parts:
        folder = by_name.get(part) or by_name.get(config.path(part))
        if folder is None or not _names_videos(folder):
            there = ", ".join(os.path.basename(folder) for folder in folders if _names_videos(folder))
            raise InputError(
                f"parts: {part}: no such folder with a metadata.json or a label file below {config.folder}; "
                f"there: {there or 'none'}"
            )
        chosen.append(folder)
    return chosen


def _names_videos(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "metadata.json")) or bool(_label_files(folder))


def _split_of(folder: str, root: str) -> str:
    """Return the split in a folder's name: dfdc/validation -> "val", dfdc/dfdc_test -> "test", dfdc/part_3 -> ""."""
    name = os.path.basename(root) if folder == root else os.path.relpath(folder, root)
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLIT_NAMES[word] for word in words if SPLIT_NAMES.get(word, "train") != "train"), "")


def _videos_folder(part: str) -> str:
    below = os.path.join(part, "videos")
    return below if os.path.isdir(below) else part


def _label_files(folder: str) -> list[str]:
    csvs = [entry.path for entry in entries(folder) if entry.name.lower().endswith(".csv")]
    return [path for path in csvs if _header(path) == HEADER]


def _header(path: str) -> list[str] | None:
    """Return the first two columns that a CSV names; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            line = stream.readline()
    except (OSError, UnicodeDecodeError):
        return None
    return [cell.strip(' "\r\n').lower() for cell in line.split(separator_of(line, HEADER))][:2]


def _read_labels(config: DfdcConfig, labels: LabelFile) -> list[_Entry]:
    path, folder = config.path(labels.csv), config.path(labels.videos)
    if not os.path.isdir(folder):
        raise InputError(
            f"label_files: videos: {folder}: no such folder; set it to the folder with the videos of {path}"
        )
    return _read_csv(path, folder, labels.split)


def _read_csv(path: str, folder: str, split: str) -> list[_Entry]:
    table = read_table(path, HEADER, "filename,label")
    named = []
    for line, cells in table.rows:
        row = dict(zip(table.header, cells, strict=True))
        name, label = row["filename"].replace("\\", "/"), row["label"].lower()
        if not name or label not in CSV_LABELS:
            raise InputError(
                f"{path}:{line}: {table.separator.join(cells)!r} must be filename,label with 0 for real or 1 for fake"
            )
        named.append(_Entry(os.path.join(folder, name), CSV_LABELS[label], split, None, path))
    return named


def _read_metadata(path: str, split: str) -> list[_Entry]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f'{path}: must be an object, as {{"x.mp4": {{"label": "FAKE", "original": "y.mp4"}}}}')
    named = []
    for name, fields in content.items():
        label = fields.get("label") if isinstance(fields, dict) else None
        original = fields.get("original") if isinstance(fields, dict) else None
        if label not in ("REAL", "FAKE") or not isinstance(original, str | None):
            raise InputError(
                f'{path}: "{name}" is {fields!r}; it needs a label, REAL or FAKE, and the name of a video as original'
            )
        own_split = {"train": "", "val": "val", "test": "test"}.get(SPLIT_NAMES.get(fields.get("split"), ""), split)
        location = os.path.join(os.path.dirname(path), name)
        named.append(_Entry(location, int(label == "FAKE"), own_split, stem(original) if original else None, path))
    return named
