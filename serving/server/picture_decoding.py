"""Decode face crops, with the same graph code as the model's own signature."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from artifacts import crop_decoding
from artifacts.crop_size import CROP_SIZE
from model.input_pipeline import load_crop
from serving.server.picture_headers import HeaderError, inspect
from serving.server.refusals import Refusal


class PictureDecoder:
    """Decodes crops as the signature `serving_default` does, so that requests of all signatures can share a batch.

    Args:
        max_pixels: of all crops in one call.
    """

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        _decode(tf.constant([], tf.string))  # traced now, and not when the first request comes

    def __call__(self, encoded: Sequence[bytes]) -> np.ndarray:
        """Decode PNG, JPEG, BMP or GIF files.

        Returns:
            uint8 [n, 256, 256, 3], RGB.

        Raises:
            Refusal: 400, one is not a picture that is taken; 413, they have too many pixels.
        """
        checked = self._check(encoded)
        if not checked:
            return np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)
        try:
            crops: np.ndarray = _decode(tf.constant(checked, tf.string)).numpy()
        except tf.errors.OpError:
            raise _culprit(checked) from None
        return crops

    def _check(self, encoded: Sequence[bytes]) -> list[bytes]:
        """Look at all headers before anything is decoded; returns what to decode."""
        checked, total = [], 0
        for number, picture in enumerate(encoded):
            try:
                pixels, to_decode = inspect(picture)
            except HeaderError as error:
                raise Refusal(400, f"Picture {number} {error}") from None
            total += pixels
            if total > self._max_pixels:
                message = f"Pictures 0 to {number} have {total:_} pixels; {self._max_pixels:_} are allowed in a request"
                raise Refusal(413, message)
            checked.append(to_decode)
        return checked


def _culprit(checked: Sequence[bytes]) -> Refusal:
    """Which of several pictures cannot be decoded, and why."""
    for number, picture in enumerate(checked):
        try:
            _decode(tf.constant([picture], tf.string))
        except tf.errors.OpError as error:
            return Refusal(400, f"Picture {number} {crop_decoding.why_refused(error)}")
    return Refusal(400, "The pictures cannot be decoded")


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])  # type: ignore[untyped-decorator]  # no types
def _decode(encoded: tf.Tensor) -> tf.Tensor:
    # Two at a time keeps a few cores busy, and there are never ten large pictures in memory.
    spec = tf.TensorSpec([CROP_SIZE, CROP_SIZE, 3], tf.uint8)
    return tf.map_fn(_decode_one, encoded, fn_output_signature=spec, parallel_iterations=2)


def _decode_one(encoded: tf.Tensor) -> tf.Tensor:
    return load_crop(encoded, crop_decoding.decode_common)
