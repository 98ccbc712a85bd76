"""Augmentation of training crops: presets by name, each a pure function of the crop and a seed.

The layers of Keras draw from generators with a state. Here the draws are stateless, and only the layers'
transformations are used, so that a resumed run sees the very same pixels.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

# Each: (share of crops, lowest, highest strength), in the ranges that face video on the web goes through.
BRIGHTNESS = (0.5, -0.15, 0.15)  # added, as a share of 255
CONTRAST = (0.5, 0.8, 1.2)  # factor around the mean
DOWNSCALE = (0.3, 0.4, 1.0)  # side of the shrunk crop, as a share
BLUR = (0.2, 0.3, 1.5)  # standard deviation, pixels
NOISE = (0.2, 1.0, 8.0)  # standard deviation, grey values
JPEG = (0.5, 40.0, 95.0)  # quality
# Of the preset "strong" alone: what differs between cameras, detectors and the ways in which others cut out faces.
MOVED = 0.75  # share of crops that are scaled, shifted and rotated
SCALE, SHIFT, ANGLE = (0.9, 1.12), 0.05, 8.0  # factor; share of the side, and degrees, either way
SATURATION = (0.5, 1 / 3, 0.6)  # as keras-cv counts: x / (1 - x) is the factor, from a half to one and a half
COVER = (0.15, 0.1, 0.35)  # side of a grey square, as a share

# (share of crops, lowest, highest strength) and a function of (image float [side, side, 3], strength).
Change = tuple[tuple[float, float, float], Callable[..., tf.Tensor]]
# (crop uint8 [256, 256, 3], seed int64 [2]) to a crop of the same kind.
Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def create_augmentation(preset: str) -> Augmentation:
    """Return a preset as a function of (crop, seed), uint8 [256, 256, 3] and int64 [2], that returns a crop.

    Args:
        preset: "off"; "paper": mirrored in half of the cases; or "forensic": also what video on the web goes through,
            each in some of the cases: brightness, contrast, downscaling, blur, noise and, last, JPEG; or "strong":
            before all that also scaled, shifted, rotated, with less or more colour, and partly covered.
    """
    if preset == "off":
        return lambda crop, seed: crop
    if preset == "paper":
        return lambda crop, seed: tf.image.stateless_random_flip_left_right(crop, seed)
    return _Forensic(strong=preset == "strong")


class _Forensic:
    """The presets "forensic" and "strong". Layers are made beforehand: they cannot be made while `tf.data` traces."""

    def __init__(self, strong: bool = False) -> None:
        self.saturation: Any = None
        if strong:
            import keras_cv  # takes seconds to import, and only this preset needs it

            self.saturation = keras_cv.layers.RandomSaturation((0.0, 1.0))
        self.brightness = keras.layers.RandomBrightness(0.5)
        self.contrast = keras.layers.RandomContrast(0.5, value_range=(0, 255))
        self.blur = keras.layers.RandomGaussianBlur(kernel_size=7, value_range=(0, 255))

    def __call__(self, crop: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        # The seeds differ in bits that no row number reaches.
        seeds = [tf.bitwise.bitwise_xor(seed, tf.constant([0, k << 60], seed.dtype)) for k in range(4)]
        image = tf.cast(tf.image.stateless_random_flip_left_right(crop, seeds[0]), tf.float32)
        changes: list[Change] = [
            (BRIGHTNESS, self._brighten),
            (CONTRAST, self._stretch),
            (DOWNSCALE, _downscale),
            (BLUR, self._soften),
            (NOISE, functools.partial(_noise, seed=seeds[2])),
            (JPEG, self._compress),
        ]
        draws = tf.unstack(tf.random.stateless_uniform([2 * len(changes)], seeds[1]))
        if self.saturation is not None:
            moves = tf.unstack(tf.random.stateless_uniform([8], seeds[3]))
            image = tf.cond(moves[0] < MOVED, lambda: _move(image, moves[1:5]), lambda: tf.identity(image))
            cover = functools.partial(_cover, place=moves[5:7], grey=moves[7])
            changes = [(SATURATION, self._saturate), (COVER, cover), *changes]
            draws = tf.unstack(tf.random.stateless_uniform([4], seeds[3] + 1)) + draws
        for number, ((share, low, high), change) in enumerate(changes):
            strength = low + (high - low) * draws[2 * number + 1]
            changed = functools.partial(change, image, strength)
            image = tf.cond(draws[2 * number] < share, changed, functools.partial(tf.identity, image))
            image = tf.ensure_shape(tf.clip_by_value(image, 0.0, 255.0), crop.shape)
        return tf.saturate_cast(tf.round(image), tf.uint8)

    def _brighten(self, image: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        return self.brightness.transform_images(image, {"rgb_delta": tf.reshape(255.0 * share, [1, 1, 1])})

    def _stretch(self, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        return self.contrast.transform_images(image, {"contrast_factor": tf.reshape(factor, [1, 1, 1])})

    def _saturate(self, image: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
        return 255.0 * self.saturation.augment_ragged_image(image / 255.0, strength)

    def _soften(self, image: tf.Tensor, sigma: tf.Tensor) -> tf.Tensor:
        choice = {"blur_factor": tf.stack([sigma, sigma]), "should_apply_blur": tf.constant([True])}
        margin = self.blur.kernel_size[0] // 2
        image = tf.pad(
            image, [[margin, margin], [margin, margin], [0, 0]], "REFLECT"
        )  # otherwise the border turns black
        return self.blur.transform_images(image[None], choice)[0, margin:-margin, margin:-margin]

    def _compress(self, image: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
        # Decoded as `crop_decoding` decodes, or training would see traces of a decoder that no later picture has.
        return 255.0 * tf.image.adjust_jpeg_quality(image / 255.0, tf.cast(quality, tf.int32), "INTEGER_ACCURATE")


def _move(image: tf.Tensor, draws: list[tf.Tensor]) -> tf.Tensor:
    """Scale, shift and rotate about the centre; what comes into view mirrors the border.

    Args:
        image: float [side, side, 3].
        draws: four numbers in [0, 1).
    """
    side = tf.cast(tf.shape(image)[0], tf.float32)
    scale = SCALE[0] + (SCALE[1] - SCALE[0]) * draws[0]
    angle = (2 * draws[1] - 1) * ANGLE * math.pi / 180
    a, b = tf.cos(angle) / scale, tf.sin(angle) / scale  # from places in the result to places in the crop
    centre = (side - 1) / 2
    x = centre - a * centre + b * centre + (2 * draws[2] - 1) * SHIFT * side
    y = centre - b * centre - a * centre + (2 * draws[3] - 1) * SHIFT * side
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=tf.stack([a, -b, x, b, a, y, 0.0, 0.0])[None],
        output_shape=tf.shape(image)[:2],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    return moved[0]


def _cover(image: tf.Tensor, share: tf.Tensor, place: list[tf.Tensor], grey: tf.Tensor) -> tf.Tensor:
    """Cover a square of that side at a place, two shares of the crop's side, with a grey, a share of 255."""
    side = tf.cast(tf.shape(image)[0], tf.float32)
    across = tf.range(side) / side
    rows, columns = (tf.abs(across - centre) < share / 2 for centre in place)
    return tf.where((rows[:, None] & columns[None, :])[..., None], 255.0 * grey, image)


def _downscale(image: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    side = tf.shape(image)[0]
    small = tf.cast(tf.round(tf.cast(side, tf.float32) * share), tf.int32)
    return tf.image.resize(tf.image.resize(image, [small, small], antialias=True), [side, side])


def _noise(image: tf.Tensor, sigma: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return image + tf.random.stateless_normal(tf.shape(image), seed, stddev=sigma)
