"""Augmentation: each change alone against a plain computation, and the presets as functions of the seed."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from artifacts import crop_decoding
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
    expected = crop_decoding.decode_image(tf.io.encode_jpeg(upright[0], quality=quality)).numpy().astype(int)
    got = apply(only("JPEG", quality), upright)
    assert np.array_equal(got, expected)
    assert np.abs(got - upright[0].astype(int)).max() > 3


def test_the_forensic_preset_changes_most_crops_each_in_its_way(crop):
    augment, image = create_augmentation("forensic"), tf.constant(crop(1, 5))
    seeds = [tf.constant([1, number], tf.int64) for number in range(24)]
    found = [augment(image, seed).numpy() for seed in seeds]
    assert len({one.tobytes() for one in found}) > 18
    assert all(np.array_equal(one, augment(image, seed)) for one, seed in zip(found, seeds, strict=True))


# --- the strong preset ------------------------------------------------------------------------------------------------
@pytest.fixture
def strong_only(monkeypatch):
    """strong_only(name, strength) is the strong preset with that one change; without a name it moves every crop."""

    def make(name=None, strength=0.0):
        for other in (*CHANGES, "SATURATION", "COVER"):
            monkeypatch.setattr(augmentation, other, (1.1, strength, strength) if other == name else (0.0, 0.0, 0.0))
        monkeypatch.setattr(augmentation, "MOVED", 0.0 if name else 1.1)
        return create_augmentation("strong")

    return make


@pytest.mark.parametrize("scale, shift, angle", [(1.1, 0.0, 0.0), (0.9, 0.0, 8.0), (1.0, 0.05, 0.0), (1.05, 0.02, 6.0)])
def test_a_crop_moves_by_a_similarity_about_its_centre(strong_only, upright, monkeypatch, scale, shift, angle):
    monkeypatch.setattr(augmentation, "SCALE", (scale, scale))
    monkeypatch.setattr(augmentation, "SHIFT", shift)
    monkeypatch.setattr(augmentation, "ANGLE", angle)
    image = cv2.GaussianBlur(upright[0], (0, 0), 2)
    got = apply(strong_only(), (image, upright[1])).astype(np.uint8)
    # Estimate what happened: rotate and scale by every plausible draw, and look which explains the result.
    found, matrix = cv2.findTransformECC(
        cv2.cvtColor(got, cv2.COLOR_RGB2GRAY),
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
        np.eye(2, 3, dtype=np.float32),
        cv2.MOTION_AFFINE,
        (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 500, 1e-7),
    )
    assert found > 0.98
    assert np.hypot(matrix[0, 0], matrix[1, 0]) == pytest.approx(1 / scale, abs=0.01)
    assert matrix[0, 0] == pytest.approx(matrix[1, 1], abs=0.01) and matrix[0, 1] == pytest.approx(
        -matrix[1, 0], abs=0.01
    )
    turned = abs(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    assert turned <= angle + 0.5 and (angle == 0 or turned > 0.05)
    centre = np.array([127.5, 127.5])
    moved = matrix[:, :2] @ centre + matrix[:, 2] - centre
    assert np.abs(moved).max() <= shift * 256 + 1


@pytest.mark.parametrize("strength, factor", [(1 / 3, 0.5), (0.5, 1.0), (0.6, 1.5)])
def test_saturation_is_multiplied_and_the_value_kept(strong_only, upright, strength, factor):
    image = (upright[0] * 0.5 + 60).round().astype(np.uint8)  # pale, so that no saturation reaches 1
    got = apply(strong_only("SATURATION", strength), (image, upright[1]))
    before, after = (cv2.cvtColor(one.astype(np.float32) / 255, cv2.COLOR_RGB2HSV) for one in (image, got))
    assert np.abs(after[..., 2] - before[..., 2]).max() < 1.5 / 255
    assert np.abs(after[..., 1] - factor * before[..., 1]).max() < 0.03


def test_a_covered_part_is_one_grey_square(strong_only, upright):
    image = upright[0]
    got = apply(strong_only("COVER", 0.25), upright)
    changed = (got != image).any(axis=-1)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert 1 <= np.ptp(rows) + 1 <= 65 and 1 <= np.ptp(columns) + 1 <= 65
    inside = got[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert len(np.unique(inside)) == 1 and changed.mean() < 0.07


def test_the_strong_preset_is_a_function_of_crop_and_seed(crop):
    augment, image = create_augmentation("strong"), tf.constant(crop(1, 5))
    seeds = [tf.constant([1, number], tf.int64) for number in range(12)]
    found = [augment(image, seed).numpy() for seed in seeds]
    assert len({one.tobytes() for one in found}) == 12
    assert all(np.array_equal(one, augment(image, seed)) for one, seed in zip(found, seeds, strict=True))
