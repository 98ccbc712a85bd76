import functools

import numpy as np
import pytest
from scipy import sparse

from faces import area_pyramid
from faces.area_pyramid import level_size, numba_level, tensorflow_level
from faces.fast_mtcnn import pyramid_scales

SIZES = [
    (20, 20),
    (24, 24),
    (25, 31),
    (48, 64),
    (97, 53),
    (123, 457),
    (256, 256),
    (400, 600),
    (720, 1280),
    (1080, 1920),
]
OTHER_SCALES = (1.0, 0.99, 0.77, 0.5, 0.031)


def _shares(before, after):
    """How much of each place goes into each new place, by loops: float64 [after, before], mostly zeros."""
    shares = sparse.lil_array((after, before))
    for new in range(after):
        start, end = new * before / after, (new + 1) * before / after
        for old in range(int(start), min(int(np.ceil(end)), before)):
            shares[new, old] = (min(old + 1, end) - max(old, start)) * after / before
    return shares.tocsr()


@functools.cache
def _oracle(size, scale):
    """A level of `_frames(*size)` in float64."""
    (height, width), (after_height, after_width) = size, level_size(*size, scale)
    rows, columns = _shares(height, after_height), _shares(width, after_width)
    means = []
    for frame in _frames(*size).astype(np.float64):
        mean = (rows @ frame.reshape(height, -1)).reshape(after_height, width, 3)
        mean = (columns @ mean.swapaxes(0, 1).reshape(width, -1)).reshape(after_width, after_height, 3)
        means.append(mean.swapaxes(0, 1))
    return (np.stack(means) - 127.5) / 128


@functools.cache
def _frames(height, width):
    """Noise, which shows every wrong border: two frames, of the large sizes one."""
    count = 1 + (height < 500)
    return np.random.default_rng([height, width]).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def _scales(size):
    scales = [*pyramid_scales(*size)[:: 1 + 3 * (size[0] > 500)], *OTHER_SCALES]
    return [scale for scale in scales if min(level_size(*size, scale)) >= 1]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_a_level_is_the_mean_over_areas(size):
    for scale in _scales(size):
        level = tensorflow_level(_frames(*size), scale)
        assert level.shape[1:] == (int(size[0] * scale), int(size[1] * scale), 3) and level.dtype == np.float32
        # TensorFlow keeps borders in float32, the loops in float64: further out they part by more.
        assert np.abs(level - _oracle(size, scale)).max() < 5e-7 * max(size)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_numba_computes_what_tensorflow_computes(size):
    pytest.importorskip("numba")
    for scale in _scales(size):
        level, expected = numba_level(_frames(*size), scale), tensorflow_level(_frames(*size), scale)
        assert level.shape == expected.shape and level.dtype == expected.dtype
        assert np.abs(level - expected).max() < 1e-6
        assert np.abs(level - _oracle(size, scale)).max() < 5e-7 * max(size)


@pytest.mark.slow
def test_numba_at_many_sizes():
    """Among them those whose last border is rounded to beyond the frame."""
    pytest.importorskip("numba")
    rng, beyond = np.random.default_rng(0), 0
    for height in rng.integers(20, 2200, 300).tolist():
        width = int(rng.integers(20, 60))
        frames = rng.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        scale = float(rng.uniform(0.05, 1))
        after = level_size(height, width, scale)[0]
        beyond += np.float32(after) * (np.float32(height) / np.float32(after)) > height
        assert np.abs(numba_level(frames, scale) - tensorflow_level(frames, scale)).max() < 1e-6
    assert beyond > 10


def test_frames_of_a_batch_do_not_mix():
    frames = np.random.default_rng(0).integers(0, 256, (5, 61, 47, 3), dtype=np.uint8)
    kinds = [tensorflow_level, numba_level] if area_pyramid.numba else [tensorflow_level]
    for create in kinds:
        whole = create(frames, 0.41)
        alone = [create(frames[k : k + 1], 0.41)[0] for k in range(5)]
        assert np.array_equal(whole, alone)


def test_sizes_are_cut_not_rounded():
    assert level_size(99, 199, 0.5) == (49, 99) and level_size(20, 20, 0.6) == (12, 12)


def test_numba_serves_where_it_is_installed():
    assert area_pyramid.create_level is (numba_level if area_pyramid.numba else tensorflow_level)
