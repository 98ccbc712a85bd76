"""The levels of MTCNN's image pyramid: a float32 AREA resize of the full frame, as TensorFlow computes it.

Plain TensorFlow serves; where numba is installed (`pip install -e '.[fast]'`) its kernel does the same sums several times
faster, first along the columns, then along the rows.
"""

import functools

import numpy as np
import tensorflow as tf

GREY = 127.5
ALIGNMENT = 64  # bytes; where TensorFlow's own memory begins
try:
    import numba
except ImportError:
    numba = None


def level_size(height, width, scale):
    """The rows and columns of a level: what the mtcnn package makes of a float size."""
    return int(height * scale), int(width * scale)


def tensorflow_level(frames, scale):
    """One level of RGB uint8 frames [n, height, width, 3]: normalised float32 [n, height * scale, width * scale, 3]."""
    size = level_size(*frames.shape[1:3], scale)
    return _tensorflow_level(frames, tf.constant(size))


@tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([2], tf.int32)])
def _tensorflow_level(frames, size):
    return (tf.image.resize(frames, size, tf.image.ResizeMethod.AREA) - GREY) / 128.0


def numba_level(frames, scale):
    """The same as `tensorflow_level`, as a NumPy array, for frames in a NumPy array."""
    height, width = frames.shape[1:3]
    rows, columns = level_size(height, width, scale)
    first_y, weights_y = _windows(height, rows)
    first_x, weights_x = _windows(width, columns)
    frames, level = np.ascontiguousarray(frames), _aligned_empty((len(frames), rows, columns, 3))
    # Normalisation is linear, so it goes into the last weights and one offset.
    area = np.float32(height / rows) * np.float32(width / columns)
    _kernel()(frames, level, first_y, weights_y, first_x, weights_x / (area * np.float32(128)), np.float32(GREY / 128))
    return level


def _aligned_empty(shape):
    """A float32 array whose memory TensorFlow can take as it is."""
    size = int(np.prod(shape))
    memory = np.empty(size + ALIGNMENT // 4, np.float32)
    skipped = -memory.ctypes.data % ALIGNMENT // 4
    return memory[skipped : skipped + size].reshape(shape)


create_level = numba_level if numba else tensorflow_level


@functools.lru_cache(1024)
def _windows(before, after):
    """Which places each new place covers, and by how much: first int64 [after], weights float32 [after, most].

    In float32, as TensorFlow does: at place 1,900 a border is exact to 1e-4 only, and equal boxes need equal borders.
    """
    scale = np.float32(before) / np.float32(after)
    start = np.arange(after, dtype=np.float32) * scale
    end = np.arange(1, after + 1, dtype=np.float32) * scale
    first = np.floor(start).astype(np.int64)
    most = int((np.ceil(end) - first).max())
    place = first[:, None] + np.arange(most)
    weights = np.minimum(place + 1, end[:, None]) - np.maximum(place, start[:, None])
    weights = np.where(place < np.ceil(end)[:, None], np.maximum(weights, 0), 0).astype(np.float32)
    over = np.maximum(place - (before - 1), 0)  # beyond the last place it is taken again
    first = first - over.max(axis=1)
    if over.any():
        shifted = np.zeros_like(weights)
        for row, column in zip(*np.nonzero(weights), strict=True):
            target = min(place[row, column], before - 1) - first[row]
            shifted[row, target] += weights[row, column]
        weights = shifted
    return first, weights


@functools.cache
def _kernel():
    """`_resize` compiled, at the first use; kept on disk for other processes where numba finds a folder to write to."""
    compiler = functools.partial(numba.njit, nogil=True, fastmath=True)
    try:
        return compiler(cache=True)(_resize)
    except RuntimeError:
        return compiler()(_resize)


def _resize(frames, level, first_y, weights_y, first_x, weights_x, offset):
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
