"""`pipeline_config.json` as typed models; everything that can be refused before a run is refused here.

python -m pipeline.config --check pipeline_config.json
python -m pipeline.config --schema pipeline_config.schema.json   # a JSON Schema, for editors
"""

import argparse
import difflib
import json
import os
import sys
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from components.evaluator.component import EvaluatorParameters
from components.example_validator.component import ExampleValidatorParameters
from components.face_example_gen.component import FaceExampleGenParameters
from components.infra_validator import InfraValidatorParameters
from components.pusher import PusherParameters
from components.statistics_gen.component import StatisticsGenParameters
from components.trainer import TrainerParameters
from components.video_example_gen.component import VideoExampleGenParameters


class ConfigError(ValueError):
    """The config cannot be used; the message has one line per problem, each with its JSON path."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Engine(_Section):
    """Where the Beam components run. Never part of a cache key."""

    runner: Literal["in_process", "multi_process", "beam"] = Field(
        "in_process", description="This process; several processes on this machine; or any Beam runner by beam_args."
    )
    workers: PositiveInt = Field(1, description="Processes of multi_process.")
    beam_args: tuple[str, ...] = Field(
        (), description="Beam's own arguments for runner beam, e.g. --runner=FlinkRunner."
    )

    @model_validator(mode="after")
    def _check(self):
        if self.beam_args and self.runner != "beam":
            raise ValueError(f'beam_args are given, but runner is "{self.runner}"; set runner to "beam"')
        if self.runner == "beam" and not any(a.startswith("--runner=") for a in self.beam_args):
            raise ValueError('runner "beam" needs beam_args that name a runner, e.g. ["--runner=FlinkRunner", ...]')
        if self.workers > 1 and self.runner != "multi_process":
            raise ValueError(f'workers is {self.workers}, but runner is "{self.runner}"; set runner to "multi_process"')
        return self


class Components(_Section):
    """Parameters of each component, by its name."""

    VideoExampleGen: VideoExampleGenParameters
    FaceExampleGen: FaceExampleGenParameters = FaceExampleGenParameters()
    StatisticsGen: StatisticsGenParameters = StatisticsGenParameters()
    ExampleValidator: ExampleValidatorParameters = ExampleValidatorParameters()
    Trainer: TrainerParameters = TrainerParameters()
    Evaluator: EvaluatorParameters = EvaluatorParameters()
    InfraValidator: InfraValidatorParameters = InfraValidatorParameters()
    Pusher: PusherParameters


class PipelineConfig(_Section):
    """One run, from data sets to a served model. Relative paths start at the config file's folder."""

    editor_schema: str | None = Field(None, alias="$schema", description="For editors; not read.")
    pipeline_name: str = Field(pattern=r"^[\w.-]+$", description="Name of the pipeline in the lineage.")
    pipeline_root: str = Field(min_length=1, description="Folder of all artifacts, the cache and the lineage.")
    engine: Engine = Engine()
    components: Components

    @model_validator(mode="after")
    def _check(self):
        names = {dataset.name for dataset in self.components.VideoExampleGen.datasets}
        for number, threshold in enumerate(self.components.Evaluator.thresholds):
            if threshold.dataset not in names | {"all"}:
                raise ValueError(
                    f"components.Evaluator.thresholds.{number}.dataset: {threshold.dataset!r} is no data set of this "
                    f"config; it can be all, {', '.join(sorted(names))}"
                )
        return self


def load_config(path, settings=()):
    """Read and validate a config.

    Args:
        path: of the JSON file.
        settings: overrides, `components.Trainer.steps=200` and its like; values are JSON, or text where they are not.

    Raises:
        ConfigError: with every problem found.
    """
    try:
        with open(path) as stream:
            raw = json.load(stream)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: holds {type(raw).__name__}, not an object {{...}}")
    for setting in settings:
        _override(raw, setting)
    _resolve_paths(raw, os.path.dirname(os.path.abspath(path)))
    try:
        config = PipelineConfig.model_validate(raw)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {_explain(problem)}" for problem in error.errors())) from error
    problems = list(_missing_paths(config))
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return config


def _override(raw, setting):
    """Apply one `a.b.0.c=value` to the raw config."""
    key, equals, text = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set {setting}: write it as path=value, e.g. components.Trainer.steps=200")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    *path, last = key.split(".")
    place = raw
    try:
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (IndexError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"--set {setting}: the config has no place {key}") from error


