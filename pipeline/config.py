"""Read `pipeline_config.json`, and refuse what its text, the paths it names and its engine tell against a run.

What the data sets hold is not looked at: `python -m pipeline.run --dry_run` lists them.

python -m pipeline.config --check pipeline_config.json
python -m pipeline.config --schema pipeline_config.schema.json   # a JSON Schema, for editors
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from artifacts.errors import InputError
from artifacts.visible import as_text, text_is_whole
from artifacts.writing import write_json
from commands.output_files import OutputFile, check_outputs
from commands.parser import CommandParser, nearest
from commands.problems import of_config
from commands.terminal import guard_terminal
from components.example_validator.schema import load_schema
from model import imagenet_package
from model.recipes import NAMED_WEIGHTS, Recipe
from pipeline.config_schema import PipelineConfig
from pipeline.engines import beam_args

Json = dict[str, Any]  # a JSON object


class ConfigError(InputError):
    """The config cannot be used; the message has one line per problem, each with its JSON path."""


def load_config(path: str, settings: Sequence[str] = ()) -> PipelineConfig:
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
    except RecursionError as error:
        raise ConfigError(f"{path}: is not such JSON: nested too deep") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: holds {type(raw).__name__}, not an object {{...}}")
    for setting in settings:
        _override(raw, setting)
    _resolve_paths(raw, os.path.dirname(os.path.abspath(path)))
    odd = list(_odd_texts(raw, ""))
    if odd:
        raise ConfigError("\n".join(f"{path}: {sentence}" for sentence in odd))
    try:
        config = PipelineConfig.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        sentences = of_config(error, raw, PipelineConfig.model_json_schema())
        raise ConfigError("\n".join(_with_source(sentence, path, settings) for sentence in sentences)) from error
    problems = list(_missing_paths(config))
    if problems:
        raise ConfigError("\n".join(_with_source(problem, path, settings) for problem in problems))
    return config


def _with_source(sentence: str, path: str, settings: Sequence[str]) -> str:
    """Put before a sentence where its value was given: on the command line, or in the file."""
    where = sentence.partition(": ")[0]
    for key in (setting.partition("=")[0] for setting in settings):
        if f"{where}.".startswith(f"{key}.") or key.startswith(f"{where}."):
            return f"--set: {sentence}"
    return f"{path}: {sentence.removeprefix('the config: ')}"


def resolved(config: PipelineConfig) -> PipelineConfig:
    """Return a config with everything filled in that its fields leave to something else; see `Parameters.resolved`."""
    filled = {name: parameters.resolved() for name, parameters in config.components}
    return config.model_copy(update={"components": config.components.model_copy(update=filled)})


def _once(pairs: list[tuple[str, Any]]) -> Json:
    """A JSON object, unless a key is there twice: whoever reads the file may have seen only the other one."""
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'the key "{twice}" is there twice in one object; remove one of the two')
    return seen


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _override(raw: Json, setting: str) -> None:
    """Apply one `a.b.0.c=value` to the raw config."""
    key, equals, text = setting.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(f"--set {setting}: write it as path=value, e.g. components.Trainer.steps=200")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    *path, last = key.split(".")
    place: Any = raw
    try:
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (IndexError, ValueError, AttributeError, TypeError) as error:
        raise ConfigError(f"--set {setting}: the config has no field {key}") from error


# Fields of the config that hold a path, beside the roots of the data sets.
PATH_FIELDS = (
    ("pipeline_root",),
    ("components", "ExampleValidator", "schema_file"),
    ("components", "Pusher", "serving_dir"),
)


def _resolve_paths(raw: Json, folder: str) -> None:
    """Make relative paths start at the config's folder. Values of a wrong type are left for the validation to name."""
    for *path, last in PATH_FIELDS:
        place: Any = raw
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


