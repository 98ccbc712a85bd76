"""Trainer: the executor."""

import json
import os

from pydantic import ValidationError

from artifacts.errors import InputError
from components.base import Context


def execute(context: Context):
    """Train, and write `Format-Keras/`, `Format-Serving/` and `calibration.json` into `model`, the logs into `model_run`.

    Raises:
        InputError: the examples cannot be used.
        commands.signals.Interrupted: a signal came; the next attempt goes on from the saved state.
    """
    from artifacts import face_examples
    from model import calibration, pretrained  # imports TensorFlow
    from model.train import save_model, train

    folder, run_dir = context.inputs["examples"], context.outputs["model_run"]
    recipe = context.parameters.to_recipe()
    try:
        train_files, val_files = (face_examples.find_files(folder, split) for split in ("train", "val"))
        detector, history = train(recipe, train_files, val_files, run_dir, context.parameters.validate_every)
        fitted = calibration.calibrate(detector, val_files)
    except (face_examples.ExamplesError, pretrained.WeightsError, ValidationError) as error:
        raise InputError(str(error)) from error
    save_model(detector, fitted, context.outputs["model"])
    with open(os.path.join(context.outputs["model"], "recipe.json"), "w") as stream:
        json.dump(recipe.model_dump(), stream, indent=2)
    best = max((row["val_auc"] for row in history if row.get("val_auc") is not None), default=None)
    return {"recipe": recipe.name, "steps": recipe.steps, "best_validation_auc": best, "temperature": fitted["frame"]}
