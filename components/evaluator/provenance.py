"""Where an evaluation comes from: the lineage in its report, and the command that makes it again."""

import json
import os
import shlex
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from pydantic import ValidationError

from artifacts import layout
from artifacts.regular_files import read_json
from components.base import Context
from evaluation.report.page import LineageLine
from model.recipe import Recipe
from model.saved_model import digest, read_card


def lineage(inputs: Mapping[str, str], saved_model: str, others: Mapping[str, str]) -> list[LineageLine]:
    """Say where data and models come from.

    Args:
        inputs: of the component.
        saved_model: the evaluated model.
        others: SavedModels of the other models, by name.
    """
    lines = [("model", saved_model), ("model's digest", digest(saved_model))]
    fields = recipe_of(saved_model)
    lines += [("recipe", fields["name"])] if fields else []
    lines += [(f"recipe: {name}", _text(value)) for name, value in _resolved(fields).items() if name != "name"]
    lines += [(key, inputs[key]) for key in ("examples", "videos", "rejects", "baseline") if key in inputs]
    lines += [(f"other model: {name}", f"{path} ({digest(path)})") for name, path in others.items()]
    lines.append(("date", time.strftime("%Y-%m-%d %H:%M")))
    lines += [(name, version(name)) for name in ("tensorflow-cpu", "keras", "scikit-learn")]
    return [{"name": name, "value": value} for name, value in lines]


def _resolved(fields: dict[str, Any]) -> dict[str, Any]:
    """Fill in the steps at which the stages of a recipe begin, where it leaves them to its number of steps."""
    try:
        recipe = Recipe.model_validate(fields)
    except ValidationError:  # of another version
        return fields
    begun = {"weight_center_start": recipe.weight_center_step} if recipe.weight_center_weight > 0 else {}
    begun |= {"expander_start": recipe.expander_step} if recipe.expander else {}
    return {name: begun.get(name, value) if value is None else value for name, value in fields.items()}


def _text(value: object) -> str:
    """A value in full, without Python's words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not used" if value is None else str(value)


def recipe_of(saved_model: str) -> dict[str, Any]:
    """Return a model's recipe, from beside the SavedModel or from its card; {} if there is none."""
    folder = os.path.dirname(os.path.abspath(saved_model))
    for path in (os.path.join(folder, layout.RECIPE), os.path.join(folder, "run", layout.RECIPE)):
        if os.path.exists(path):
            recipe: dict[str, Any] = read_json(path)
            return recipe
    card = read_card(saved_model)
    return {"name": card["name"], **(card.get("recipe") or {})} if card and card.get("name") else {}


def reproduce(context: Context) -> list[str]:
    """Return the command that makes the evaluation again, one argument per line."""
    words = [f"--{key}={path}" for key, path in context.inputs.items()]
    words += [f"--{key}={key}" for key in context.outputs]
    given = context.parameters.model_dump(exclude_defaults=True, mode="json")
    words += [f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in given.items()]
    lines = ["python -m components.evaluator", *(f"    {shlex.quote(word)}" for word in words)]
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]