def _odd_texts(value: Any, where: str) -> Iterator[str]:
    """Yield a sentence for every text that no path and no JSON can hold."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _odd_texts(inner, f"{where}.{key}".lstrip("."))
    elif isinstance(value, str) and "\0" in value:
        yield f"{where}: {as_text(value)!r} holds a NUL, which no name can. Write it anew"
    elif isinstance(value, str) and not text_is_whole(value):
        yield f"{where}: {as_text(value)}: is not UTF-8. Rename that folder, or name it by a link whose name is"


def _resolve(place: Any, key: str, folder: str) -> None:
    if isinstance(place, dict) and isinstance(place.get(key), str) and place[key]:
        place[key] = os.path.normpath(os.path.join(folder, os.path.expanduser(place[key])))


def _missing_paths(config: PipelineConfig) -> Iterator[str]:
    """Yield a sentence for every path that must exist and does not, or that cannot be read or written."""
    for number, dataset in enumerate(config.components.VideoExampleGen.datasets):
        where = f"components.VideoExampleGen.datasets.{number}.root"
        if dataset.type != "sample" and not os.path.isdir(dataset.root):
            yield f"{where}: {dataset.root}: no such folder. Give the folder that holds {dataset.name}"
        elif dataset.type != "sample" and not os.access(dataset.root, os.R_OK | os.X_OK):
            yield f"{where}: {dataset.root}: cannot be read. Give this user permission"
    schema = config.components.ExampleValidator.schema_file
    try:
        if schema:
            load_schema(schema)
    except InputError as error:
        yield f"components.ExampleValidator.{'' if str(error).startswith('schema_file') else 'schema_file: '}{error}"
    yield from _missing_weights(config.components.Trainer.to_recipe())
    for where, folder in (
        ("pipeline_root", config.pipeline_root),
        ("components.Pusher.serving_dir", config.components.Pusher.serving_dir),
    ):
        yield from _not_writable(where, folder)
        for dataset in config.components.VideoExampleGen.datasets:
            if dataset.type != "sample" and (folder + os.sep).startswith(dataset.folder + os.sep):
                yield (
                    f"{where}: {folder}: lies in the root of data set {dataset.name!r} ({dataset.folder}), "
                    "so that every run would change the data that it reads. Give a folder outside"
                )


def _missing_weights(recipe: Recipe) -> Iterator[str]:
    where, weights = "components.Trainer.initial_weights", recipe.initial_weights
    if weights and weights not in NAMED_WEIGHTS and not os.path.isfile(weights):
        near = nearest(os.path.basename(weights), NAMED_WEIGHTS, 0.6)
        hint = f"; did you mean {near}?" if near else ""
        yield f"{where}: {weights}: no such file. Give one, or {' or '.join(NAMED_WEIGHTS)}{hint}"
    if weights == "imagenet" and recipe.backbone == "efficientnetlite0":
        try:
            imagenet_package.weights_file()
        except InputError as error:
            yield f"{where}: {error}"


def _not_writable(where: str, folder: str) -> Iterator[str]:
    if not folder:
        yield f"{where}: must not be empty. Give a folder"
        return
    parent = folder
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        yield f"{where}: {folder}: {parent} is a file. Give a folder"
    elif not os.access(parent, os.W_OK | os.X_OK):
        yield f"{where}: {folder}: {parent} cannot be written. Give a folder that can be"


def _is_schema(path: str) -> bool:
    """Tell whether a file is a schema that `--schema` wrote."""
    with open(path) as stream:
        found = json.load(stream)
    return isinstance(found, dict) and found.get("title") == PipelineConfig.__name__


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: check a config, or write its JSON Schema."""
    guard_terminal()
    parser = CommandParser(prog="python -m pipeline.config", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument(
        "--check",
        metavar="CONFIG",
        help="validate a config, its paths and its engine, and print it with all defaults and the recipe's choices "
        "filled in; what the data sets hold, only a dry run looks at",
    )
    action.add_argument("--schema", metavar="FILE", help='write the JSON Schema; name it in a config as "$schema"')
    parser.add_argument("--overwrite", action="store_true", help="let --schema replace a file that is no such schema")
    known = parser.parse_args(arguments)
    try:
        if known.check:
            config = load_config(known.check)
            if config.engine.runner == "beam":
                from components.beam import check_engine  # takes seconds to import

                check_engine(beam_args(config.engine), fetch=False)
            print(resolved(config).model_dump_json(indent=2, by_alias=True))
        else:
            check_outputs([OutputFile("--schema", known.schema, _is_schema)], [], known.overwrite)
            write_json(known.schema, PipelineConfig.model_json_schema())
    except (InputError, OSError) as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
