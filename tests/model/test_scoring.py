"""Scores and metrics against brute force, and what cannot be computed."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from artifacts import crop_decoding, face_examples
from artifacts.errors import InputError
from model import scoring

pytestmark = pytest.mark.slow  # it predicts with a detector


def brute_force_auc(label, logit):
    pairs = [(f > r) + 0.5 * (f == r) for f, r in itertools.product(logit[label == 1], logit[label == 0])]
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_and_auc_equal_brute_force(seed):
    rng = np.random.default_rng(seed)
    label, logit = rng.integers(0, 2, 40), rng.normal(size=40).round(1)  # rounded: with ties
    label[:2] = 0, 1
    found = scoring.accuracy_and_auc(label, logit)
    assert found["auc"] == pytest.approx(brute_force_auc(label, logit))
    right = sum((x > 0) == (y == 1) for x, y in zip(logit, label, strict=True))
    assert found["acc"] == pytest.approx(right / 40)
    assert found["reason"] is None


def test_auc_is_exact_where_probabilities_would_round_to_one():
    assert scoring.accuracy_and_auc([0, 1], [50.0, 51.0])["auc"] == 1
    assert scoring.accuracy_and_auc([0, 1], [51.0, 50.0])["auc"] == 0


@pytest.mark.parametrize("label, name, accuracy", [(0, "real", 0.25), (1, "fake", 0.75)])
def test_one_class_has_no_auc(label, name, accuracy):
    found = scoring.accuracy_and_auc([label] * 4, [1.0, 2.0, -1.0, 3.0])
    assert found == {"acc": accuracy, "auc": None, "reason": f"only {name} examples"}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_model_that_gives_no_numbers_has_no_score(bad):
    found = scoring.accuracy_and_auc([0, 1], [bad, 0.0])
    assert found == {"acc": None, "auc": None, "reason": "the model gave NaN or infinite logits"}


def test_no_examples_have_no_score():
    assert scoring.accuracy_and_auc([], []) == {"acc": None, "auc": None, "reason": "no examples"}


def test_score_examples_pairs_each_example_with_its_outputs(examples_dir):
    def predict(crops):
        mean = tf.reduce_mean(tf.cast(crops, tf.float32), axis=[1, 2, 3])
        return {"logit": mean, "center_similarity": -mean}

    files = face_examples.find_files(str(examples_dir), "train")
    batches = list(scoring.score_examples(predict, files, batch_size=5))
    assert [len(batch["label"]) for batch in batches] == [5, 5, 5, 5, 5, 3]
    columns = scoring.join_batches(batches)
    assert set(columns) == {*scoring.KEYS, *scoring.OUTPUTS}
    records = [face_examples.parse(record) for path in files for record in face_examples.read_records(path)]
    assert columns["video_id"].tolist() == [record["video_id"].numpy().decode() for record in records]
    assert columns["label"].tolist() == [int(record["label"]) for record in records]
    means = [crop_decoding.decode_image(record["image/encoded"]).numpy().mean() for record in records]
    assert columns["logit"] == pytest.approx(means, rel=1e-4)
    assert columns["center_similarity"] == pytest.approx(-columns["logit"])


def test_columns_and_outputs_can_be_chosen(examples_dir):
    def predict(crops):
        return {"embedding": tf.zeros([len(crops), 3]), "logit": tf.ones([len(crops)])}

    files = face_examples.find_files(str(examples_dir), "val")
    (batch,) = scoring.score_examples(predict, files, 100, ("face/track", "record/size"), ("embedding",))
    assert set(batch) == {"face/track", "record/size", "embedding"} and batch["embedding"].shape == (16, 3)


def test_the_next_batch_is_under_way_before_one_is_used(examples_dir):
    """An accelerator would wait otherwise."""
    events = []

    def predict(crops):
        events.append("begun")
        return {name: tf.zeros([len(crops)]) for name in scoring.OUTPUTS}

    for _ in scoring.score_examples(predict, face_examples.find_files(str(examples_dir), "val"), 6):
        events.append("used")
    assert events == ["begun", "begun", "used", "begun", "used", "used"]


def test_no_batch_joins_to_empty_columns():
    columns = scoring.join_batches([])
    assert set(columns) == {*scoring.KEYS, *scoring.OUTPUTS}
    assert all(len(column) == 0 for column in columns.values())


def test_a_cut_file_is_named(tmp_path, write_tfrecord, face):
    good = write_tfrecord(tmp_path / "good.tfrecord", [face(0, 0).serialize()])
    bad = write_tfrecord(tmp_path / "bad.tfrecord", [face(1, i).serialize() for i in range(3)])
    (tmp_path / "bad.tfrecord").write_bytes((tmp_path / "bad.tfrecord").read_bytes()[:-50])
    with pytest.raises(InputError, match=r"bad\.tfrecord: damaged or cut after 2 records"):
        list(scoring.score_examples(lambda crops: {name: [0.0] * len(crops) for name in scoring.OUTPUTS}, [good, bad]))


def _constant(crops):
    return {name: tf.zeros(len(crops)) for name in scoring.OUTPUTS}


@pytest.mark.parametrize("label", [7, -1, 2**40])
def test_a_label_that_is_neither_is_named_with_file_and_record(label, tmp_path, write_tfrecord, face):
    files = [
        write_tfrecord(
            tmp_path / f"{name}.tfrecord", [face(k % 2 if k < last else label, k).serialize() for k in range(4)]
        )
        for name, last in (("a", 4), ("b", 2))
    ]
    with pytest.raises(InputError, match=rf"b\.tfrecord: record 2: label is {label}; 0 is real and 1 is fake"):
        list(scoring.score_examples(_constant, files, batch_size=3))


@pytest.mark.parametrize("key", ["video_id", "dataset", "method"])
def test_a_text_that_is_not_utf8_is_named_with_file_and_record(key, tmp_path, write_tfrecord, face):
    example = tf.train.Example.FromString(face(1, 0).serialize())
    example.features.feature[key].bytes_list.value[0] = b"caf\xe9"
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(0, 0).serialize(), example.SerializeToString()])
    with pytest.raises(InputError, match=rf"a\.tfrecord: record 1: {key} is not UTF-8"):
        list(scoring.score_examples(_constant, [path]))


def test_an_image_that_cannot_be_decoded_is_an_examples_error(tmp_path, write_tfrecord, face):
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(0, 0, image=b"no image").serialize()])
    with pytest.raises(InputError, match=r"a\.tfrecord"):
        list(scoring.score_examples(lambda crops: {name: [0.0] * len(crops) for name in scoring.OUTPUTS}, [path]))
