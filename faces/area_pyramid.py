"""The levels of MTCNN's image pyramid: a float32 AREA resize of the full frame, as TensorFlow computes it.

TensorFlow alone is enough. Where numba is installed (`pip install -e '.[fast]'`), a compiled kernel computes the same
sums several times faster, first along the columns, then along the rows.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from faces.one_thread import Compiled, OneThread

GREY = 127.5
ALIGNMENT = 64  # bytes; TensorFlow takes memory that begins at a multiple of it without a copy
try:
    import numba
except ImportError:
    numba = None


def level_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Return the rows and columns of a level: a float size cut to integers, as in the mtcnn package."""
    return int(height * scale), int(width * scale)


def tensorflow_level(frames: np.ndarray, scale: float) -> np.ndarray:
    """Compute one level of the pyramid.

    Args:
        frames: RGB uint8 [n, height, width, 3].
        scale: of the level, at most 1.

    Returns:
        Normalised float32 [n, int(height * scale), int(width * scale), 3].
    """
    height, width = frames.shape[1:3]
    (level,) = _tensorflow_resize()(frames, np.array(level_size(height, width, scale), np.int32))
    return level


@functools.cache
def _tensorflow_resize() -> Compiled:
    """Compile the resize; it takes frames as `tensorflow_level`, and int32 [rows, columns]."""

    def resize(frames: tf.Tensor, size: tf.Tensor) -> list[tf.Tensor]:
        return [(tf.image.resize(frames, size, tf.image.ResizeMethod.AREA) - GREY) / 128.0]

    inputs = tf.TensorSpec([None, None, None, 3], tf.uint8, "frames"), tf.TensorSpec([2], tf.int32, "size")
    return OneThread().compile(resize, *inputs)


def numba_level(frames: np.ndarray, scale: float) -> np.ndarray:
    """Compute the same as `tensorflow_level` with numba."""
    height, width = frames.shape[1:3]
    rows, columns = level_size(height, width, scale)
    first_y, weights_y = _windows(height, rows)
    first_x, weights_x = _windows(width, columns)
    frames, level = np.ascontiguousarray(frames), _aligned_empty((len(frames), rows, columns, 3))
    # Normalisation is linear, so it goes into the last weights and one offset.
    area = np.float32(height / rows) * np.float32(width / columns)
    _kernel()(frames, level, first_y, weights_y, first_x, weights_x / (area * np.float32(128)), np.float32(GREY / 128))
    return level


def _aligned_empty(shape: tuple[int, ...]) -> np.ndarray:
    """Return an uninitialised float32 array that TensorFlow takes without a copy."""
    size = int(np.prod(shape))
    memory = np.empty(size + ALIGNMENT // 4, np.float32)
    skipped = -memory.ctypes.data % ALIGNMENT // 4
    return memory[skipped : skipped + size].reshape(shape)


create_level: Callable[[np.ndarray, float], np.ndarray] = numba_level if numba else tensorflow_level


@functools.lru_cache(1024)
def _windows(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the places that each place covers after a resize along one axis, and by how much.

    Computed in float32, as in TensorFlow: at place 1,900 a border is exact to 1e-4 only, and equal boxes need equal
    borders.

    Args:
        before: places before the resize.
        after: places after it.

    Returns:
        The first place covered, int64 [after], and the weights of it and its successors, float32 [after, width of the
        widest window].
    """
    scale = np.float32(before) / np.float32(after)
    start = np.arange(after, dtype=np.float32) * scale
    end = np.arange(1, after + 1, dtype=np.float32) * scale
    first = np.floor(start).astype(np.int64)
    widest = int((np.ceil(end) - first).max())
    place = first[:, None] + np.arange(widest)
    weights = np.minimum(place + 1, end[:, None]) - np.maximum(place, start[:, None])
    weights = np.where(place < np.ceil(end)[:, None], np.maximum(weights, 0), 0).astype(np.float32)
    over = np.maximum(place - (before - 1), 0)  # a window beyond the last place takes the last place again
    first = first - over.max(axis=1)
    if over.any():
        shifted = np.zeros_like(weights)
        for row, column in zip(*np.nonzero(weights), strict=True):
            target = min(place[row, column], before - 1) - first[row]
            shifted[row, target] += weights[row, column]
        weights = shifted
    return first, weights


@functools.cache
def _kernel() -> Callable[..., None]:
    """Compile `_resize`, at its first use; kept on disk for other processes if numba finds a folder to write to."""
    compiler = functools.partial(numba.njit, nogil=True, fastmath=True)
    try:
        compiled: Callable[..., None] = compiler(cache=True)(_resize)
    except RuntimeError:
        compiled = compiler()(_resize)
    return compiled


def _resize(
    frames: np.ndarray,
    level: np.ndarray,
    first_y: np.ndarray,
    weights_y: np.ndarray,
    first_x: np.ndarray,
    weights_x: np.ndarray,
    offset: np.float32,
) -> None:
    """Fill `level` with the weighted sums of `frames` minus `offset`; see `_windows` for the other arguments."""
    width = frames.shape[2] * 3
    line = np.empty(width, np.float32)
    for n in range(frames.shape[0]):
        pixels = frames[n].reshape(frames.shape[1], width)
        for y in range(level.shape[1]):
            line[:] = 0
            for k in range(weights_y.shape[1]):
                weight = weights_y[y, k]
                if weight != 0:
                    source = pixels[first_y[y] + k]
                    for x in range(width):
                        line[x] += weight * source[x]
            for x in range(level.shape[2]):
                red, green, blue = -offset, -offset, -offset
                place = 3 * first_x[x]
                for k in range(weights_x.shape[1]):
                    weight = weights_x[x, k]
                    red += weight * line[place]
                    green += weight * line[place + 1]
                    blue += weight * line[place + 2]
                    place += 3
                level[n, y, x, 0], level[n, y, x, 1], level[n, y, x, 2] = red, green, blue
