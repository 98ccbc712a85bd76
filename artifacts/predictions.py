"""Prediction rows on disk: Parquet, one file for each TFRecord file, its rows in the order of the records."""

import contextlib
import glob
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow
import pyarrow.parquet

from artifacts.errors import InputError
from artifacts.writing import whole

# Rows as columns of equal length, by name. A text column may be a `pyarrow.DictionaryArray`, so that no text is held
# for each row; every other column is a NumPy array [n].
Column: TypeAlias = np.ndarray | pyarrow.DictionaryArray
Columns: TypeAlias = dict[str, Column]

_TEXT = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
SCHEMA = pyarrow.schema(
    {
        "video_id": _TEXT,
        "dataset": _TEXT,
        "method": _TEXT,
        "label": pyarrow.int8(),  # 0 real, 1 fake
        "frame_index": pyarrow.int32(),
        "track": pyarrow.int32(),  # 0 is the main face
        "logit": pyarrow.float32(),  # fake minus real
        "center_similarity": pyarrow.float32(),
        "fake_probability": pyarrow.float32(),  # as served
        "offset": pyarrow.int64(),  # of the face's record in its TFRecord file, in bytes
    }
)
COLUMNS = tuple(name for name in SCHEMA.names if name != "offset")
TEXTS = tuple(field.name for field in SCHEMA if field.type == _TEXT)
ROW_GROUP = 1 << 16  # rows; what a writer and a reader hold at a time


def file_name(split: str, number: int, count: int) -> str:
    """Return the name of one of a split's files, such as `predictions-test-00000-of-00016.parquet`."""
    return f"predictions-{split}-{number:05d}-of-{count:05d}.parquet"


def find_predictions(folder: str, split: str) -> list[str]:
    """List the prediction files of a split in their canonical order.

    Raises:
        InputError: there are none, some are missing, or some belong to another run.
    """
    pattern = os.path.join(glob.escape(folder), f"predictions-{glob.escape(split)}-*-of-*.parquet")
    paths = sorted(glob.glob(pattern))
    if not paths:
        raise InputError(f"{folder}: holds no predictions-{split}-*.parquet. Name the Evaluator's `predictions` folder")
    count = int(paths[0].rpartition("-of-")[2].removesuffix(".parquet"))
    expected = [os.path.join(folder, file_name(split, number, count)) for number in range(count)]
    if paths != expected:
        odd = sorted(set(paths) ^ set(expected))[0]
        state = "is of another run" if os.path.exists(odd) else "is missing"
        raise InputError(f"{odd}: {state}; the {split} predictions are incomplete. Evaluate again into an empty folder")
    return paths


def read_predictions(folder: str, split: str) -> Columns:
    """Read all rows of a split, in the order of the TFRecord files and of the records in each.

    Takes 33 bytes a row: 20 million rows are 0.66 GB.

    Returns:
        `COLUMNS`, each [n]: `TEXTS` as `pyarrow.DictionaryArray` with int32 indices, the rest as NumPy arrays.

    Raises:
        InputError: files are missing or damaged, or a row's label is neither 0 nor 1.
    """
    paths = find_predictions(folder, split)
    total = sum(row_count(path) for path in paths)
    empty = pyarrow.table({name: [] for name in SCHEMA.names}, SCHEMA)
    columns: Columns = {
        name: np.empty(total, np.int32 if name in TEXTS else empty[name].to_numpy().dtype) for name in COLUMNS
    }
    codes: dict[str, dict[str, int]] = {name: {} for name in TEXTS}  # text -> its code over all files
    start = 0
    for path in paths:  # one open at a time: each holds buffers
        for batch in _open(path).iter_batches(ROW_GROUP, columns=list(COLUMNS)):
            _check_labels(path, batch.column("label").to_numpy())
            rows = slice(start, start + batch.num_rows)
            for name in COLUMNS:
                values = batch.column(name)
                if name in TEXTS:  # each row group has codes of its own
                    known = codes[name]
                    code_of = [known.setdefault(text, len(known)) for text in values.dictionary.to_pylist()]
                    columns[name][rows] = np.array(code_of, np.int32)[values.indices.to_numpy()]
                else:
                    columns[name][rows] = values.to_numpy()
            start = rows.stop
    for name in TEXTS:
        names = pyarrow.array(codes[name], pyarrow.string())
        columns[name] = pyarrow.DictionaryArray.from_arrays(columns[name], names)
    return columns


