"""Write a trained detector as a SavedModel, with the preprocessing inside its graph."""

import os

import keras
import tensorflow as tf

from artifacts import crop_decoding
from artifacts.crop_size import CROP_SIZE
from model import explain
from model.detector import DeepfakeDetector
from model.input_pipeline import load_crop
from model.losses import FAKE
from model.saved_model import SERVED


def export_saved_model(detector: DeepfakeDetector, folder: str | os.PathLike[str]) -> None:
    """Write `detector` to `folder` as a SavedModel.

    Signatures, for n faces, n >= 0. The first two return the outputs `SERVED`, float32:
        serving_default: `image_bytes`, string [n]: face crops of any size as JPEG, PNG, BMP or GIF. They are decoded,
            turned upright and resized to the pixels that extraction makes of them; see `artifacts.crop_decoding`.
        crops: `crops`, uint8 [n, 256, 256, 3], RGB.
        heat_maps: `crops`, likewise. Returns `heat_map`, float32 [n, 256, 256], 0..1: `explain.heat_maps` of the class
            fake, so that whoever serves the model can also show where it looked.
    """

    def at_least_one(crops: tf.Tensor) -> tf.Tensor:
        # Convolutions on CPUs fail without a row. So a black face stands in, and its outputs are cut off again.
        return tf.cond(tf.shape(crops)[0] > 0, lambda: crops, lambda: tf.zeros([1, *crops.shape[1:]], tf.uint8))

    def serve_crops(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = detector(at_least_one(crops), training=False)
        return {name: tf.cast(outputs[name], tf.float32)[: tf.shape(crops)[0]] for name in SERVED}

    def serve_heat_maps(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"heat_map": explain.heat_maps(detector, at_least_one(crops), FAKE)[: tf.shape(crops)[0]]}

    def serve_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        # Not WebP: older servers lack its operation and would refuse the whole model.
        crops = tf.map_fn(
            lambda encoded: load_crop(encoded, crop_decoding.decode_common),
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
