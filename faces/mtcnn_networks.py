"""MTCNN's three networks (Zhang et al., 2016) as plain TensorFlow functions of the mtcnn package's weights.

They compute what the package's Keras models compute, with less work: a PReLU is max(x, slope x) if no slope is above 1,
and in P-Net, where it pays off, the PReLU comes after the max-pooling that follows it. Scores are the softmax of two
logits, not an expression that equals it on paper: near 1 the order of scores depends on the last bit.
"""

import importlib.resources
import math
from collections.abc import Callable, Sequence

import joblib
import numpy as np
import tensorflow as tf


def load_weights(name: str) -> list[np.ndarray]:
    """Return the arrays of network "pnet", "rnet" or "onet" from the mtcnn package, in the order of its layers."""
    weights: list[np.ndarray] = joblib.load(importlib.resources.files("mtcnn.assets.weights") / f"{name}.lz4")
    return weights


class PNet:
    """The proposal network, on whole images."""

    def __init__(self) -> None:
        *body, w_box, b_box, w_face, b_face = load_weights("pnet")
        kernel, bias, slope = body[:3]
        first = _PooledBlock(kernel, bias, slope, 2, "SAME")
        body[3] = body[3][:, :, first.order]
        self.body: list[_Block | _PooledBlock] = [first, *_blocks(body[3:])]
        self.heads = _constants(
            np.concatenate([w_box, w_face], axis=-1).reshape(-1, 6), np.concatenate([b_box, b_face])
        )
        # A softmax of two logits is above p if their difference is above log(p / (1 - p)): one number per window.
        self.difference = _constants(*(part[..., 5:] - part[..., 4:5] for part in self.heads))

    def __call__(self, images: tf.Tensor, threshold: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Find the windows of 12x12 pixels, two pixels apart, that may show a face.

        Args:
            images: normalised float32 [n, height, width, 3].
            threshold: the minimum probability of a face.

        Returns:
            Of the k windows that reach it: places (image, row, column), int64 [k, 3]; scores, float32 [k]; offsets,
            float32 [k, 4].
        """
        x = _chain(self.body, images)
        difference = _dense(tf.reshape(x, [-1, x.shape[-1]]), *self.difference)
        passes = difference > math.log(threshold / (1 - threshold))
        places = tf.where(tf.reshape(passes, tf.shape(x)[:-1]))
        outputs = _dense(tf.gather_nd(x, places), *self.heads)
        return places, tf.nn.softmax(outputs[:, 4:])[:, 1], outputs[:, :4]


class RNet:
    """The refinement network."""

    def __init__(self) -> None:
        *body, fc4, b4, a4, w_box, b_box, w_face, b_face = load_weights("rnet")
        self.body = _blocks(body)
        self.pools = [(3, "SAME"), (3, "VALID")]
        self.fc4, self.slope4 = _constants(_by_rows(fc4, 3, 3), b4), np.asarray(a4)
        self.heads = _constants(np.concatenate([w_box, w_face], axis=1), np.concatenate([b_box, b_face]))

    def __call__(self, crops: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Score normalised crops, float32 [n, 24, 24, 3]: scores [n] and offsets [n, 4]."""
        x = tf.reshape(_chain(self.body, crops, self.pools), [-1, 576])
        x = _dense(_prelu(_dense(x, *self.fc4), self.slope4), *self.heads)
        return tf.nn.softmax(x[:, 4:])[:, 1], x[:, :4]


class ONet:
    """The output network."""

    def __init__(self) -> None:
        *body, fc5, b5, a5, w_box, b_box, w_points, b_points, w_face, b_face = load_weights("onet")
        self.body = _blocks(body)
        self.pools = [(3, "SAME"), (3, "VALID"), (2, "SAME")]
        self.fc5, self.slope5 = _constants(_by_rows(fc5, 3, 3), b5), np.asarray(a5)
        heads = ((w_box, b_box), (w_points, b_points), (w_face, b_face))
        self.heads = _constants(*(np.concatenate(part, axis=-1) for part in zip(*heads, strict=True)))

    def __call__(self, crops: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Score normalised crops, float32 [n, 48, 48, 3]: scores [n], offsets [n, 4], landmarks [n, 10] (x's, y's)."""
        x = tf.reshape(_chain(self.body, crops, self.pools), [-1, 1152])
        x = _dense(_prelu(_dense(x, *self.fc5), self.slope5), *self.heads)
        return tf.nn.softmax(x[:, 14:])[:, 1], x[:, :4], x[:, 4:14]


# --- parts ------------------------------------------------------------------------------------------------------------
class _Block:
    """A convolution and its PReLU."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, slope: np.ndarray) -> None:
        self.conv, self.slope, self.steep = _constants(kernel, bias), np.asarray(slope), bool((slope > 1).any())

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return _prelu(_conv(x, *self.conv), self.slope, self.steep)


class _PooledBlock:
    """A convolution, its PReLU and the max-pooling after it, computed in the order convolution, max-pooling, PReLU.

    With a slope that is not negative, a PReLU rises, so it commutes with a maximum. With a negative slope it is
    max(x, slope x), and its maximum over a window is max(maximum of x, maximum of slope x); the convolution computes
    slope x as a channel of its own. The channels come out in another order, `order`, to which the next convolution is
    adapted.
    """

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, slope: np.ndarray, side: int, padding: str) -> None:
        slope = slope.ravel()
        falling, slow, steep = (np.flatnonzero(which) for which in (slope < 0, (slope >= 0) & (slope <= 1), slope > 1))
        self.order = np.concatenate([falling, slow, steep])
        self.conv = _constants(
            np.concatenate([kernel[..., self.order], kernel[..., falling] * slope[falling]], axis=-1),
            np.concatenate([bias[self.order], bias[falling] * slope[falling]]),
        )
        self.falling, self.channels, self.steep = len(falling), len(slope), len(steep) > 0
        self.slope = slope[np.concatenate([slow, steep])]
        self.side, self.padding = side, padding

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        x = tf.nn.max_pool2d(_conv(x, *self.conv), self.side, 2, self.padding)
        falling = tf.maximum(x[..., : self.falling], x[..., self.channels :])
        rising = x[..., self.falling : self.channels]
        return tf.concat([falling, _prelu(rising, self.slope, self.steep)], axis=-1)


def _blocks(arrays: Sequence[np.ndarray]) -> list[_Block]:
    """Make blocks of (kernel, bias, slope) each."""
    return [_Block(*arrays[k : k + 3]) for k in range(0, len(arrays), 3)]


def _chain(
    blocks: Sequence[Callable[[tf.Tensor], tf.Tensor]], x: tf.Tensor, pools: Sequence[tuple[int, str]] = ()
) -> tf.Tensor:
    """Apply blocks one after the other; a max-pooling of `pools`, (side, padding), follows each of the first."""
    for k, block in enumerate(blocks):
        x = block(x)
        if k < len(pools):
            x = tf.nn.max_pool2d(x, pools[k][0], 2, pools[k][1])
    return x


def _by_rows(dense: np.ndarray, height: int, width: int) -> np.ndarray:
    """Reorder the rows of a dense layer, from inputs flattened as [w, h, c] to inputs flattened as [h, w, c]."""
    outputs = dense.shape[1]
    return dense.reshape(width, height, -1, outputs).transpose(1, 0, 2, 3).reshape(-1, outputs)


def _constants(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(kernel, np.float32), np.asarray(bias, np.float32)


def _conv(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray) -> tf.Tensor:
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "VALID"), bias)


def _dense(x: tf.Tensor, kernel: np.ndarray, bias: np.ndarray) -> tf.Tensor:
    return tf.nn.bias_add(tf.matmul(x, kernel), bias)


def _prelu(x: tf.Tensor, slope: np.ndarray, steep: bool = False) -> tf.Tensor:
    """Compute a PReLU: max(x, slope x) for slopes up to 1, also negative ones. `steep`: some slopes are above 1."""
    return tf.maximum(x, 0.0) + slope * tf.minimum(x, 0.0) if steep else tf.maximum(x, slope * x)
