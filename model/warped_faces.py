"""Fakes made of reals: a face that is shrunk, blurred and put back.

After Li and Lyu, "Exposing DeepFake Videos By Detecting Face Warping Artifacts", 2019. Face swaps of a fixed resolution
leave such traces. In aligned crops the outline that is replaced can be a fixed one.
"""

import cv2
import numpy as np
import tensorflow as tf

from artifacts.crop_size import CROP_SIZE

# From the brows to below the lower lip, in a crop of 256 pixels with the margin 1.3: (x, y).
OUTLINE = np.array(
    [(76, 104), (100, 92), (156, 92), (180, 104), (172, 170), (150, 208), (128, 214), (106, 208), (84, 170)]
)
SMALLEST, LARGEST = 0.2, 0.9  # sides of the shrunk crop, as a share
BOXED = 0.5  # share of faces of which the outline's bounding box is replaced instead
SOFT = 3.0  # standard deviation of the border, pixels
SEED = 5 << 60  # differs from the augmentation's in bits that no row number reaches


def warp_face(crop: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Replace the face in a real crop by what is left of it after shrinking and a 5x5 Gaussian blur.

    Args:
        crop: uint8 [256, 256, 3].
        seed: int64 [2]; the result is a function of it and the crop.

    Returns:
        uint8 [256, 256, 3].
    """
    share, boxed = tf.unstack(tf.random.stateless_uniform([2], tf.bitwise.bitwise_xor(seed, [0, SEED])))
    side = tf.cast(CROP_SIZE * (SMALLEST + (LARGEST - SMALLEST) * share), tf.int32)
    image = tf.cast(crop, tf.float32)[None]
    small = tf.image.resize(image, [side, side], antialias=True)
    padded = tf.pad(small, [[0, 0], [2, 2], [2, 2], [0, 0]], "REFLECT")
    blurred = tf.nn.depthwise_conv2d(padded, tf.constant(_gaussian()), [1, 1, 1, 1], "VALID")
    back = tf.image.resize(blurred, [CROP_SIZE, CROP_SIZE])
    outline, box = _masks()
    mask = tf.where(boxed < BOXED, box, outline)
    return tf.saturate_cast(tf.round(mask * back + (1 - mask) * image), tf.uint8)[0]


def _gaussian() -> np.ndarray:
    """OpenCV's 5x5 Gaussian kernel for three channels, float32 [5, 5, 3, 1]."""
    line = cv2.getGaussianKernel(5, 0, cv2.CV_32F)
    return np.repeat((line @ line.T)[:, :, None, None], 3, axis=2)


def _masks() -> tuple[np.ndarray, np.ndarray]:
    """The outline and its bounding box with soft borders, each float32 [256, 256, 1], 0..1."""
    left, top, width, height = cv2.boundingRect(OUTLINE.astype(np.int32))
    box = np.array([(left, top), (left + width, top), (left + width, top + height), (left, top + height)])
    masks = []
    for points in (OUTLINE, box):
        mask = np.zeros((CROP_SIZE, CROP_SIZE), np.float32)
        cv2.fillConvexPoly(mask, points.astype(np.int32), 1.0)
        masks.append(cv2.GaussianBlur(mask, (0, 0), SOFT)[:, :, None])
    return masks[0], masks[1]
