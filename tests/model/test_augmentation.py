"""Augmentation: each change alone against a plain computation, and the presets as functions of the seed."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from model import augmentation
from model.augmentation import create_augmentation

pytestmark = pytest.mark.slow  # it traces all transformations

CHANGES = ("BRIGHTNESS", "CONTRAST", "DOWNSCALE", "BLUR", "NOISE", "JPEG")


@pytest.fixture
def only(monkeypatch):
    """only(name, strength) is the forensic preset with that one change, always and always so strong."""

    def make(name, strength):
        for other in CHANGES:
            monkeypatch.setattr(augmentation, other, (1.1, strength, strength) if other == name else (0.0, 0.0, 0.0))
        return create_augmentation("forensic")

    return make


@pytest.fixture
def upright(crop):
    """A crop, and a seed that does not mirror it."""
    image, paper = crop(1, 5), create_augmentation("paper")
    for number in range(50):
        seed = tf.constant([3, number], tf.int64)
        if np.array_equal(paper(tf.constant(image), seed), image):
            return image, seed
    raise AssertionError("every seed mirrors")


def apply(augment, upright):
    image, seed = upright
    changed = augment(tf.constant(image), seed)
    assert changed.dtype == tf.uint8 and changed.shape == (256, 256, 3)
    return changed.numpy().astype(int)


def test_without_a_change_the_forensic_preset_mirrors_like_the_papers(only, crop):
    plain, paper = only(None, 0.0), create_augmentation("paper")
    image, kinds = tf.constant(crop(1, 5)), set()
    for number in range(12):
        seed = tf.constant([0, number], tf.int64)
        assert np.array_equal(plain(image, seed), paper(image, seed))
        kinds.add(bool(np.array_equal(paper(image, seed), image)))
    assert kinds == {True, False}
    assert create_augmentation("off")(image, seed) is image


def test_brightness_adds(only, upright):
    expected = np.clip(upright[0].astype(int) + 26, 0, 255)  # 0.1 x 255 = 25.5
    assert np.abs(apply(only("BRIGHTNESS", 0.1), upright) - expected).max() <= 1


def test_contrast_stretches_around_the_mean(only, upright):
    image = upright[0].astype(float)
    mean = image.mean(axis=(0, 1))
    expected = np.clip(mean + 1.2 * (image - mean), 0, 255)
    assert np.abs(apply(only("CONTRAST", 1.2), upright) - expected).max() <= 1.5


def test_downscale_loses_what_is_finer(only, upright):
    image = upright[0]
    small = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    expected = cv2.resize(small, (256, 256), interpolation=cv2.INTER_LINEAR)
    got = apply(only("DOWNSCALE", 0.5), upright)
    assert np.abs(got - expected)[8:-8, 8:-8].mean() < 3
    assert np.abs(np.diff(got, axis=1)).max() < np.abs(np.diff(image.astype(int), axis=1)).max()


@pytest.mark.parametrize("sigma", [0.4, 1.0, 1.5])
def test_blur_is_gaussian_and_leaves_no_border(only, upright, sigma):
    expected = cv2.GaussianBlur(upright[0].astype(np.float32), (7, 7), sigma, borderType=cv2.BORDER_REFLECT_101)
    assert np.abs(apply(only("BLUR", sigma), upright) - expected).max() <= 1


def test_noise_has_the_deviation_asked_for(only, upright):
    difference = apply(only("NOISE", 5.0), upright) - upright[0].astype(int)
    assert difference.std() == pytest.approx(5, rel=0.03)
    assert abs(difference.mean()) < 0.1


@pytest.mark.parametrize("quality", [40, 90])
def test_jpeg_is_jpeg_of_that_quality(only, upright, quality):
    expected = tf.io.decode_jpeg(tf.io.encode_jpeg(upright[0], quality=quality)).numpy().astype(int)
    got = apply(only("JPEG", quality), upright)
    assert np.abs(got - expected).max() <= 1
    assert np.abs(got - upright[0].astype(int)).max() > 3


def test_the_forensic_preset_changes_most_crops_each_in_its_way(crop):
    augment, image = create_augmentation("forensic"), tf.constant(crop(1, 5))
    seeds = [tf.constant([1, number], tf.int64) for number in range(24)]
    found = [augment(image, seed).numpy() for seed in seeds]
    assert len({one.tobytes() for one in found}) > 18
    assert all(np.array_equal(one, augment(image, seed)) for one, seed in zip(found, seeds, strict=True))