def _check_labels(path: str, labels: np.ndarray) -> None:
    wrong = labels[(labels != 0) & (labels != 1)]
    if len(wrong):
        raise InputError(f"{path}: holds a label {wrong[0]}; 0 is real and 1 is fake. Delete it and evaluate again")


def row_count(path: str) -> int:
    """Return how many rows a prediction file has.

    Raises:
        InputError: the file is damaged.
    """
    return int(_open(path).metadata.num_rows)


def locate(folder: str, split: str, rows: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the face examples that some rows were predicted from.

    Args:
        folder: a `predictions` artifact.
        split: "val" or "test".
        rows: row numbers in the order of `read_predictions`, int [n], ascending.

    Returns:
        (file, offset), each int64 [n]: the number of the TFRecord file, and the record's first byte in it.

    Raises:
        InputError: files are missing or damaged.
        IndexError: a row that does not exist.
    """
    paths = find_predictions(folder, split)
    ends = np.cumsum([row_count(path) for path in paths])
    rows = np.asarray(rows, np.int64)
    if len(rows) and not (rows[0] >= 0 and rows[-1] < ends[-1] and (np.diff(rows) >= 0).all()):
        raise IndexError(f"rows must rise from 0 to {ends[-1] - 1}. Received: {rows[0]}, ..., {rows[-1]}")
    number = np.searchsorted(ends, rows, side="right")
    offset = np.empty(len(rows), np.int64)
    for k in np.unique(number):
        of_file = number == k
        start = ends[k - 1] if k else 0
        offset[of_file] = _open(paths[k]).read(["offset"]).column(0).to_numpy()[rows[of_file] - start]
    return number, offset


def is_of(path: str, origin: Mapping[str, str]) -> bool:
    """Tell whether a finished prediction file exists and has this origin; see `writer`."""
    try:
        found = pyarrow.parquet.read_schema(path).metadata or {}
    except (OSError, pyarrow.ArrowInvalid):  # missing, or not a file that `writer` wrote
        return False
    return all(found.get(key.encode()) == value.encode() for key, value in origin.items())


@contextlib.contextmanager
def writer(path: str, origin: Mapping[str, str]) -> Iterator[Callable[[Columns], None]]:
    """Open a prediction file for writing; it appears under its name once the body has succeeded.

    Args:
        path: of the file.
        origin: what the predictions come from; stored in the file.

    Yields:
        A function that appends rows, given as all of `SCHEMA`'s columns.

    Raises:
        InputError: the file cannot be written.
    """
    waiting: list[Columns] = []
    rows = 0
    with whole(path) as beside, pyarrow.parquet.ParquetWriter(beside, SCHEMA.with_metadata(dict(origin))) as stream:

        def flush() -> None:
            nonlocal rows
            if waiting:
                joined = {name: np.concatenate([part[name] for part in waiting]) for name in SCHEMA.names}
                stream.write_table(pyarrow.table(joined, SCHEMA))
            waiting.clear()
            rows = 0

        def write(columns: Columns) -> None:
            nonlocal rows
            waiting.append(columns)
            rows += len(columns["label"])
            if rows >= ROW_GROUP:
                flush()

        yield write
        flush()


def _open(path: str) -> pyarrow.parquet.ParquetFile:
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise InputError(f"{path}: damaged ({error}). Delete it and evaluate again") from error
