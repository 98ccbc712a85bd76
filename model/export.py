"""Write a trained detector as a SavedModel with preprocessing inside the graph."""

import keras
import tensorflow as tf

from artifacts import face_examples
from model import explain
from model.input_pipeline import load_crop
from model.losses import FAKE
from model.recipes import CROP_SIZE
from model.saved_model import SERVED


def export_saved_model(detector, folder):
    """Write `detector` to `folder` as a SavedModel.

    Signatures for n faces, n >= 0. The first two return the float32 outputs `SERVED`:
        serving_default: `image_bytes`, string [n]: JPEG, PNG, BMP or GIF bytes of face crops of any size. Transparency is
            dropped, grey becomes RGB, 16 bits become the upper 8, and of an animation the first picture counts.
        crops: `crops`, uint8 [n, 256, 256, 3].
        heat_maps: `crops`, likewise; returns `heat_map`, float32 [n, 256, 256], 0..1: `explain.grad_cam` of the class
            fake, so that whoever serves the model can also show where it looked.
    """

    def some(crops):
        # Without a row the convolution fails on CPUs: then a black face stands in, and its outputs are cut off again.
        return tf.cond(tf.shape(crops)[0] > 0, lambda: crops, lambda: tf.zeros([1, *crops.shape[1:]], tf.uint8))

    def serve_crops(crops):
        outputs = detector(some(crops), training=False)
        return {name: tf.cast(outputs[name], tf.float32)[: tf.shape(crops)[0]] for name in SERVED}

    def serve_heat_maps(crops):
        return {"heat_map": explain.heat_maps(detector, some(crops), FAKE)[: tf.shape(crops)[0]]}

    def serve_bytes(image_bytes):
        # Not WebP: older servers lack the operation, and would refuse the whole model.
        crops = tf.map_fn(
            lambda encoded: load_crop(encoded, face_examples.decode_common),
            image_bytes,
            fn_output_signature=tf.TensorSpec([CROP_SIZE, CROP_SIZE, 3], tf.uint8),
        )
        return serve_crops(crops)

    crops = [tf.TensorSpec([None, CROP_SIZE, CROP_SIZE, 3], tf.uint8, name="crops")]
    archive = keras.export.ExportArchive()
    archive.track(detector)
    archive.add_endpoint("serving_default", serve_bytes, [tf.TensorSpec([None], tf.string, name="image_bytes")])
    archive.add_endpoint("crops", serve_crops, crops)
    archive.add_endpoint("heat_maps", serve_heat_maps, crops)
    archive.write_out(str(folder), verbose=False)
