"""Batches: balanced, every example once in a pass, the same from any step on, and all of them in evaluation."""

import collections
import os

import cv2
import numpy as np
import pytest
import tensorflow as tf

from artifacts import crop_decoding, face_examples
from artifacts.errors import InputError
from model import input_pipeline
from model.record_index import index_records


@pytest.fixture
def index(examples_dir):
    return index_records(face_examples.find_files(str(examples_dir), "train"))


@pytest.fixture
def origins(tmp_path, write_tfrecord, face):
    """An index where fake i was made of real i // 2, reals 0 to 4; fakes 10 and 11, and reals 5 and 6, have nobody."""
    rows = [face(0, i, identity=f"d/{i}" if i < 5 else f"alone/{i}") for i in range(7)]
    rows += [face(1, i, identity=f"d/{i // 2}" if i < 10 else "") for i in range(12)]
    return index_records([write_tfrecord(tmp_path / "o.tfrecord", [row.serialize() for row in rows])])


@pytest.fixture(scope="module")
def known(crop):
    """known(crop) is the (label, seed) it was made with."""
    names = {crop(*row).tobytes(): row for row in [(0, i) for i in range(11)] + [(1, i) for i in range(17)]}
    return lambda image: names[image.tobytes()]


def batches(index, recipe, start_step=0):
    return [(x.numpy(), y.numpy()) for x, y in input_pipeline.training_batches(index, recipe, start_step)]


@pytest.mark.slow
def test_every_batch_is_half_real_half_fake_also_per_replica(index, small_recipe, known):
    recipe = small_recipe(steps=5, augmentation="off")
    dataset = input_pipeline.training_batches(index, recipe)
    assert int(dataset.cardinality()) == 5
    assert dataset.element_spec[0].shape.as_list() == [8, 256, 256, 3]
    for crops, labels in batches(index, recipe):
        assert crops.dtype == np.uint8 and labels.dtype == np.int64
        assert [known(image)[0] for image in crops] == labels.tolist()
        for part in np.split(labels, 2):
            assert sorted(part) == [0, 0, 1, 1]


def test_every_example_of_a_class_is_seen_once_per_pass_in_a_new_order(index, small_recipe, known):
    seen = {0: [], 1: []}
    for crops, _ in batches(index, small_recipe(steps=9, augmentation="off")):
        for image in crops:
            label, seed = known(image)
            seen[label].append(seed)
    assert len(seen[0]) == len(seen[1]) == 36
    for label, count in ((0, 11), (1, 17)):
        first, second = seen[label][:count], seen[label][count : 2 * count]
        assert sorted(first) == sorted(second) == list(range(count))
        assert first != second
        assert first != sorted(first)


