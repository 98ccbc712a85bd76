"""The index: every record where it lies, and every way a file can be bad."""

import numpy as np
import pytest
import tensorflow as tf

from artifacts import face_examples
from artifacts.errors import InputError
from model.record_index import index_records


def test_a_cut_file_is_named_with_its_count_of_good_records(tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "cut.tfrecord", [face(0, i).serialize() for i in range(5)])
    data = (tmp_path / "cut.tfrecord").read_bytes()
    size = len(face(0, 0).serialize()) + face_examples.FRAMING
    assert index_records([path]).offset[1] == size
    (tmp_path / "cut.tfrecord").write_bytes(data[: len(data) - 100])
    with pytest.raises(InputError, match=r"cut\.tfrecord: damaged or cut after 4 records"):
        index_records([path])


def test_a_changed_byte_is_found(tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(0, i).serialize() for i in range(3)])
    data = bytearray((tmp_path / "a.tfrecord").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tfrecord: damaged or cut after 1 record "):
        index_records([path])


@pytest.mark.parametrize("data", [b"", b"no TFRecord at all, but long enough for a header"])
def test_a_file_without_records_is_refused(data, tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(data)
    with pytest.raises(InputError, match=r"there is no face example|damaged or cut after 0 records"):
        index_records([str(tmp_path / "a.tfrecord")])


def other_example():
    feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[5]))
    return tf.train.Example(features=tf.train.Features(feature={"other": feature})).SerializeToString()


@pytest.mark.parametrize("record", [b"no protobuf", other_example()], ids=["text", "other features"])
def test_a_record_that_is_no_face_example_is_refused(record, tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(0, 0).serialize(), record])
    with pytest.raises(InputError, match=r"a\.tfrecord: record 1: is not a face example"):
        index_records([path])


@pytest.mark.parametrize("label", [2, -1])
def test_another_label_is_refused(label, tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(0, 0).serialize(), face(label, 1).serialize()])
    with pytest.raises(InputError, match=rf"a\.tfrecord: record 1: label is {label}; 0 is real and 1 is fake"):
        index_records([path])


def test_the_index_reads_every_record(examples_dir):
    files = face_examples.find_files(str(examples_dir), "train")
    records = [record for path in files for record in face_examples.read_records(path)]
    index = index_records(files)
    assert len(index.label) == len(records) == 28
    assert [index.read(i) for i in range(28)] == records
    assert index.label.tolist() == [int(face_examples.parse(record)["label"]) for record in records]
    assert np.bincount(index.label).tolist() == [11, 17]


def test_no_file_has_no_examples():
    with pytest.raises(InputError, match="no file: there is no face example in it"):
        index_records([])


def test_the_digest_tells_these_examples_from_others(tmp_path, write_tfrecord, face):
    def digest(*examples):
        return index_records([write_tfrecord(tmp_path / "a.tfrecord", [e.serialize() for e in examples])]).digest()

    same = digest(face(0, 0, image=b"1"), face(1, 1, image=b"2"))
    assert same == digest(face(0, 0, image=b"1"), face(1, 1, image=b"2"))
    assert same != digest(face(1, 0, image=b"1"), face(0, 1, image=b"2"))
    assert same != digest(face(0, 0, image=b"1"), face(1, 1, image=b"22"))
    assert same != digest(face(0, 0, image=b"1"), face(1, 1, image=b"2", identity="d/a"))
