"""DFDC: parts with a metadata.json each; validation and test videos with a CSV of labels."""

import os
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Listing, Video
from commands.parameters import Parameters
from components.video_example_gen.dataset_config import SPLIT_NAMES, DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import entries, find, read_json, read_text, relative, stem, subfolders

TITLE = "DFDC"
SIGNS = "metadata.json in the root or up to two folders below it"

HEADER = ["filename", "label"]
CSV_LABELS = {"0": 0, "1": 1, "real": 0, "fake": 1}


class LabelFile(Parameters):
    """A CSV of labels, as DFDC's validation and test videos have."""

    csv: str = Field(description="the file: filename,label, 1 = fake; a relative path starts at the root")
    videos: str = Field(description="the folder with its videos; a relative path starts at the root")
    split: Literal["train", "val", "test"] = Field(description="the split that its videos are in")


class DfdcConfig(DatasetConfig):
    """DFDC: one part, or a folder of parts."""

    type: Literal["dfdc"] = Field(description="DFDC")
    parts: tuple[str, ...] | None = Field(None, description="the folders to use; else all that have a metadata.json")
    label_files: tuple[LabelFile, ...] = Field((), description="label CSVs that do not lie beside their videos")

    def sources(self):
        """Return the root, the label files and their videos."""
        return [self.folder, *(self.path(p) for labels in self.label_files for p in (labels.csv, labels.videos))]


@dataclass(frozen=True)
class _Entry:
    """What a metadata.json or a label file says of one video."""

    path: str
    label: int
    split: str
    original: str | None
    source: str


def recognises(root):
    """Tell whether a folder looks like this data set."""
    return any(os.path.isfile(os.path.join(folder, "metadata.json")) for folder in _folders(root))


def list_videos(config):
    """List DFDC: everything that a metadata.json or a label file names.

    Args:
        config: a `DfdcConfig`.

    Returns:
        A `Listing`; training videos have no split yet.

    Raises:
        InputError: a metadata.json or a label file is broken, two of them disagree, or a part is not there.
    """
    listing, parts = Listing(), _parts(config)
    named = [e for labels in config.label_files for e in _read_labels(config, labels)]
    explicit = {config.path(labels.csv) for labels in config.label_files}
    for part in parts:
        beside = [path for path in _label_files(part) if path not in explicit]
        split = _split_of(part, config.folder)
        for path in beside if split else ():
            named += _read_csv(path, _videos_folder(part), split)
        if beside and not split:
            listing.notes += [
                f"{relative([path], config.folder)[0]}: not used, since its folder is not called test or val: "
                'name it in "label_files"'
                for path in beside
            ]
        metadata = os.path.join(part, "metadata.json")
        if os.path.isfile(metadata) and not (beside and split):
            named += _read_metadata(metadata, split)

    listing.to_fill = splits_to_fill({entry.split for entry in named})
    for name, entry in _once(named).items():
        video = _video(config, name, entry)
        if os.path.isfile(entry.path):
            listing.videos.append(video)
        else:
            listing.missing.append(video.video_id)
    used = {os.path.realpath(entry.path) for entry in named}
    below = parts if config.parts else [config.folder]
    listing.unlisted = relative({p for f in below for p in find(f) if os.path.realpath(p) not in used}, config.folder)
    return listing


def _video(config, name, entry):
    method = "fake" if entry.label else "real"
    person = entry.original if entry.label else name
    people = (f"{config.name}/{person}",) if person else ()
    return Video(f"{config.name}/{method}/{name}", entry.path, config.name, method, entry.label, entry.split, people)


def _once(named):
    """Return name -> entry; of a video that is named twice (the sample repeats a part) the one that exists."""
    chosen = {}
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


def _folders(root):
    below = subfolders(root)
    return [root, *below, *(folder for one in below for folder in subfolders(one))]


def _parts(config):
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


def _names_videos(folder):
    return os.path.isfile(os.path.join(folder, "metadata.json")) or bool(_label_files(folder))


def _split_of(folder, root):
    """The split that a folder's name tells: dfdc/validation -> val, dfdc/dfdc_test -> test, dfdc/part_3 -> ""."""
    name = os.path.basename(root) if folder == root else os.path.relpath(folder, root)
    words = re.split(r"[^a-z]+", name.lower())
    return next((SPLIT_NAMES[word] for word in words if SPLIT_NAMES.get(word, "train") != "train"), "")


def _videos_folder(part):
    below = os.path.join(part, "videos")
    return below if os.path.isdir(below) else part


def _label_files(folder):
    return [e.path for e in entries(folder) if e.name.lower().endswith(".csv") and _header(e.path) == HEADER]


def _header(path):
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return [cell.strip().lower() for cell in stream.readline().split(",")][:2]
    except (OSError, UnicodeDecodeError):
        return None


def _read_labels(config, labels):
    path, folder = config.path(labels.csv), config.path(labels.videos)
    if not os.path.isdir(folder):
        raise InputError(f"label_files: videos: {folder}: no such folder; set it to where the videos of {path} lie")
    return _read_csv(path, folder, labels.split)


def _read_csv(path, folder, split):
    lines = read_text(path).splitlines()
    if not lines or [cell.strip().lower() for cell in lines[0].split(",")][:2] != HEADER:
        raise InputError(f"{path}:1: the first line must be filename,label")
    named = []
    for number, line in enumerate(lines[1:], start=2):
        name, label, *_ = [*(cell.strip() for cell in line.split(",")), ""]
        if line.strip() and (not name or label.lower() not in CSV_LABELS):
            raise InputError(f"{path}:{number}: {line!r} must be filename,label with 0 for real or 1 for fake")
        if line.strip():
            named.append(_Entry(os.path.join(folder, name), CSV_LABELS[label.lower()], split, None, path))
    return named


def _read_metadata(path, split):
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f'{path}: must be an object, as {{"x.mp4": {{"label": "FAKE", "original": "y.mp4"}}}}')
    named = []
    for name, entry in content.items():
        label = entry.get("label") if isinstance(entry, dict) else None
        original = entry.get("original") if isinstance(entry, dict) else None
        if label not in ("REAL", "FAKE") or not isinstance(original, str | None):
            raise InputError(f'{path}: "{name}" is {entry!r}; it needs a label, REAL or FAKE, and a name as original')
        own = {"train": "", "val": "val", "test": "test"}.get(SPLIT_NAMES.get(entry.get("split")), split)
        location = os.path.join(os.path.dirname(path), name)
        named.append(_Entry(location, int(label == "FAKE"), own, original and stem(original), path))
    return named
