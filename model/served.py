"""A SavedModel of this project, loaded: its signatures as functions, and what it says about itself."""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from artifacts.crop_size import CROP_SIZE
from artifacts.errors import InputError
from model.saved_model import SERVED, digest, find_saved_model, read_calibration, read_card, read_preprocessing

REQUIRED_SIGNATURES = ("serving_default", "crops")

# A tensor, such as uint8 crops [n, 256, 256, 3], to the outputs of a signature by name.
Predict = Callable[[tf.Tensor], dict[str, tf.Tensor]]


class ServedModel:
    """A SavedModel of this project.

    Args:
        folder: see `model.saved_model.find_saved_model`.

    Attributes:
        path: of the SavedModel itself.
        version: its number in a model server's folder; None elsewhere.
        signatures: name -> function of one tensor (by keyword) that returns a dict of tensors.
        digest: of its graph and weights; equal for two verdicts of the same model.
        calibration: its temperatures, see `model.saved_model.Calibration`, or None.
        preprocessing: how the faces were made from which it learnt, or None if it does not say.
        card: what it was trained and tested on, or None.

    Raises:
        InputError: there is no SavedModel, or it is damaged or not one of this project.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = find_saved_model(folder)
        name = os.path.basename(os.path.normpath(self.path))
        self.version = int(name) if name.isdecimal() else None
        self.digest = digest(self.path)  # of regular files only: nothing blocks whoever loads them
        self.calibration = read_calibration(self.path)
        self.preprocessing = read_preprocessing(self.path)
        self.card = read_card(self.path)
        self._loaded = _load(self.path)
        self.signatures = self._loaded.signatures
        missing = [name for name in REQUIRED_SIGNATURES if name not in self.signatures]
        if missing:
            raise InputError(
                f"{self.path}: not a model of this project: its SavedModel has no signature {' and '.join(missing)}, "
                f"only {sorted(self.signatures)}"
            )

    def predict(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """Score faces.

        Args:
            crops: uint8 [n, 256, 256, 3], RGB.

        Returns:
            The outputs `SERVED`, float32 arrays with n rows.
        """
        outputs = self.signatures["crops"](crops=tf.constant(crops, tf.uint8))
        return {name: outputs[name].numpy() for name in SERVED}

    def heat_maps(self, crops: np.ndarray) -> np.ndarray | None:
        """Show which regions of faces speak for the class fake.

        Args:
            crops: uint8 [n, 256, 256, 3], RGB.

        Returns:
            float32 [n, 256, 256], 0..1; None if the SavedModel was exported before this signature existed.
        """
        if "heat_maps" not in self.signatures:
            return None
        maps: np.ndarray = self.signatures["heat_maps"](crops=tf.constant(crops, tf.uint8))["heat_map"].numpy()
        return maps

    def warm_up(self) -> None:
        """Score one face, so that the first user does not wait for what TensorFlow prepares on the first call.

        Raises:
            InputError: an output is NaN or infinite.
        """
        outputs = self.predict(np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.uint8))
        bad = [name for name, values in outputs.items() if not np.isfinite(values).all()]
        if bad:
            raise InputError(f"{self.path}: its {' and '.join(bad)} is not finite: its training diverged. Train again")


def load_signature(folder: str | os.PathLike[str], name: str = "crops") -> Predict:
    """Load one signature of a SavedModel of this project.

    Args:
        folder: the SavedModel itself.
        name: of the signature.

    Raises:
        InputError: the folder holds no SavedModel, or one without that signature.
    """
    loaded = _load(os.fspath(folder))
    if name not in loaded.signatures:
        raise InputError(f"{folder}: its SavedModel has no signature {name!r}, only {sorted(loaded.signatures)}")
    argument = next(iter(loaded.signatures[name].structured_input_signature[1]))

    def predict(tensor: tf.Tensor) -> dict[str, tf.Tensor]:
        # Through `loaded`, which must stay alive: a signature refers to its model weakly.
        outputs: dict[str, tf.Tensor] = loaded.signatures[name](**{argument: tensor})
        return outputs

    return predict


def _load(path: str) -> Any:
    try:
        return tf.saved_model.load(path)
    except Exception as error:  # OSError, protobuf's and TensorFlow's errors, depending on what is damaged
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: cannot be loaded as a SavedModel ({reason}). Copy or push the model again"
        ) from error


_lock = threading.Lock()
_of_process: dict[str, Predict] = {}  # digest -> the function; at most one entry


def load_model(folder: str | os.PathLike[str]) -> Predict:
    """Load a model's `crops` signature, once per process.

    Args:
        folder: see `model.saved_model.find_saved_model`.

    Returns:
        A function of uint8 crops [n, 256, 256, 3] that returns the outputs `SERVED`.

    Raises:
        InputError: there is no SavedModel, or one without that signature.
    """
    path = find_saved_model(folder)
    key = digest(path)
    with _lock:
        if key not in _of_process:
            for device in tf.config.list_physical_devices("GPU"):
                with contextlib.suppress(RuntimeError):  # already in use
                    tf.config.experimental.set_memory_growth(device, True)  # leave room for other workers
            predict = load_signature(path)
            _of_process.clear()
            _of_process[key] = predict
        return _of_process[key]
