"""Fakes that are made of reals."""

import numpy as np
import pytest
import tensorflow as tf

from model import warped_faces
from model.warped_faces import OUTLINE, warp_face


@pytest.fixture(scope="module")
def crop():
    return np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)


def warped(crop, seed):
    return warp_face(tf.constant(crop), tf.constant([1, seed], tf.int64)).numpy()


def test_only_the_face_changes_and_it_loses_detail(crop):
    for seed in range(6):
        result = warped(crop, seed)
        assert result.dtype == np.uint8 and result.shape == crop.shape
        # beyond four deviations of the soft border nothing of the box is left
        outside = np.ones((256, 256), bool)
        (left, top), (right, bottom) = OUTLINE.min(axis=0) - 13, OUTLINE.max(axis=0) + 13
        outside[top:bottom, left:right] = False
        assert np.array_equal(result[outside], crop[outside])
        middle = (slice(130, 170), slice(110, 150))
        assert result[middle].std() < 0.8 * crop[middle].std()


def test_a_seed_decides(crop):
    assert np.array_equal(warped(crop, 5), warped(crop, 5))
    results = [warped(crop, seed) for seed in range(4)]
    assert not any(np.array_equal(results[0], other) for other in results[1:])


def test_a_face_without_detail_stays():
    plain = np.full((256, 256, 3), 90, np.uint8)
    assert np.abs(warped(plain, 3).astype(int) - 90).max() <= 1


def test_the_outline_is_convex_and_holds_eyes_and_mouth():
    from faces.alignment import TEMPLATE

    after, before = np.roll(OUTLINE, -1, axis=0) - OUTLINE, OUTLINE - np.roll(OUTLINE, 1, axis=0)
    assert (before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] > 0).all()
    mask = warped_faces._masks()[0][..., 0]
    assert all(mask[int(y), int(x)] > 0.9 for x, y in TEMPLATE)
