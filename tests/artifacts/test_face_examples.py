"""Face examples: a round trip, the same bytes each time, and every way a file can be bad."""

import numpy as np
import pytest
import tensorflow as tf

from artifacts import crop_decoding, face_examples
from artifacts.errors import InputError


def test_round_trip_with_landmarks(face):
    example = face(1, 3)
    parsed = face_examples.parse(example.serialize())
    assert set(parsed) == set(face_examples.SCHEMA)
    assert parsed["image/encoded"].numpy() == example.image
    assert parsed["image/format"].numpy() == b"png"
    assert parsed["label"].numpy() == 1
    assert parsed["video_id"].numpy() == b"noise/blocks/001"
    assert (parsed["dataset"].numpy(), parsed["method"].numpy()) == (b"noise", b"blocks")
    assert parsed["frame/index"].numpy() == 1
    assert parsed["frame/timestamp"].numpy() == np.float32(1 / 25)
    assert parsed["face/box"].numpy().tolist() == [1, 2, 30, 40]
    assert parsed["face/landmarks"].numpy().tolist() == example.landmarks.tolist()
    assert parsed["face/score"].numpy() == 0.75


def test_round_trip_of_a_crop_that_was_cut_elsewhere(face):
    parsed = face_examples.parse(face(0, 0, landmarks=None, score=None, video_id="d/m/ü").serialize())
    assert parsed["video_id"].numpy().decode() == "d/m/ü"
    assert parsed["face/landmarks"].shape == (5, 2) and np.isnan(parsed["face/landmarks"]).all()
    assert np.isnan(parsed["face/score"])


def test_equal_examples_have_equal_bytes(face):
    assert face(1, 3).serialize() == face(1, 3).serialize()
    assert face(1, 3).serialize() != face(1, 3, score=0.5).serialize()


def test_round_trip_of_the_track(face):
    assert face_examples.parse(face(0, 0).serialize())["face/track"].numpy() == 0
    parsed = face_examples.parse(face(0, 0, track=7).serialize())
    assert parsed["face/track"].numpy() == 7 and parsed["face/track"].dtype == tf.int64


def test_an_example_of_before_tracks_is_of_the_main_person(face):
    example = tf.train.Example.FromString(face(1, 3, track=2).serialize())
    del example.features.feature["face/track"]
    parsed = face_examples.parse(example.SerializeToString())
    assert parsed["face/track"].numpy() == 0 and parsed["video_id"].numpy() == b"noise/blocks/001"


def test_the_stored_image_is_without_loss(face, crop):
    assert np.array_equal(crop_decoding.decode_image(face(1, 3).image), crop(1, 3))


def test_find_files_looks_into_the_split(examples_dir):
    names = [path.removeprefix(str(examples_dir)) for path in face_examples.find_files(str(examples_dir), "train")]
    assert names == [f"/Split-train/faces-0000{i}-of-00002.tfrecord" for i in (0, 1)]
    assert len(face_examples.find_files(str(examples_dir / "Split-val"))) == 1


def test_find_files_takes_odd_folder_names_literally(tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "a[1]*" / "x.tfrecord", [face(0, 0).serialize()])
    assert face_examples.find_files(str(tmp_path / "a[1]*")) == [path]


def test_find_files_names_what_is_missing(tmp_path, examples_dir):
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        face_examples.find_files(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"holds no \*\.tfrecord file"):
        face_examples.find_files(str(tmp_path))
    with pytest.raises(InputError, match=r"Split-test: holds no"):
        face_examples.find_files(str(examples_dir), "test")


def test_read_records_gives_what_was_written(tmp_path, write_tfrecord):
    records = [b"one", b"", b"three" * 100]
    assert list(face_examples.read_records(write_tfrecord(tmp_path / "a.tfrecord", records))) == records


def test_read_record_gives_the_one_at_a_place(tmp_path, write_tfrecord):
    path = write_tfrecord(tmp_path / "a.tfrecord", [b"one", b"", b"three"])
    assert [face_examples.read_record(path, at) for at in (0, 16 + 3, 32 + 3)] == [b"one", b"", b"three"]


def test_a_cut_file_is_named_with_its_count_of_good_records(tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "cut.tfrecord", [face(0, i).serialize() for i in range(5)])
    data = (tmp_path / "cut.tfrecord").read_bytes()
    size = len(face(0, 0).serialize()) + 16
    (tmp_path / "cut.tfrecord").write_bytes(data[: len(data) - 100])
    read = []
    with pytest.raises(InputError, match=r"cut\.tfrecord: damaged or cut after 4 records"):
        read.extend(face_examples.read_records(path))
    (tmp_path / "cut.tfrecord").write_bytes(data[: size // 2])
    with pytest.raises(InputError, match=r"cut after 0 records"):
        list(face_examples.read_records(path))


def test_a_changed_byte_is_found(tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(0, i).serialize() for i in range(3)])
    data = bytearray((tmp_path / "a.tfrecord").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tfrecord: damaged or cut after 1 record"):
        list(face_examples.read_records(path))
