"""From encoded pictures to face crops, by the graph code that the model's own signature has."""

import numpy as np
import tensorflow as tf

from artifacts import face_examples
from model.input_pipeline import load_crop
from model.recipes import CROP_SIZE
from serving.server.picture_headers import HeaderError, inspect
from serving.server.refusals import Refusal


class Decoder:
    """Decodes face crops as signature `serving_default` does, so that all signatures can share batches.

    Args:
        max_pixels: of all crops of one call.
    """

    def __init__(self, max_pixels):
        self.max_pixels = max_pixels
        _decode(tf.constant([], tf.string))  # traced now, not by the first request

    def __call__(self, encoded):
        """Decode a list of bytes to uint8 [n, 256, 256, 3].

        Raises:
            Refusal: 400, one is not a picture; 413, they have too many pixels.
        """
        checked, total = [], 0
        for number, one in enumerate(encoded):
            try:
                pixels, one = inspect(one)
            except HeaderError as error:
                raise Refusal(400, f"Picture {number} {error}") from None
            total += pixels
            if total > self.max_pixels:
                raise Refusal(
                    413, f"Pictures 0 to {number} have {total:_} pixels; {self.max_pixels:_} are allowed in a request"
                )
            checked.append(one)
        if not checked:
            return np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)
        try:
            return _decode(tf.constant(checked, tf.string)).numpy()
        except tf.errors.OpError:
            raise self._culprit(checked) from None

    def _culprit(self, checked):
        for number, one in enumerate(checked):
            try:
                _decode(tf.constant([one], tf.string))
            except tf.errors.OpError:
                return Refusal(400, f"Picture {number} is damaged and cannot be decoded")
        return Refusal(400, "The pictures cannot be decoded")


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def _decode(encoded):
    # Two at a time: as many as decode at all on few cores, and never ten large ones in memory.
    spec = tf.TensorSpec([CROP_SIZE, CROP_SIZE, 3], tf.uint8)
    return tf.map_fn(_decode_one, encoded, fn_output_signature=spec, parallel_iterations=2)


def _decode_one(encoded):
    return load_crop(encoded, face_examples.decode_common)
