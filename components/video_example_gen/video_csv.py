"""CSV files of videos or pictures: path, label and, where known, split, method, identities and original."""

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass

from artifacts.errors import InputError
from artifacts.media_files import PICTURES, VIDEOS, is_media, kind_of
from components.video_example_gen.dataset_config import SPLIT_NAMES
from components.video_example_gen.dataset_files import read_text, stem

LABELS = {"real": 0, "0": 0, "fake": 1, "1": 1}
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
    """Read a CSV with a header; the columns may be in any order, and unknown columns are ignored.

    Args:
        path: the file.
        images_only: reject videos.

    Raises:
        InputError: there is no header, or a row cannot be used; names file and line.
    """
    reader = csv.reader(io.StringIO(read_text(path)), skipinitialspace=True)
    header = [name.strip().lower() for name in next(reader, [])]
    lacking = [name for name in ("path", "label") if name not in header]
    if lacking:
        raise InputError(
            f"{path}:1: the first line must name the columns, and {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} missing; use path,label and any of {', '.join(COLUMNS[2:])}"
        )
    rows = []
    line_of: dict[str, int] = {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}:{reader.line_num}"
        if len(cells) != len(header):
            raise InputError(
                f"{where}: {len(cells)} cells in a table of {len(header)} columns; quote cells that contain commas"
            )
        row = _row(where, dict(zip(header, (cell.strip() for cell in cells), strict=True)), images_only)
        first = line_of.setdefault(os.path.normpath(row.path), reader.line_num)
        if first != reader.line_num:
            raise InputError(f"{where}: {row.path} is already in line {first}; remove one of the two")
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
        people.insert(0, stem(original) if is_media(original) else original)
    elif "original" in cells and label == 0:
        people.insert(0, stem(path))  # the fakes made from it name it like this
    return tuple(dict.fromkeys(people))
