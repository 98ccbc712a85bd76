"""A trained detector as a SavedModel, with the preprocessing inside its graph."""

import contextlib
import os
from typing import Any

from commands.quiet import import_tensorflow

import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from artifacts import crop_decoding, layout  # noqa: E402
from artifacts.crop_size import CROP_SIZE  # noqa: E402
from artifacts.errors import InputError  # noqa: E402
from model import explain, saved_model  # noqa: E402
from model.detector import DeepfakeDetector  # noqa: E402
from model.input_pipeline import load_crop  # noqa: E402
from model.keras_file import load_keras  # noqa: E402
from model.losses import FAKE  # noqa: E402
from model.saved_model import SERVED  # noqa: E402


def export_saved_model(
    detector: DeepfakeDetector, folder: str | os.PathLike[str], half_precision: bool = False
) -> None:
    """Write `detector` to `folder` as a SavedModel.

    Signatures, for n faces, n >= 0. The first two return the outputs `SERVED`, float32:
        serving_default: `image_bytes`, string [n]: face crops of any size as JPEG, PNG, BMP or GIF. They are decoded,
            turned upright and resized to the pixels that extraction makes of them; see `artifacts.crop_decoding`.
        crops: `crops`, uint8 [n, 256, 256, 3], RGB.
        heat_maps: `crops`, likewise. Returns `heat_map`, float32 [n, 256, 256], 0..1: `explain.heat_maps` of the class
            fake, so that whoever serves the model can also show where it looked.

    Args:
        detector: trained and calibrated.
        folder: of the SavedModel.
        half_precision: store the weights as float16, half the bytes; the graph computes in float32 all the same.
    """
    weights = _Weights(detector, half_precision)

    def at_least_one(crops: tf.Tensor) -> tf.Tensor:
        # Convolutions on CPUs fail without a row. So a black face stands in, and its outputs are cut off again.
        return tf.cond(tf.shape(crops)[0] > 0, lambda: crops, lambda: tf.zeros([1, *crops.shape[1:]], tf.uint8))

    def serve_crops(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        with weights.used():
            outputs = detector(at_least_one(crops), training=False)
        return {name: tf.cast(outputs[name], tf.float32)[: tf.shape(crops)[0]] for name in SERVED}

    def serve_heat_maps(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        with weights.used():
            maps = explain.heat_maps(detector, at_least_one(crops), FAKE)
        return {"heat_map": maps[: tf.shape(crops)[0]]}

    def serve_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        # Not WebP: older servers lack its operation and would refuse the whole model.
        crops = tf.map_fn(
            lambda encoded: load_crop(encoded, crop_decoding.decode_common),
            image_bytes,
            fn_output_signature=tf.TensorSpec([CROP_SIZE, CROP_SIZE, 3], tf.uint8),
        )
        return serve_crops(crops)

    crops = [tf.TensorSpec([None, CROP_SIZE, CROP_SIZE, 3], tf.uint8, name="crops")]
    encoded = [tf.TensorSpec([None], tf.string, name="image_bytes")]
    # Keras's ExportArchive would store every weight twice.
    tf.saved_model.save(
        weights.module,
        str(folder),
        signatures={
            "serving_default": tf.function(serve_bytes, input_signature=encoded, autograph=False),
            "crops": tf.function(serve_crops, input_signature=crops, autograph=False),
            "heat_maps": tf.function(serve_heat_maps, input_signature=crops, autograph=False),
        },
    )


class _Weights:
    """What a SavedModel stores of a detector, and how its graphs use it.

    Args:
        detector: whose weights they are.
        half_precision: store those of type float32 as float16.

    Attributes:
        module: holds the stored variables, each once.
    """

    def __init__(self, detector: DeepfakeDetector, half_precision: bool) -> None:
        self._halved = [v for v in detector.variables if half_precision and v.dtype == "float32"]
        self._halves = [tf.Variable(_half_bits(variable.numpy()), trainable=False) for variable in self._halved]
        whole = [variable.value for variable in detector.variables if not half_precision or variable.dtype != "float32"]
        self.module = tf.Module()
        self.module.stored = [*self._halves, *whole]

    def used(self) -> contextlib.AbstractContextManager[Any]:
        """Let the detector compute with what is stored."""
        if not self._halved:
            return contextlib.nullcontext()
        pairs = zip(self._halved, self._halves, strict=True)
        mapping = [(whole, _of_half_bits(half)) for whole, half in pairs]
        scope: contextlib.AbstractContextManager[Any] = keras.StatelessScope(state_mapping=mapping)
        return scope


def _half_bits(values: np.ndarray) -> np.ndarray:
    """Round float32 to float16, as uint16 of the same bits."""
    return values.astype(np.float16).view(np.uint16)


def _of_half_bits(bits: tf.Tensor) -> tf.Tensor:
    """Return the float32 of finite float16 values, exactly, without an operation on float16.

    On processors without AVX-512, oneDNN complains on standard error about every graph that has one.
    """
    bits = tf.cast(bits, tf.int32)
    size = tf.bitwise.bitwise_and(bits, 0x7FFF)
    normal = tf.bitcast(tf.bitwise.left_shift(size, 13) + (112 << 23), tf.float32)  # 112: from one bias to the other
    size = tf.where(size < 0x0400, 2.0**-24 * tf.cast(size, tf.float32), normal)
    return tf.where(bits < 0x8000, size, -size)


def export_again(model_dir: str, folder: str, half_precision: bool) -> None:
    """Write the SavedModel of a `model` folder again.

    Raises:
        InputError: the detector in `model_dir` is damaged, or is none.
    """
    path = layout.keras_model(model_dir)
    detector = load_keras(path)
    if not isinstance(detector, DeepfakeDetector):
        raise InputError(f"{path}: not a usable detector (a Keras model of another kind)")
    export_saved_model(detector, folder, half_precision)
    saved_model.copy_assets(model_dir, folder)
