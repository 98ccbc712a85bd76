"""Prediction rows on disk: Parquet, one file for each TFRecord file, its rows in the records' order."""

import contextlib
import glob
import os
import re

import numpy as np
import pyarrow
import pyarrow.parquet

from artifacts.errors import InputError

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


def file_name(split, number, count):
    """`predictions-test-00000-of-00016.parquet` and its like."""
    return f"predictions-{split}-{number:05d}-of-{count:05d}.parquet"


def find_predictions(folder, split):
    """List the prediction files of a split in their canonical order.

    Raises:
        InputError: there is none, or not each of so many once.
    """
    pattern = os.path.join(glob.escape(folder), f"predictions-{glob.escape(split)}-*-of-*.parquet")
    paths = sorted(glob.glob(pattern))
    if not paths:
        raise InputError(f"{folder}: holds no predictions-{split}-*.parquet. Name the Evaluator's `predictions` folder")
    count = int(re.search(r"-of-(\d+)\.parquet$", paths[0])[1])
    expected = [os.path.join(folder, file_name(split, number, count)) for number in range(count)]
    if paths != expected:
        odd = sorted(set(paths) ^ set(expected))[0]
        state = "is of another run" if os.path.exists(odd) else "is missing"
        raise InputError(f"{odd}: {state}; the {split} predictions are not whole. Evaluate again into an empty folder")
    return paths


def read_predictions(folder, split):
    """Read all rows of a split, in the order of the TFRecord files and of the records in each.

    Takes 33 bytes a row: 20 million rows are 0.66 GB.

    Returns:
        `COLUMNS`, each [n]: `TEXTS` as `pyarrow.DictionaryArray` with int32 indices, the rest as NumPy arrays.

    Raises:
        InputError: files are missing or damaged.
    """
    paths = find_predictions(folder, split)
    total = sum(row_count(path) for path in paths)
    empty = pyarrow.table({name: [] for name in SCHEMA.names}, SCHEMA)
    columns = {name: np.empty(total, np.int32 if name in TEXTS else empty[name].to_numpy().dtype) for name in COLUMNS}
    codes = {name: {} for name in TEXTS}  # text -> its index
    start = 0
    for path in paths:  # one open at a time: each holds buffers
        for batch in _open(path).iter_batches(ROW_GROUP, columns=list(COLUMNS)):
            rows = slice(start, start + batch.num_rows)
            for name in COLUMNS:
                values = batch.column(name)
                if name in TEXTS:  # each row group has indices of its own
                    ours = [codes[name].setdefault(text, len(codes[name])) for text in values.dictionary.to_pylist()]
                    columns[name][rows] = np.array(ours, np.int32)[values.indices.to_numpy()]
                else:
                    columns[name][rows] = values.to_numpy()
            start = rows.stop
    for name in TEXTS:
        columns[name] = pyarrow.DictionaryArray.from_arrays(columns[name], pyarrow.array(codes[name], pyarrow.string()))
    return columns


def row_count(path):
    """How many rows a prediction file has; `InputError` where it is damaged."""
    return _open(path).metadata.num_rows


def locate(folder, split, rows):
    """Say where the faces of some rows lie.

    Args:
        rows: numbers in the order of `read_predictions`, int [n], rising.

    Returns:
        (file, offset), each int64 [n]: which TFRecord file by number, and the record's first byte in it.

    Raises:
        InputError: files are missing or damaged.
        IndexError: a row that is not there.
    """
    paths = find_predictions(folder, split)
    ends = np.cumsum([row_count(path) for path in paths])
    rows = np.asarray(rows, np.int64)
    if len(rows) and not (rows[0] >= 0 and rows[-1] < ends[-1] and (np.diff(rows) >= 0).all()):
        raise IndexError(f"rows must rise from 0 to {ends[-1] - 1}. Received: {rows[0]}, ..., {rows[-1]}")
    number = np.searchsorted(ends, rows, side="right")
    offsets = [np.empty(0, np.int64)]
    for k in np.unique(number):
        start = ends[k - 1] if k else 0
        offsets.append(_open(paths[k]).read(["offset"]).column(0).to_numpy()[rows[number == k] - start])
    return number, np.concatenate(offsets)


def is_of(path, origin):
    """Whether a finished prediction file is there and has this origin, a dict of strings; see `writer`."""
    try:
        found = pyarrow.parquet.read_schema(path).metadata or {}
    except (OSError, pyarrow.ArrowInvalid):  # none, or not from here
        return False
    return all(found.get(key.encode()) == value.encode() for key, value in origin.items())


@contextlib.contextmanager
def writer(path, origin):
    """Open a prediction file for writing; it appears under its name when the body has ended well.

    Args:
        path: of the file.
        origin: dict of strings that tell what the predictions come from; stored in the file.

    Yields:
        A function that takes the next rows: a dict with `SCHEMA`'s columns.
    """
    partial = f"{path}.{os.getpid()}.partial"
    waiting, rows = [], 0
    try:
        with pyarrow.parquet.ParquetWriter(partial, SCHEMA.with_metadata(origin)) as stream:

            def flush():
                nonlocal waiting, rows
                if waiting:
                    joined = {name: np.concatenate([part[name] for part in waiting]) for name in SCHEMA.names}
                    stream.write_table(pyarrow.table(joined, SCHEMA))
                waiting, rows = [], 0

            def write(columns):
                nonlocal rows
                waiting.append(columns)
                rows += len(columns["label"])
                if rows >= ROW_GROUP:
                    flush()

            yield write
            flush()
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def _open(path):
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise InputError(f"{path}: damaged ({error}). Delete it and evaluate again") from error
