"""What every component is made of: a spec, an executor that knows only folders and parameters, and a command line."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import ValidationError

from artifacts.errors import InputError
from commands.parameters import Parameters
from commands.quiet import import_tensorflow


@dataclass(frozen=True)
class Context:
    """What an executor gets.

    Attributes:
        inputs: input key -> folder; an optional input that is absent is missing here.
        outputs: output key -> an existing folder to fill.
        parameters: an instance of the spec's `parameters`.
        beam_args: Beam's command line arguments, naming a runner; see `components.beam`.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]
    parameters: Parameters
    beam_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """The spec of one pipeline step.

    Attributes:
        name: in CamelCase, as in `pipeline_config.json`.
        module: the Python module that holds it; its code's fingerprint is part of the cache key.
        summary: one sentence for `--help`.
        inputs: input key -> the artifact's type.
        outputs: output key -> the artifact's type.
        parameters: the pydantic model of its parameters.
        execute: fills the output folders from the input folders; returns figures worth a line, as a dict, or None.
            Raises `InputError` for what the user can mend.
        libraries: distributions whose versions change the output, hence part of the cache key.
        resumable: an interrupted execution's output folders are handed to the next attempt instead of emptied.
        uses_beam: takes Beam's arguments.
        sources: parameters -> a string that changes when files outside the pipeline that it reads change.
        still_holds: output folders -> None, or why a cached execution no longer counts.
    """

    name: str
    module: str
    summary: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    parameters: type[Parameters]
    execute: Callable[[Context], dict | None]
    libraries: tuple[str, ...] = ()
    resumable: bool = False
    uses_beam: bool = False
    sources: Callable[[Parameters], str] | None = None
    still_holds: Callable[[dict[str, str]], str | None] | None = None
    optional_inputs: tuple[str, ...] = field(default=())


def main(component, arguments=None):
    """Run one component from the command line and return its exit code: 0, or 2 for what the user can mend."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {component.module.removesuffix('.component')}",
        description=component.summary,
        epilog="Arguments that are not listed go to Apache Beam, e.g. --runner=FnApiRunner "
        "--direct_running_mode=multi_processing --direct_num_workers=2, or --runner=FlinkRunner ..."
        if component.uses_beam
        else None,
        allow_abbrev=False,
    )
    for key in component.inputs:
        needed = key not in component.optional_inputs
        parser.add_argument(f"--{key}", required=needed, metavar="FOLDER", help=f"input: {component.inputs[key]}")
    for key in component.outputs:
        parser.add_argument(f"--{key}", required=True, metavar="FOLDER", help=f"output: {component.outputs[key]}")
    for name, info in component.parameters.model_fields.items():
        default = (
            "required"
            if info.is_required()
            else f"default {json.dumps(info.get_default(call_default_factory=True), default=str)}"
        )
        parser.add_argument(
            f"--{name}", metavar="VALUE", help=f"{info.description or ''} ({default})".replace("%", "%%")
        )
    known, rest = parser.parse_known_args(arguments)
    if rest and not component.uses_beam:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    given = {
        name: _value(getattr(known, name), info)
        for name, info in component.parameters.model_fields.items()
        if getattr(known, name) is not None
    }
    try:
        context = Context(
            inputs={key: _existing(key, getattr(known, key)) for key in component.inputs if getattr(known, key)},
            outputs={key: _writable(key, getattr(known, key)) for key in component.outputs},
            parameters=component.parameters.model_validate(given),
            beam_args=tuple(rest) or ("--runner=FnApiRunner",),
        )
        if any(name.startswith("tensorflow") for name in component.libraries):
            import_tensorflow()
        result = component.execute(context)
    except ValidationError as error:
        for problem in error.errors():
            print(
                f"error: --{'.'.join(map(str, problem['loc']))}: {problem['msg']} (given: {problem['input']!r})",
                file=sys.stderr,
            )
        return 2
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for key, value in (result or {}).items():
        print(f"{key}: {value}")
    for key, folder in context.outputs.items():
        print(f"{key} -> {folder}")
    return 0


def _value(text, info):
    """A command line value: JSON where it is JSON, else the text itself; a folder may be called 2024."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    wants_text = info.annotation is str or (info.annotation == (str | None) and value is not None)
    return text if wants_text and not isinstance(value, str) else value


def _existing(key, folder):
    if not os.path.isdir(folder):
        raise InputError(f"--{key}: {folder}: no such folder")
    return folder


def _writable(key, folder):
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(f"--{key}: {folder}: cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"--{key}: {folder}: cannot be written")
    return folder
