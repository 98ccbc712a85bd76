"""A SavedModel of ours, loaded: what it answers, and what it tells of itself."""

import os

import numpy as np
import tensorflow as tf

from model import calibration, card
from model.recipes import CROP_SIZE
from model.saved_model import SERVED, digest, find_saved_model

SIGNATURES = ("serving_default", "crops")  # without them it is no model of ours


class ServedModel:
    """A SavedModel of ours.

    Args:
        folder: see `model.saved_model.find_saved_model`.

    Attributes:
        path: of the SavedModel itself.
        version: its number in a model server's folder; None elsewhere.
        signatures: name -> function of one tensor (by keyword) that returns a dict of tensors.
        digest: of its graph and weights; says whether two verdicts come from the same model.
        calibration: what `model.calibration.calibrate` returned, or None.
        card: what it was trained and tested on, as `components.pusher.component` wrote it, or None.

    Raises:
        ValueError: no SavedModel, a damaged one, or not one of this project.
    """

    def __init__(self, folder):
        self.path = str(find_saved_model(folder))
        name = os.path.basename(os.path.normpath(self.path))
        self.version = int(name) if name.isdecimal() else None
        try:
            self._loaded = tf.saved_model.load(self.path)  # signatures hold it weakly only
        except Exception as error:  # OSError, protobuf's and TensorFlow's errors: of whatever is damaged in it
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"{self.path}: cannot be loaded as a SavedModel ({reason}). Push the model again"
            ) from error
        self.signatures = self._loaded.signatures
        missing = [name for name in SIGNATURES if name not in self.signatures]
        if missing:
            raise ValueError(
                f"{self.path}: its SavedModel has no signature {' and '.join(missing)}, only {sorted(self.signatures)}: "
                "not a model of this project"
            )
        self.calibration = calibration.read(self.path)
        self.digest = digest(self.path)
        self.card = card.read(self.path)

    def predict(self, crops):
        """Judge faces: uint8 [n, 256, 256, 3] -> dict of `SERVED`, float32 arrays with n rows."""
        answers = self.signatures["crops"](crops=tf.constant(crops, tf.uint8))
        return {name: answers[name].numpy() for name in SERVED}

    def heat_maps(self, crops):
        """Where faces speak for the class fake: uint8 [n, 256, 256, 3] -> float32 [n, 256, 256], 0..1.

        None where the SavedModel was exported before there was such a signature.
        """
        if "heat_maps" not in self.signatures:
            return None
        return self.signatures["heat_maps"](crops=tf.constant(crops, tf.uint8))["heat_map"].numpy()

    def warm_up(self):
        """Call it once, so that the first user does not wait for what is prepared then.

        Raises:
            ValueError: it answers with what is no number.
        """
        answers = self.predict(np.zeros((1, CROP_SIZE, CROP_SIZE, 3), np.uint8))
        odd = [name for name, values in answers.items() if not np.isfinite(values).all()]
        if odd:
            raise ValueError(f"{self.path}: its {' and '.join(odd)} is not finite: its training diverged. Train again")