def pairs(index, known, recipe):
    """The (real, fake) seeds that stand beside each other, in order."""
    found = []
    for crops, labels in batches(index, recipe):
        assert labels.tolist() == [0, 1] * (len(labels) // 2)
        names = [known(image) for image in crops]
        assert [label for label, _ in names] == labels.tolist()
        found += [(real, fake) for (_, real), (_, fake) in zip(names[::2], names[1::2], strict=True)]
    return found


def test_a_fake_stands_beside_its_original(origins, small_recipe, known):
    found = pairs(origins, known, small_recipe(steps=30, augmentation="off", pairing=True))
    for start in range(0, len(found), 4):  # the turns of a batch
        reals, fakes = zip(*found[start : start + 4], strict=True)
        assert len(set(reals)) == len(set(fakes)) == 4
        for turn, (real, fake) in enumerate(found[start : start + 4]):
            if fake // 2 != real and (real < 5 if turn % 2 == 0 else fake < 10):
                elsewhere = [other // 2 == real for other in fakes] if turn % 2 == 0 else [fake // 2 in reals]
                assert any(elsewhere)
    paired = [fake // 2 == real for real, fake in found]
    assert 0.5 < np.mean(paired) < 0.95  # all but those that lead and have nobody, or nobody left
    # In even turns reals lead, in odd ones fakes, each visiting its whole class; a real's fakes take turns.
    assert {real for real, _ in found[:16]} == set(range(7))
    assert {fake for _, fake in found[:24]} == set(range(12))
    assert {fake for real, fake in found if real == 2} >= {4, 5}
    assert found[:8] != found[14:22]


def test_without_pairing_a_fake_stands_anywhere(origins, small_recipe, known):
    found = pairs(origins, known, small_recipe(steps=30, augmentation="off", pairing=False))
    assert np.mean([fake // 2 == real for real, fake in found]) < 0.4


@pytest.mark.slow
def test_a_paired_stream_goes_on_where_it_stopped(origins, small_recipe):
    recipe = small_recipe(steps=9, augmentation="paper", pairing=True)
    whole, rest = batches(origins, recipe), batches(origins, recipe, start_step=5)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(whole[5:], rest, strict=True))


@pytest.mark.slow
def test_the_seed_changes_the_order(index, small_recipe):
    one, other, again = (batches(index, small_recipe(steps=1, seed=seed))[0][0] for seed in (1, 2, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.slow
def test_a_resumed_stream_is_the_rest_of_the_whole_one(index, small_recipe):
    recipe = small_recipe(steps=8, augmentation="paper")
    whole, rest = batches(index, recipe), batches(index, recipe, start_step=5)
    assert len(whole) == 8 and len(rest) == 3
    for (crops, labels), (resumed, resumed_labels) in zip(whole[5:], rest, strict=True):
        assert np.array_equal(crops, resumed)
        assert np.array_equal(labels, resumed_labels)
    assert not np.array_equal(whole[0][0], rest[0][0])


@pytest.mark.slow
def test_augmentation_repeats_exactly_and_differs_from_row_to_row(tmp_path, write_tfrecord, face, small_recipe):
    records = [face(label, 0).serialize() for label in (0, 1)]
    index = index_records([write_tfrecord(tmp_path / "two.tfrecord", records)])
    recipe = small_recipe(steps=4, augmentation="forensic")
    one, again = batches(index, recipe), batches(index, recipe)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, again, strict=True))
    reals = np.concatenate([crops[::2] for crops, _ in one])  # 16 times the same crop
    assert len({crop.tobytes() for crop in reals}) > 8


@pytest.mark.slow
def test_flip_only_mirrors_about_half(index, small_recipe):
    plain = batches(index, small_recipe(steps=8, augmentation="off"))
    flipped = batches(index, small_recipe(steps=8, augmentation="paper"))
    kinds = collections.Counter()
    for (crops, labels), (others, other_labels) in zip(plain, flipped, strict=True):
        assert np.array_equal(labels, other_labels)
        for crop, other in zip(crops, others, strict=True):
            assert not np.array_equal(crop, crop[:, ::-1])
            kinds["as it was"] += np.array_equal(crop, other)
            kinds["mirrored"] += np.array_equal(crop[:, ::-1], other)
    assert kinds.total() == 64
    assert 16 < kinds["mirrored"] < 48


def test_warped_reals_stand_beside_reals_as_fakes(tmp_path, write_tfrecord, face, crop, small_recipe):
    """The examples' own fakes are not drawn, and every second row loses the detail of its face."""
    examples = [face(label, i) for i in range(8) for label in (0, 1)]
    path = write_tfrecord(tmp_path / "a.tfrecord", [example.serialize() for example in examples])
    recipe = small_recipe(fakes="warped_reals", augmentation="off", batch_size=4, steps=3, pairing=False)
    reals = [crop(0, i).tobytes() for i in range(8)]
    changed = []
    for crops, labels in input_pipeline.training_batches(index_records([path]), recipe):
        assert labels.numpy().tolist() == [0, 1, 0, 1]
        assert all(picture.tobytes() in reals for picture in crops.numpy()[::2])
        changed += [picture for picture in crops.numpy()[1::2] if picture.tobytes() not in reals]
    assert len(changed) == 6


def test_a_class_of_one_example_serves_again_and_again(tmp_path, write_tfrecord, face, crop, small_recipe):
    records = [face(0, 0).serialize()] + [face(1, i).serialize() for i in range(3)]
    index = index_records([write_tfrecord(tmp_path / "a.tfrecord", records)])
    for crops, labels in batches(index, small_recipe(steps=2, augmentation="off")):
        for image in crops[labels == 0]:
            assert np.array_equal(image, crop(0, 0))


@pytest.mark.parametrize("label, missing", [(0, "fake"), (1, "real")])
def test_a_missing_class_is_named(label, missing, tmp_path, write_tfrecord, face, small_recipe):
    path = write_tfrecord(tmp_path / "a.tfrecord", [face(label, i).serialize() for i in range(3)])
    with pytest.raises(InputError, match=rf"a\.tfrecord and the other training files: no {missing} face to train on"):
        input_pipeline.training_batches(index_records([path]), small_recipe())


@pytest.mark.slow
@pytest.mark.parametrize("gpus", [(), ("one",)])
def test_evaluation_gives_every_example_once_in_order(examples_dir, monkeypatch, gpus):
    """Whether it decodes ahead, beside an accelerator, or in between, where the network needs the same cores."""
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: list(gpus))
    files = face_examples.find_files(str(examples_dir), "train")
    batches = input_pipeline.evaluation_batches(files, batch_size=8)
    optimised = batches.options().experimental_optimization.apply_default_optimizations
    assert (optimised is False) == (not gpus), "tf.data would prefetch by itself"
    found = list(batches)
    assert [len(batch["label"]) for batch in found] == [8, 8, 8, 4]
    assert set(found[0]) == set(face_examples.SCHEMA) - {"image/encoded"} | {"crop", "record/size"}
    records = [face_examples.parse(record) for path in files for record in face_examples.read_records(path)]
    for key in ("video_id", "frame/index", "label"):
        joined = np.concatenate([batch[key].numpy() for batch in found])
        assert joined.tolist() == [record[key].numpy() for record in records]
    assert sum(int(size) for batch in found for size in batch["record/size"]) == sum(map(os.path.getsize, files))
    crops = np.concatenate([batch["crop"].numpy() for batch in found])
    assert crops.dtype == np.uint8
    expected = [crop_decoding.decode_image(record["image/encoded"]).numpy() for record in records]
    assert np.array_equal(crops, expected)


@pytest.mark.parametrize("size", [(256, 256), (100, 180), (400, 300)])
def test_load_crop_resizes_what_has_another_size(size):
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 5, 3)).astype(np.uint8), size[::-1])
    crop = input_pipeline.load_crop(tf.io.encode_png(image)).numpy()
    assert crop.shape == (256, 256, 3) and crop.dtype == np.uint8
    if size == (256, 256):
        assert np.array_equal(crop, image)
    elif size == (100, 180):
        expected = cv2.resize(image, (256, 256), interpolation=cv2.INTER_LINEAR)
        assert np.abs(crop.astype(int) - expected).max() <= 2


def test_resizing_averages_pixels_away():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = crop_decoding.fit_crop(tf.constant(stripes), 256).numpy()
    assert crop.min() == crop.max() == 128


def test_a_grey_image_becomes_rgb():
    crop = input_pipeline.load_crop(tf.io.encode_png(np.full((256, 256, 1), 77, np.uint8))).numpy()
    assert crop.shape == (256, 256, 3) and (crop == 77).all()
