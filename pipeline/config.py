"""`pipeline_config.json` as typed models; everything that can be refused before a run is refused here.

python -m pipeline.config --check pipeline_config.json
python -m pipeline.config --schema pipeline_config.schema.json   # a JSON Schema, for editors
"""

import argparse
import json
import os
import sys
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from artifacts.errors import InputError
from commands.problems import explain
from components.evaluator.component import EvaluatorParameters
from components.example_validator.component import ExampleValidatorParameters, load_schema
from components.face_example_gen.component import FaceExampleGenParameters
from components.infra_validator.component import InfraValidatorParameters
from components.pusher.component import PusherParameters
from components.statistics_gen.component import StatisticsGenParameters
from components.trainer.component import TrainerParameters
from components.video_example_gen.component import VideoExampleGenParameters
from model.recipes import NAMED_WEIGHTS


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
        named = [a.removeprefix("--runner=") for a in self.beam_args if a.startswith("--runner=")]
        if self.runner == "beam" and not any(named):
            raise ValueError('runner "beam" needs beam_args that name a runner, e.g. ["--runner=FlinkRunner", ...]')
        if any(name.split(".")[-1] == "DirectRunner" for name in named):
            raise ValueError(
                "beam_args name DirectRunner, which picks another engine from machine to machine and downloads one "
                'where it can; set runner to "in_process" or "multi_process", or name another runner'
            )
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
        datasets = {dataset.name: dataset for dataset in self.components.VideoExampleGen.datasets}
        known = ", ".join(sorted(datasets))
        for number, dataset in enumerate(self.components.VideoExampleGen.datasets):
            if dataset.name == "all":
                raise ValueError(
                    f'components.VideoExampleGen.datasets.{number}.name: "all" stands for all data sets together; '
                    "give another name"
                )
        for name in self.components.Evaluator.caveats:
            if name not in datasets:
                raise ValueError(
                    f"components.Evaluator.caveats.{name}: is no data set of this config; it can be {known}"
                )
        for number, threshold in enumerate(self.components.Evaluator.thresholds):
            where = f"components.Evaluator.thresholds.{number}"
            if threshold.dataset not in datasets.keys() | {"all"}:
                raise ValueError(
                    f"{where}.dataset: {threshold.dataset!r} is no data set of this config; it can be all, {known}"
                )
            methods = getattr(datasets.get(threshold.dataset), "methods", None)
            if threshold.method and methods and threshold.method not in methods:
                raise ValueError(
                    f"{where}.method: {threshold.method!r} is not among the methods of data set {threshold.dataset!r}; "
                    f"it can be {', '.join(methods)}"
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
        with open(path, encoding="utf-8-sig") as stream:
            raw = json.load(stream, object_pairs_hook=_once, parse_constant=_no_number)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: holds {type(raw).__name__}, not an object {{...}}")
    for setting in settings:
        _override(raw, setting)
    _resolve_paths(raw, os.path.dirname(os.path.abspath(path)))
    try:
        config = PipelineConfig.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        sentences = explain(error, raw, PipelineConfig.model_json_schema())
        lines = (f"{path}: {sentence.removeprefix('the config: ')}" for sentence in sentences)
        raise ConfigError("\n".join(lines)) from error
    problems = list(_missing_paths(config))
    if problems:
        raise ConfigError("\n".join(f"{path}: {problem}" for problem in problems))
    return config


def _once(pairs):
    """An object of JSON; of a key that is there twice, the reader of the file may have seen only the other one."""
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the key "{twice}" is there twice in one object; remove one of the two')
    return seen


def _no_number(name):
    raise ValueError(f"{name} is no number of JSON")


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
    trainer = raw.get("components", {}).get("Trainer", {}) if isinstance(raw.get("components", {}), dict) else {}
    if isinstance(trainer, dict) and trainer.get("initial_weights") not in NAMED_WEIGHTS:
        _resolve(trainer, "initial_weights", folder)
    try:
        datasets = raw["components"]["VideoExampleGen"]["datasets"]
    except (KeyError, TypeError):
        return
    for dataset in datasets if isinstance(datasets, list) else ():
        _resolve(dataset, "root", folder)


def _resolve(place, key, folder):
    if isinstance(place, dict) and isinstance(place.get(key), str) and place[key]:
        place[key] = os.path.normpath(os.path.join(folder, os.path.expanduser(place[key])))


def _missing_paths(config):
    """Yield a sentence for every path that must be there and is not, or cannot be written."""
    for number, dataset in enumerate(config.components.VideoExampleGen.datasets):
        where = f"components.VideoExampleGen.datasets.{number}.root"
        if dataset.type != "sample" and not os.path.isdir(dataset.root):
            yield f"{where}: {dataset.root}: no such folder. Give the folder that holds {dataset.name}"
        elif dataset.type != "sample" and not os.access(dataset.root, os.R_OK | os.X_OK):
            yield f"{where}: {dataset.root}: cannot be read. Give this user the right to"
    schema = config.components.ExampleValidator.schema_file
    try:
        if schema:
            load_schema(schema)
    except InputError as error:
        yield f"components.ExampleValidator.{'' if str(error).startswith('schema_file') else 'schema_file: '}{error}"
    weights = config.components.Trainer.initial_weights
    if weights and weights not in NAMED_WEIGHTS and not os.path.isfile(weights):
        yield f"components.Trainer.initial_weights: {weights}: no such file. Give one, or {' or '.join(NAMED_WEIGHTS)}"
    for where, folder in (
        ("pipeline_root", config.pipeline_root),
        ("components.Pusher.serving_dir", config.components.Pusher.serving_dir),
    ):
        yield from _not_writable(where, folder)
        for dataset in config.components.VideoExampleGen.datasets:
            if dataset.type != "sample" and (folder + os.sep).startswith(dataset.folder + os.sep):
                yield (
                    f"{where}: {folder}: lies in the root of data set {dataset.name!r} ({dataset.folder}), so that every "
                    "run would change the data it reads. Give a folder outside"
                )


def _not_writable(where, folder):
    if not folder:
        yield f"{where}: must not be empty. Give a folder"
        return
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