# Fields of the config that hold a path, beside the roots of the data sets.
PATH_FIELDS = (
    ("pipeline_root",),
    ("components", "ExampleValidator", "schema_file"),
    ("components", "Pusher", "serving_dir"),
)


def _resolve_paths(raw, folder):
    """Make relative paths start at the config's folder. What has the wrong type is left for the validation to name."""
    for *path, last in PATH_FIELDS:
        place = raw
        for part in path:
            place = place.get(part) if isinstance(place, dict) else None
        _resolve(place, last, folder)
    try:
        datasets = raw["components"]["VideoExampleGen"]["datasets"]
    except (KeyError, TypeError):
        return
    for dataset in datasets if isinstance(datasets, list) else ():
        _resolve(dataset, "root", folder)


def _resolve(place, key, folder):
    if isinstance(place, dict) and isinstance(place.get(key), str) and place[key]:
        place[key] = os.path.normpath(os.path.join(folder, os.path.expanduser(place[key])))


def _explain(problem):
    """One sentence on a pydantic error: where, what was given, what would be right."""
    loc = [part for part in problem["loc"] if part not in _union_tags()]
    where = ".".join(map(str, loc)) or "the config"
    given = json.dumps(problem["input"], default=str)
    given = given if len(given) <= 80 else given[:77] + "..."
    if problem["type"] == "extra_forbidden":
        known = _known_fields(problem["loc"][:-1])
        near = difflib.get_close_matches(str(loc[-1]), known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{where}: unknown key{hint} Known here: {', '.join(known) or 'none'}"
    if problem["type"] == "missing":
        return f"{where}: is missing"
    if problem["type"] == "value_error":
        message = str(problem["ctx"]["error"])
        return message if message.startswith("components.") else f"{where}: {message}"
    return f"{where}: {problem['msg']}. Given: {given}"


def _union_tags():
    return ("faceforensics", "dfdc", "celeb_df", "folder", "crops", "sample")


def _known_fields(path):
    """Names of the fields at a path of the config, by its JSON Schema."""
    schema = PipelineConfig.model_json_schema()
    definitions = schema.get("$defs", {})
    node = schema
    for part in path:
        node = _deref(node, definitions)
        if part in _union_tags() and "discriminator" in node:
            node = {"$ref": node["discriminator"]["mapping"][part]}
        elif isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part, {})
    return list(_deref(node, definitions).get("properties", {}))


def _deref(node, definitions):
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = definitions[node["$ref"].rsplit("/", 1)[-1]]
        else:
            node = next((option for option in node["anyOf"] if "$ref" in option), {})
    return node


def _missing_paths(config):
    """Yield a sentence for every path that must be there and is not, or cannot be written."""
    for number, dataset in enumerate(config.components.VideoExampleGen.datasets):
        where = f"components.VideoExampleGen.datasets.{number}.root"
        if dataset.type != "sample" and not os.path.isdir(dataset.root):
            yield f"{where}: {dataset.root}: no such folder. Give the folder that holds {dataset.name}"
        elif dataset.type != "sample" and not os.access(dataset.root, os.R_OK | os.X_OK):
            yield f"{where}: {dataset.root}: cannot be read. Give this user the right to"
    schema = config.components.ExampleValidator.schema_file
    if schema and not os.path.isfile(schema):
        yield f"components.ExampleValidator.schema_file: {schema}: no such file"
    for where, folder in (
        ("pipeline_root", config.pipeline_root),
        ("components.Pusher.serving_dir", config.components.Pusher.serving_dir),
    ):
        parent = folder
        while not os.path.lexists(parent):
            parent = os.path.dirname(parent)
        if not os.path.isdir(parent):
            yield f"{where}: {folder}: {parent} is a file. Give a folder"
        elif not os.access(parent, os.W_OK | os.X_OK):
            yield f"{where}: {folder}: {parent} cannot be written. Give a folder that can"


def main(arguments=None):
    """Command line: check a config, or write its JSON Schema."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.config", description=__doc__.split("\n")[0])
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--check", metavar="CONFIG", help="validate a config and print it with all defaults filled in")
    action.add_argument("--schema", metavar="FILE", help='write the JSON Schema; name it in a config as "$schema"')
    known = parser.parse_args(arguments)
    try:
        if known.check:
            print(load_config(known.check).model_dump_json(indent=2, by_alias=True))
        else:
            with open(known.schema, "w") as stream:
                json.dump(PipelineConfig.model_json_schema(), stream, indent=1)
                stream.write("\n")
    except (ConfigError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
