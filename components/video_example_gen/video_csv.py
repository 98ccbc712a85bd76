"""CSV files of videos or pictures: path, label and, where known, split, method, identities and original."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from artifacts.errors import InputError
from artifacts.media_files import PICTURES, VIDEOS, is_media, kind_of
from components.video_example_gen.dataset_config import SPLIT_NAMES
from components.video_example_gen.dataset_files import stem
from components.video_example_gen.tables import read_table

LABELS = {"real": 0, "0": 0, "0.0": 0, "fake": 1, "1": 1, "1.0": 1}
COLUMNS = ("path", "label", "split", "method", "identities", "original")


@dataclass(frozen=True)
class Row:
    """One row of a CSV.

    Attributes:
        path: as it is written there.
        label: 0 real, 1 fake.
        split: "" if the row does not give one.
        method: "real" for real videos; "fake" if the row says no more.
        people: everyone in it, without the data set's name.
    """

    path: str
    label: int
    split: str
    method: str
    people: tuple[str, ...]


def read_rows(path: str, images_only: bool = False) -> list[Row]:
    """Read a table with a header; the columns may be in any order, and unknown columns are ignored.

    Its separator may be any of `tables.SEPARATORS`.

    Args:
        path: the file.
        images_only: reject videos.

    Raises:
        InputError: there is no header, or a row cannot be used; names file and line.
    """
    table = read_table(path, ("path", "label"), f"path,label and any of {', '.join(COLUMNS[2:])}")
    rows = []
    line_of: dict[str, int] = {}
    for line, cells in table.rows:
        row = _row(f"{path}:{line}", dict(zip(table.header, cells, strict=True)), images_only)
        first = line_of.setdefault(os.path.normpath(row.path), line)
        if first != line:
            raise InputError(f"{path}:{line}: {row.path} is already in line {first}; remove one of the two")
        rows.append(row)
    return rows


def _row(where: str, cells: Mapping[str, str], images_only: bool) -> Row:
    path, label_name = cells["path"], cells["label"].lower()
    allowed = PICTURES if images_only else (*VIDEOS, *PICTURES)
    if not is_media(path) or (images_only and kind_of(path) != "image"):
        raise InputError(f"{where}: path {path!r} must end in one of {' '.join(allowed)}")
    if label_name not in LABELS:
        raise InputError(f"{where}: label {cells['label']!r} is unknown; it can be real or 0, fake or 1")
    split = cells.get("split", "").lower()
    if split and split not in SPLIT_NAMES:
        raise InputError(f"{where}: split {cells['split']!r} is unknown; it can be train, val, test or empty")
    label = LABELS[label_name]
    method = cells.get("method", "") or ("fake" if label else "real")
    if (method.lower() == "real") != (label == 0) or "/" in method:
        raise InputError(
            f"{where}: method {method!r} does not fit label {label_name}; leave it empty for real videos, and give "
            "fakes a name without a slash"
        )
    return Row(path, label, SPLIT_NAMES.get(split, ""), method if label else "real", _people(cells, path, label))


def _people(cells: Mapping[str, str], path: str, label: int) -> tuple[str, ...]:
    people = [name.strip() for name in cells.get("identities", "").split(";") if name.strip()]
    original = cells.get("original", "")
    if original:
        people.insert(0, _stem(original) if is_media(original) else original)
    elif "original" in cells and label == 0:
        people.insert(0, _stem(path))  # the fakes made from it name it like this
    return tuple(dict.fromkeys(people))


def _stem(path: str) -> str:
    """The name of a file without folder and extension, also of a path as Windows writes it."""
    return stem(path.replace("\\", "/"))
