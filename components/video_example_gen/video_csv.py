"""CSV files of videos or pictures: path,label and, where the user can tell, split, method, identities, original."""

import csv
import io
import os
from dataclasses import dataclass

from artifacts.errors import InputError
from components.video_example_gen.dataset_config import SPLIT_NAMES
from components.video_example_gen.dataset_files import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, kind_of, read_text, stem

LABELS = {"real": 0, "0": 0, "fake": 1, "1": 1}
COLUMNS = ("path", "label", "split", "method", "identities", "original")


@dataclass(frozen=True)
class Row:
    """One row of a CSV.

    Attributes:
        path: as it stands there.
        label: 0 real, 1 fake.
        split: "" where the row tells none.
        method: "real" for real ones; "fake" where the row tells no more.
        people: everyone in it, without the data set's name.
    """

    path: str
    label: int
    split: str
    method: str
    people: tuple[str, ...]


def read_table(path, images_only=False):
    """Read a CSV with a header; the order of its columns, and further ones, do not matter.

    Args:
        path: the file.
        images_only: a video is an error.

    Returns:
        A list of `Row`s.

    Raises:
        InputError: there is no header, or a row cannot be used; names file and line.
    """
    reader = csv.reader(io.StringIO(read_text(path)), skipinitialspace=True)
    header = [name.strip().lower() for name in next(reader, [])]
    lacking = [name for name in ("path", "label") if name not in header]
    if lacking:
        raise InputError(
            f"{path}:1: the first line must name the columns, and {' and '.join(lacking)} not among them; "
            f"use path,label and any of {', '.join(COLUMNS[2:])}"
        )
    rows, lines = [], {}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}:{reader.line_num}"
        if len(cells) != len(header):
            raise InputError(
                f"{where}: {len(cells)} cells in a table of {len(header)} columns; quote cells with commas"
            )
        row = _row(where, dict(zip(header, (cell.strip() for cell in cells), strict=True)), images_only)
        first = lines.setdefault(os.path.normpath(row.path), reader.line_num)
        if first != reader.line_num:
            raise InputError(f"{where}: {row.path} is in line {first} already; remove one of the two")
        rows.append(row)
    return rows


def _row(where, cells, images_only):
    path, told = cells["path"], cells["label"].lower()
    allowed = IMAGE_EXTENSIONS if images_only else (*VIDEO_EXTENSIONS, *IMAGE_EXTENSIONS)
    if kind_of(path) is None or (images_only and kind_of(path) != "image"):
        raise InputError(f"{where}: path {path!r} must end in one of {' '.join(allowed)}")
    if told not in LABELS:
        raise InputError(f"{where}: label {cells['label']!r} is unknown; it can be real or 0, fake or 1")
    split = cells.get("split", "").lower()
    if split and split not in SPLIT_NAMES:
        raise InputError(f"{where}: split {cells['split']!r} is unknown; it can be train, val, test or empty")
    label = LABELS[told]
    method = cells.get("method", "") or ("fake" if label else "real")
    if (method.lower() == "real") != (label == 0) or "/" in method:
        raise InputError(f"{where}: method {method!r} does not fit label {told}; real videos have none, fakes a name")
    return Row(path, label, SPLIT_NAMES.get(split, ""), method if label else "real", _people(cells, path, label))


def _people(cells, path, label):
    people = [name.strip() for name in cells.get("identities", "").split(";") if name.strip()]
    original = cells.get("original", "")
    if original:
        people.insert(0, stem(original) if kind_of(original) else original)
    elif "original" in cells and label == 0:
        people.insert(0, stem(path))  # the fakes made of it name it so
    return tuple(dict.fromkeys(people))
