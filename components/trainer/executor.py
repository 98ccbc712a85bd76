"""Trainer: the executor."""

import os
from typing import Any

from artifacts import layout
from artifacts.face_examples import find_files
from artifacts.preprocessing import read_of_examples
from artifacts.writing import write_json
from components.base import Context
from model.calibration import calibrate
from model.training import save_model, train


def execute(context: Context) -> dict[str, Any]:
    """Train; write `Format-Keras/`, `Format-Serving/`, `calibration.json` and `recipe.json` into `model`.

    Logs, checkpoints and the history go into `model_run`.

    Raises:
        InputError: the examples or the weights to start from cannot be used, or the training diverged.
        commands.signals.Interrupted: a signal came; the next attempt goes on from the saved state.
    """
    examples, model_dir = context.inputs["examples"], context.outputs["model"]
    recipe = context.parameters.to_recipe()
    train_files, val_files = find_files(examples, "train"), find_files(examples, "val")
    run_dir, validate_every = context.outputs["model_run"], context.parameters.validate_every
    detector, history = train(recipe, train_files, val_files, run_dir, validate_every)
    calibration = calibrate(detector, val_files)
    save_model(detector, calibration, model_dir, read_of_examples(examples))
    write_json(os.path.join(model_dir, layout.RECIPE), recipe.model_dump(), indent=2)
    return {
        "recipe": recipe.name,
        "steps": recipe.steps,
        "best_validation_auc": max((auc for row in history if (auc := row.get("val_auc")) is not None), default=None),
        "temperature": calibration["frame"],
    }
