"""Every flag of every command takes a valid value as it is meant, and refuses an invalid one by its name."""

import argparse
import importlib
import json
import types
import typing
from pathlib import Path

import pytest
from absl import flags as absl_flags
from pydantic import BaseModel, ValidationError

from artifacts.errors import InputError
from commands.flags import Flags
from commands.problems import of_flags
from model import train
from model.recipes import Recipe, get_recipe
from serving.predict_options import FileLimits
from serving.server.server_options import _CommandLine as ServerFlags
from serving.verdict.verdict_options import VerdictOptions

ROOT = Path(__file__).parents[2]
COMPONENTS = sorted(path.parent.name for path in (ROOT / "components").glob("*/component.py"))
PARAMETERS = {name: importlib.import_module(f"components.{name}.component").COMPONENT.parameters for name in COMPONENTS}
MODELS = PARAMETERS | {"predict": VerdictOptions, "predict's limits": FileLimits, "server": ServerFlags}
DATASETS = [{"type": "sample", "name": "s", "root": "r"}]
# Values where there is no default, or where another is more telling.
VALUES = {
    "datasets": DATASETS, "serving_dir": "folder", "schema_file": "schema.json", "video_rule": "median_logit",
    "validate_every": 7, "weight_center_start": 3, "expander_start": 4, "initial_weights": "random", "model": "folder",
    "max_seconds": 60.0, "access_log": "-", "thresholds": [{"metric": "auc", "min": 0.5}], "robustness": ["jpeg"],
    "caveats": {"s": "made up"}, "split_fractions": {"train": 0.5, "val": 0.25, "test": 0.25},
}  # fmt: skip
NEEDED = {"datasets": DATASETS, "serving_dir": "folder"}
FLAGS = [(command, field) for command, model in MODELS.items() for field in model.model_fields]


def _kinds(annotation):
    """The plain types and choices that a field takes, without None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _kinds(part)]
    if typing.get_origin(annotation) is typing.Annotated:
        return _kinds(typing.get_args(annotation)[0])
    return [] if annotation is type(None) else [annotation]


def _value(model, field):
    """A valid value of a field, as JSON would have it."""
    if field in VALUES:
        return VALUES[field]
    default = model.model_fields[field].default
    if default is None and field in Recipe.model_fields:
        default = Recipe.model_fields[field].default
    return json.loads(json.dumps(default, default=lambda inner: inner.model_dump()))


def _wrong(annotation):
    """A text that no value of a type has; None where every text is one."""
    kinds = _kinds(annotation)
    if any(typing.get_origin(kind) is typing.Literal for kind in kinds):
        return "nonsense"
    if str in kinds:
        return None
    plain = {int: "7x", float: "7,5", bool: "maybe"}
    return next((plain[kind] for kind in kinds if kind in plain), '{"unknown": ')


def _read(model, *arguments):
    parser = argparse.ArgumentParser(exit_on_error=False)
    given = {argument.split("=")[0].strip("-").split(".")[0] for argument in arguments}
    needed = [f"--{k}={json.dumps(v) if not isinstance(v, str) else v}" for k, v in NEEDED.items() if k not in given]
    flags = Flags(parser, model)
    known = [argument for argument in needed if argument.split("=")[0].strip("-") in model.model_fields]
    return flags.read(parser.parse_args([*arguments, *known]))


@pytest.mark.parametrize(("command", "field"), FLAGS)
def test_a_valid_value_is_taken(command, field):
    model = MODELS[command]
    value = _value(model, field)
    assert value is not None, f"give {field} a value above"
    text = value if isinstance(value, str) else json.dumps(value)
    read = _read(model, f"--{field}={text}")
    dumped = json.loads(read.model_dump_json())[field]
    if isinstance(value, (dict, list)) and value and not isinstance(dumped, list):
        assert {key: dumped[key] for key in value} == value
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        assert [{key: one[key] for key in given} for one, given in zip(dumped, value, strict=True)] == value
    else:
        assert dumped == value


@pytest.mark.parametrize(("command", "field"), FLAGS)
def test_an_invalid_value_is_refused_by_its_name(command, field):
    wrong = _wrong(MODELS[command].model_fields[field].annotation)
    if wrong is None:
        pytest.skip("any text is valid")
    with pytest.raises((InputError, argparse.ArgumentError)) as caught:
        _read(MODELS[command], f"--{field}={wrong}")
    told = str(caught.value)
    assert f"--{field}" in told or f"argument --{field}" in told
    for word in ("Input should", "Value error", "validation error", "pydantic", "type="):
        assert word not in told


@pytest.fixture
def of_training():
    """The flags of model.train, on their own."""
    if "model_dir" not in absl_flags.FLAGS:
        train.define_flags()
    values = absl_flags.FlagValues()
    for name in Recipe.model_fields.keys() - {"name"}:
        values[name] = absl_flags.FLAGS[name]
    yield values
    values.unparse_flags()
    for name in values:
        values[name].unparse()


@pytest.mark.parametrize("field", [name for name in Recipe.model_fields if name != "name"])
def test_training_takes_a_valid_value_and_refuses_an_invalid_one(of_training, field):
    value = _value(Recipe, field)
    of_training(["x", f"--{field}={value}"])
    assert of_training[field].value == value
    get_recipe("paper", **{field: of_training[field].value})
    annotation = Recipe.model_fields[field].annotation
    if _wrong(annotation) is not None:
        with pytest.raises(absl_flags.IllegalFlagValueError, match=f"--{field}="):
            of_training(["x", f"--{field}={_wrong(annotation)}"])


@pytest.mark.parametrize("value", ["random", "imagenet", "weights.safetensors"])
def test_training_takes_any_initial_weights(of_training, value):
    of_training(["x", f"--initial_weights={value}"])
    assert get_recipe("paper", initial_weights=of_training["initial_weights"].value).initial_weights == value


def test_a_value_out_of_range_is_told_with_its_flag():
    with pytest.raises(ValidationError) as caught:
        get_recipe("paper", steps=0)
    assert list(of_flags(caught.value, Recipe.model_fields)) == ["--steps: must be greater than 0. Given: 0"]


def test_no_model_of_flags_is_forgotten():
    assert all(issubclass(model, BaseModel) for model in MODELS.values()) and len(PARAMETERS) == 8
