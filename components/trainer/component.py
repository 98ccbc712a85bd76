"""Trainer: the spec."""

import hashlib
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, PositiveInt, create_model, model_validator

from artifacts.errors import InputError
from commands.parameters import Parameters
from components.base import Component, Context
from model.recipes import NAMED_WEIGHTS, RECIPES, Recipe, RecipeName, get_recipe


class BaseTrainerParameters(Parameters):
    """The Trainer's parameters without the recipe's fields, which `TrainerParameters` adds."""

    recipe: RecipeName = Field("paper", description=f"Named set of choices: {', '.join(RECIPES)}.")
    validate_every: PositiveInt | None = Field(
        None, description="Steps between validations; a tenth of the steps by default."
    )

    @model_validator(mode="after")
    def _check(self) -> "BaseTrainerParameters":
        self.to_recipe()
        return self

    def resolved(self) -> Self:
        """Return the same with every field of the recipe, the steps at which its stages begin, and the interval."""
        recipe = self.to_recipe()
        fields = recipe.model_dump(exclude={"name"})
        if recipe.weight_center_weight > 0:
            fields["weight_center_start"] = recipe.weight_center_step
        if recipe.expander:
            fields["expander_start"] = recipe.expander_step
        every = self.validate_every or max(1, recipe.steps // 10)
        return self.model_copy(update=fields | {"validate_every": every})

    def to_recipe(self) -> Recipe:
        """Return the named recipe with the given fields replaced."""
        given = {name: getattr(self, name) for name in Recipe.model_fields if name != "name"}
        return get_recipe(self.recipe, **{name: value for name, value in given.items() if value is not None})


def _optional_fields() -> dict[str, Any]:
    """Every field of a recipe as an optional one: a given value overrides the named recipe's."""
    return {
        name: (info.annotation | None, Field(None, description=f"{info.description} Default: the recipe's."))
        for name, info in Recipe.model_fields.items()
        if name != "name" and info.annotation
    }


TrainerParameters = create_model("TrainerParameters", __base__=BaseTrainerParameters, **_optional_fields())


def _weights_digest(parameters: BaseTrainerParameters) -> str:
    """Digest of the first weights: another file under the same name makes another training."""
    path = parameters.to_recipe().initial_weights
    if path in NAMED_WEIGHTS:
        return path
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"components.Trainer.initial_weights: {path}: cannot be read ({error.strerror})") from error


def execute(context: Context) -> Mapping[str, Any]:
    """Train and export a model; see `components.trainer.executor`."""
    from components.trainer import executor  # imports TensorFlow

    return executor.execute(context)


COMPONENT = Component(
    name="Trainer",
    module="components.trainer.component",
    summary="Train a detector by a recipe: Multi-metric Loss with the Adaptive Hardness-aware Expander.",
    inputs={"examples": "Examples"},
    outputs={"model": "Model", "model_run": "ModelRun"},
    parameters=TrainerParameters,
    execute=execute,
    late_imports=("tensorflow", "keras"),
    libraries=("tensorflow-cpu", "tensorflow", "keras", "keras-cv", "numpy"),
    resumable=True,
    sources=_weights_digest,
)
