"""Any data set: folders called real and fake, or a CSV; videos, pictures, or faces that are cut out already."""

import os
from collections import Counter
from dataclasses import replace
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Listing, Video
from components.video_example_gen.dataset_config import SPLIT_NAMES, DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import find, kind_of, relative, subfolders
from components.video_example_gen.video_csv import Row, read_table

TITLE = "a folder of real and fake videos"
SIGNS = "real/ or fake/, in the root or below train/, val/ and test/"

CSV_HELP = (
    "a CSV, or one for each split; columns path and label (real, fake, 0 or 1), and any of split, method, "
    "identities (separated by ;) and original; relative paths start at the root"
)
LABELS = {"real": 0, "fake": 1}


class _TableConfig(DatasetConfig):
    def tables(self):
        """Return split -> CSV file; the split is "" where the rows tell it."""
        csv = self.csv if isinstance(self.csv, dict) else {"": self.csv} if self.csv else {}
        return {split: self.path(name) for split, name in csv.items()}

    def sources(self):
        """Return the root and the CSVs."""
        return [self.folder, *self.tables().values()]


class FolderConfig(_TableConfig):
    """Videos or pictures in folders called real and fake, or named by a CSV."""

    type: Literal["folder"] = Field(description="any videos or pictures, in folders real/ and fake/ or named by a CSV")
    csv: str | dict[Literal["train", "val", "test"], str] | None = Field(None, description=f"{CSV_HELP}; else folders")


class CropsConfig(_TableConfig):
    """Pictures of single faces that are cut out already, named by a CSV."""

    type: Literal["crops"] = Field(description="pictures of faces that are cut out already, named by a CSV")
    csv: str | dict[Literal["train", "val", "test"], str] = Field(description=CSV_HELP)


def recognises(root):
    """Tell whether a folder has real/ or fake/ in it, or below train/, val/ or test/."""
    below = subfolders(root)
    splits = [folder for folder in below if os.path.basename(folder).lower() in SPLIT_NAMES]
    names = [os.path.basename(p).lower() for p in [*below, *(inner for split in splits for inner in subfolders(split))]]
    return bool(LABELS.keys() & set(names))


def list_videos(config):
    """List folders or CSVs. Splits that the user does not give are to be taken out of train.

    Args:
        config: a `FolderConfig` or a `CropsConfig`.

    Returns:
        A `Listing`.

    Raises:
        InputError: a CSV cannot be used; names file and line.
    """
    present = find(config.folder, ("image",) if config.type == "crops" else ("video", "image"))
    rows = _rows_of_tables(config) if config.csv else _rows_of_folders(config, present)
    listing = Listing(to_fill=splits_to_fill({row.split for row in rows.values()}))
    divided = len(listing.to_fill) > 1  # then train gives some of its videos away
    ids = _ids(config, rows)
    for path, row in rows.items():
        if not os.path.isfile(path):
            listing.missing.append(ids[path])
            continue
        split = "" if divided and row.split == "train" else row.split
        people = tuple(f"{config.name}/{person}" for person in row.people)
        kind = "crop" if config.type == "crops" else kind_of(path)
        listing.videos.append(Video(ids[path], path, config.name, row.method, row.label, split, people, kind))
    listing.unlisted = relative((path for path in present if path not in rows), config.folder)
    return listing


def _rows_of_tables(config):
    """Return path -> row of all CSVs."""
    rows, source = {}, {}
    for split, table in config.tables().items():
        for row in read_table(table, images_only=config.type == "crops"):
            path = config.path(row.path)
            if path in rows:
                raise InputError(f"csv: {row.path} is in {source[path]} and in {table}; remove it from one of them")
            if split and row.split not in ("", split):
                raise InputError(f'csv: {table}: {row.path} has split {row.split}, but the file is given as "{split}"')
            rows[path], source[path] = replace(row, split=split or row.split), table
    return rows


def _rows_of_folders(config, paths):
    """Return path -> row of what lies in real/ and fake/."""
    rows = {}
    for path in paths:
        first, *rest = os.path.relpath(path, config.folder).lower().split(os.sep)[:-1] or [""]
        split, label = (SPLIT_NAMES[first], *rest[:1]) if first in SPLIT_NAMES and rest else ("", first)
        if label in LABELS:
            rows[path] = Row(path, LABELS[label], split, label, ())
    return rows


def _ids(config, rows):
    """Return path -> video id; without the extension, unless x.jpg and x.png would then be one."""
    full = {}
    for path, row in rows.items():
        inside = os.path.relpath(path, config.folder)
        name = (path if inside.startswith(os.pardir) else inside).replace(os.sep, "/").lstrip("/")
        full[path] = f"{config.name}/{row.method}/{name}"
    short = {path: os.path.splitext(name)[0] for path, name in full.items()}
    count = Counter(short.values())
    return {path: short[path] if count[short[path]] == 1 else full[path] for path in rows}
