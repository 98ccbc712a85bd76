"""Trainer: a recipe, face examples in, a model out."""

import hashlib
import json
import os
import sys
from typing import Any, Literal

from pydantic import Field, PositiveInt, ValidationError, create_model, model_validator

from components.base import Component, Context, InputError, Parameters, main
from model.recipes import NAMED_WEIGHTS, RECIPES, Recipe, get_recipe


def _optional_fields():
    """Every field of a recipe, optional: what is given overrides the named recipe's value."""
    fields: dict[str, Any] = {}
    for name, info in Recipe.model_fields.items():
        if name != "name":
            fields[name] = (
                info.annotation | None,
                Field(None, description=f"{info.description} Default: the recipe's."),
            )
    return fields


class _TrainerParameters(Parameters):
    recipe: Literal[tuple(RECIPES)] = Field("paper", description=f"Named set of choices: {', '.join(RECIPES)}.")
    validate_every: PositiveInt | None = Field(
        None, description="Steps between validations; a tenth of the steps by default."
    )

    @model_validator(mode="after")
    def _check(self):
        self.to_recipe()
        return self

    def to_recipe(self):
        """The named recipe with the given fields replaced."""
        given = {name: getattr(self, name) for name in Recipe.model_fields if name != "name"}
        return get_recipe(self.recipe, **{name: value for name, value in given.items() if value is not None})


TrainerParameters = create_model("TrainerParameters", __base__=_TrainerParameters, **_optional_fields())


def execute(context: Context):
    """Train, and write `Format-Keras/`, `Format-Serving/` and `calibration.json` into `model`, the logs into `model_run`.

    Raises:
        InputError: the examples cannot be used.
        model.interrupt.Interrupted: a signal came; the next attempt goes on from the saved state.
    """
    from model import calibration, examples, pretrained  # imports TensorFlow
    from model.train import save_model, train

    folder, run_dir = context.inputs["examples"], context.outputs["model_run"]
    recipe = context.parameters.to_recipe()
    try:
        train_files, val_files = (examples.find_files(folder, split) for split in ("train", "val"))
        detector, history = train(recipe, train_files, val_files, run_dir, context.parameters.validate_every)
        fitted = calibration.calibrate(detector, val_files)
    except (examples.ExamplesError, pretrained.WeightsError, ValidationError) as error:
        raise InputError(str(error)) from error
    save_model(detector, fitted, context.outputs["model"])
    with open(os.path.join(context.outputs["model"], "recipe.json"), "w") as stream:
        json.dump(recipe.model_dump(), stream, indent=2)
    best = max((row["val_auc"] for row in history if row.get("val_auc") is not None), default=None)
    return {"recipe": recipe.name, "steps": recipe.steps, "best_validation_auc": best, "temperature": fitted["frame"]}


def _weights_digest(parameters):
    """Another file under the same name is another training."""
    path = parameters.to_recipe().initial_weights
    if path in NAMED_WEIGHTS:
        return path
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"components.Trainer.initial_weights: {path}: cannot be read ({error.strerror})") from error


COMPONENT = Component(
    name="Trainer",
    module="components.trainer",
    summary="Train a detector by a recipe: Multi-metric Loss with the Adaptive Hardness-aware Expander.",
    inputs={"examples": "Examples"},
    outputs={"model": "Model", "model_run": "ModelRun"},
    parameters=TrainerParameters,
    execute=execute,
    libraries=("tensorflow-cpu", "tensorflow", "keras", "keras-cv", "numpy"),
    resumable=True,
    sources=_weights_digest,
)

if __name__ == "__main__":
    sys.exit(main(COMPONENT))
