"""Any other data set: folders named real and fake, or a CSV, with videos, pictures or face crops."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Video
from artifacts.media_files import is_media, kind_of
from components.video_example_gen.dataset_config import SPLIT_NAMES, DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, relative, subfolders
from components.video_example_gen.listing import Listing
from components.video_example_gen.video_csv import Row, read_rows

TITLE = "a folder of real and fake videos"
SIGNS = "real/ or fake/, in the root or below train/, val/ and test/"

CSV_HELP = (
    "a CSV (separated by commas, semicolons, tabs or bars), or one for each split; columns path and label (real, fake, "
    "0 or 1), and any of split, method, identities (separated by ;) and original; relative paths start at the root"
)
LABELS = {"real": 0, "fake": 1}


Split = Literal["train", "val", "test"]


class _CsvConfig(DatasetConfig):
    csv: str | dict[Split, str] | None

    def csv_files(self) -> dict[str, str]:
        """Return split -> CSV file; the split is "" if the rows give it."""
        if not self.csv:
            return {}
        if isinstance(self.csv, str):
            return {"": self.path(self.csv)}
        return {split: self.path(name) for split, name in self.csv.items()}

    def sources(self) -> list[str]:
        """Return the root and the CSVs."""
        return [self.folder, *self.csv_files().values()]


class FolderConfig(_CsvConfig):
    """Videos or pictures in folders named real and fake, or listed in a CSV."""

    type: Literal["folder"] = Field(description="any videos or pictures, in folders real/ and fake/ or listed in a CSV")
    csv: str | dict[Split, str] | None = Field(None, description=f"{CSV_HELP}; without it, folders")


class CropsConfig(_CsvConfig):
    """Pictures of single faces that are already cropped, listed in a CSV."""

    type: Literal["crops"] = Field(description="pictures of faces that are already cropped, listed in a CSV")
    csv: str | dict[Split, str] = Field(description=CSV_HELP)


def recognises(root: str) -> bool:
    """Tell whether a folder has real/ or fake/, directly or below train/, val/ or test/."""
    below = subfolders(root)
    splits = [folder for folder in below if os.path.basename(folder).lower() in SPLIT_NAMES]
    candidates = [*below, *(inner for split in splits for inner in subfolders(split))]
    return any(os.path.basename(folder).lower() in LABELS for folder in candidates)


def list_videos(config: FolderConfig | CropsConfig) -> Listing:
    """List folders or CSVs. Splits that the user does not give are carved out of train.

    Raises:
        InputError: a CSV cannot be used; names file and line.
    """
    present = find(config.folder, NOT_DOCUMENTS)
    rows = _rows_of_csvs(config) if config.csv else _rows_of_folders(config, filter(is_media, present))
    listing = Listing(to_fill=splits_to_fill({row.split for row in rows.values()}))
    divided = len(listing.to_fill) > 1  # then train gives up some of its videos
    ids = _ids(config, rows)
    for path, row in rows.items():
        if not os.path.isfile(path):
            listing.missing.append(ids[path])
            continue
        split = "" if divided and row.split == "train" else row.split
        people = tuple(f"{config.name}/{person}" for person in row.people)
        kind = "crop" if config.type == "crops" else kind_of(path)
        listing.videos.append(Video(ids[path], path, config.name, row.method, row.label, split, people, kind))
    listing.notes = _of_windows(rows, {path for path in rows if not os.path.isfile(path)})
    if divided and any(row.split == "train" for row in rows.values()):
        lacking = " and ".join(listing.to_fill[1:])
        listing.notes.append(f"nothing is given as {lacking}: a share of train, by split_fractions, becomes {lacking}")
    listing.unlisted = relative((path for path in present if path not in rows), config.folder)
    return listing


def _rows_of_csvs(config: FolderConfig | CropsConfig) -> dict[str, Row]:
    """Return absolute path -> row of all CSVs."""
    rows: dict[str, Row] = {}
    source: dict[str, str] = {}
    for split, table in config.csv_files().items():
        for row in read_rows(table, images_only=config.type == "crops"):
            path = _locate(config, row.path)
            if path in rows:
                raise InputError(f"csv: {row.path} is in {source[path]} and in {table}; remove it from one of them")
            if split and row.split not in ("", split):
                raise InputError(f'csv: {table}: {row.path} has split {row.split}, but the file is given as "{split}"')
            rows[path], source[path] = replace(row, split=split or row.split), table
    return rows


def _locate(config: DatasetConfig, name: str) -> str:
    """Return the absolute path of a file that a CSV names, with slashes or, where there is none such, backslashes."""
    path = config.path(name)
    return path if "\\" not in name or os.path.lexists(path) else config.path(name.replace("\\", "/"))


def _of_windows(rows: Mapping[str, Row], missing: Collection[str]) -> list[str]:
    """Say what to do about paths of another system, with a drive's letter, that are not here."""
    found = [row.path for path, row in rows.items() if path in missing and re.match(r"[A-Za-z]:[\\/]", row.path)]
    if not found:
        return []
    return [f"{len(found)} paths start with a drive, such as {found[0]}: write them relative to the root"]


def _rows_of_folders(config: DatasetConfig, paths: Iterable[str]) -> dict[str, Row]:
    """Return path -> row for the files in real/ and fake/."""
    rows = {}
    for path in paths:
        above = os.path.relpath(path, config.folder).lower().split(os.sep)[:-1]
        split = SPLIT_NAMES[above.pop(0)] if len(above) > 1 and above[0] in SPLIT_NAMES else ""
        if above and above[0] in LABELS:
            rows[path] = Row(path, LABELS[above[0]], split, above[0], ())
    return rows


def _ids(config: DatasetConfig, rows: Mapping[str, Row]) -> dict[str, str]:
    """Return path -> video id; the extension is kept only where x.jpg and x.png would get the same id without it."""
    full = {}
    for path, row in rows.items():
        inside = os.path.relpath(path, config.folder)
        name = (path if inside.startswith(os.pardir) else inside).replace(os.sep, "/").lstrip("/")
        full[path] = f"{config.name}/{row.method}/{name}"
    short = {path: os.path.splitext(name)[0] for path, name in full.items()}
    count = Counter(short.values())
    return {path: short[path] if count[short[path]] == 1 else full[path] for path in rows}
