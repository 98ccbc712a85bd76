import itertools

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from artifacts import predictions
from artifacts.errors import InputError


def make_rows(count, start=0, videos=3):
    """Rows `start` to `start + count` of a made-up split, two data sets of which the methods differ."""
    number = np.arange(start, start + count)
    dataset = np.array([f"d{k % 2}" for k in number // videos], object)
    method = np.array([("real", "df", "nt")[k % 3] for k in number // videos], object)
    video = [f"{d}/{m}/é{k}" for d, m, k in zip(dataset, method, number // videos, strict=True)]
    return {
        "video_id": np.array(video, object),
        "dataset": dataset,
        "method": method,
        "label": (method != "real").astype(np.int64),
        "frame_index": 7 * number,
        "track": number % 2,
        "logit": np.sin(number).astype(np.float32),
        "center_similarity": np.cos(number).astype(np.float32),
        "fake_probability": (0.5 + np.sin(number) / 2).astype(np.float32),
        "offset": 1000 * number,
    }


def write(folder, counts, batch=5, split="test", origin=None):
    """Write files of so many rows each, in batches; return all rows."""
    ends = list(itertools.accumulate(counts, initial=0))
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        path = str(folder / predictions.file_name(split, number, len(counts)))
        with predictions.writer(path, origin or {"model": "m"}) as add:
            for first in range(start, end, batch):
                add(make_rows(min(batch, end - first), first))
    return make_rows(ends[-1])


def as_lists(columns):
    return {name: columns[name].tolist() for name in predictions.COLUMNS}


@pytest.mark.parametrize("row_group", [1, 4, 1 << 16])
@pytest.mark.parametrize("counts", [(11, 0, 7), (1,), (0, 3), (0, 0)])
def test_what_was_written_is_read_in_order(counts, row_group, tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "ROW_GROUP", row_group)
    expected = write(tmp_path, counts)
    found = predictions.read_predictions(str(tmp_path), "test")
    assert as_lists(found) == as_lists(expected)
    for name in predictions.COLUMNS:
        if name in predictions.TEXTS:
            assert isinstance(found[name], pyarrow.DictionaryArray) and found[name].indices.type == pyarrow.int32()
            assert len(set(found[name].dictionary.to_pylist())) == len(found[name].dictionary)
        else:
            assert found[name].dtype == {"label": np.int8, "frame_index": np.int32, "track": np.int32}.get(
                name, np.float32
            )


def test_rows_are_written_in_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(predictions, "ROW_GROUP", 10)
    write(tmp_path, [23])
    file = pyarrow.parquet.ParquetFile(tmp_path / predictions.file_name("test", 0, 1))
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [10, 10, 3]


def test_other_readers_see_plain_columns(tmp_path):
    expected = write(tmp_path, [6])
    table = pyarrow.parquet.read_table(tmp_path / predictions.file_name("test", 0, 1))
    assert table.column_names == predictions.SCHEMA.names
    assert table.column("video_id").to_pylist() == expected["video_id"].tolist()
    encodings = pyarrow.parquet.read_metadata(tmp_path / predictions.file_name("test", 0, 1)).row_group(0)
    assert "RLE_DICTIONARY" in encodings.column(0).encodings


def test_splits_do_not_mix(tmp_path):
    write(tmp_path, [4, 2])
    write(tmp_path, [3], split="val")
    assert len(predictions.read_predictions(str(tmp_path), "test")["label"]) == 6
    assert len(predictions.read_predictions(str(tmp_path), "val")["label"]) == 3


def test_no_predictions(tmp_path):
    with pytest.raises(InputError, match=r"holds no predictions-test-\*\.parquet"):
        predictions.read_predictions(str(tmp_path), "test")


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_file_is_named(missing, tmp_path):
    write(tmp_path, [1, 1, 1])
    (tmp_path / predictions.file_name("test", missing, 3)).unlink()
    with pytest.raises(InputError, match=f"0000{missing}-of-00003.parquet: is missing"):
        predictions.read_predictions(str(tmp_path), "test")


def test_files_of_two_runs_are_refused(tmp_path):
    write(tmp_path, [1, 1])
    write(tmp_path, [1])
    with pytest.raises(InputError, match=r"-of-0000\d.parquet: is of another run"):
        predictions.read_predictions(str(tmp_path), "test")


@pytest.mark.parametrize("label", [7, -1])
def test_a_label_that_is_neither_is_refused(label, tmp_path):
    path = str(tmp_path / predictions.file_name("test", 0, 1))
    with predictions.writer(path, {}) as add:
        add({**make_rows(3), "label": np.array([0, label, 1])})
    with pytest.raises(InputError, match=f"{path}: holds a label {label}; 0 is real and 1 is fake"):
        predictions.read_predictions(str(tmp_path), "test")


def test_a_damaged_file_is_named(tmp_path):
    write(tmp_path, [5])
    path = tmp_path / predictions.file_name("test", 0, 1)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="predictions-test-00000-of-00001.parquet: damaged"):
        predictions.read_predictions(str(tmp_path), "test")
    assert not predictions.is_of(str(path), {"model": "m"})


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), predictions.writer(str(tmp_path / "p.parquet"), {}) as add:
        add(make_rows(3))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_file_knows_its_origin(tmp_path):
    write(tmp_path, [2], origin={"model": "m", "examples": "e"})
    path = str(tmp_path / predictions.file_name("test", 0, 1))
    assert predictions.is_of(path, {"model": "m", "examples": "e"}) and predictions.is_of(path, {"examples": "e"})
    assert not predictions.is_of(path, {"model": "other", "examples": "e"})
    assert not predictions.is_of(path, {"recipe": "r"}) and not predictions.is_of(path + "x", {})


def test_locate_equals_a_loop(tmp_path):
    counts = (4, 0, 3, 5)
    write(tmp_path, counts)
    places = [(number, 1000 * row) for row, number in enumerate(np.repeat(range(4), counts))]
    for rows in ([], [0], [11], [3, 4, 6, 7, 11], list(range(12))):
        file, offset = predictions.locate(str(tmp_path), "test", rows)
        assert list(zip(file, offset, strict=True)) == [places[row] for row in rows]


@pytest.mark.parametrize("rows", [[-1], [3], [2, 1]])
def test_locate_refuses_rows_that_are_not_there(rows, tmp_path):
    write(tmp_path, [3])
    with pytest.raises(IndexError, match="rows must rise from 0 to 2"):
        predictions.locate(str(tmp_path), "test", rows)
