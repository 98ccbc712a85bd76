"""What every component is made of: a spec, an executor that knows only folders and parameters, and a command line."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from artifacts.errors import InputError
from artifacts.types import ARTIFACT_TYPES, ArtifactType
from artifacts.visible import require_text
from artifacts.words import shown
from commands.flags import Flags
from commands.output_files import identity
from commands.parameters import Parameters
from commands.parser import CommandParser
from commands.quiet import import_tensorflow
from commands.signals import stoppable
from commands.terminal import guard_terminal

DEFAULT_BEAM_ARGS = ("--runner=FnApiRunner",)


@dataclass(frozen=True)
class Context:
    """What an executor gets.

    Attributes:
        inputs: input key -> folder; an optional input that is absent is missing here.
        outputs: output key -> an existing folder to fill.
        parameters: an instance of the spec's `parameters`.
        beam_args: Beam's command line arguments, naming a runner; see `components.beam`.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    parameters: Any  # an executor knows its own class, which the spec names
    beam_args: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """The spec of one pipeline step.

    Attributes:
        name: in CamelCase, as in `pipeline_config.json`.
        module: the Python module that holds the spec; the code it reaches is part of the cache key.
        summary: one sentence for `--help`.
        inputs: input key -> the artifact's type.
        outputs: output key -> the artifact's type.
        parameters: the pydantic model of its parameters.
        execute: fills the output folders from the input folders; returns figures worth a line, or None.
            Raises `InputError` for what the user can fix.
        optional_inputs: keys of the inputs that may be absent.
        late_imports: packages that only the execution may import, since they take seconds: a look in the cache and
            `--help` do without them.
        libraries: distributions whose versions change the output, hence part of the cache key.
        resumable: an interrupted execution's output folders are handed to the next attempt instead of being emptied.
        uses_beam: takes Beam's arguments.
        sources: parameters -> a string that changes when files outside the pipeline that it reads change.
        still_holds: output folders -> None, or why a cached execution no longer counts.

    Raises:
        ValueError: a type that no artifact has, or an optional input that is not an input.
    """

    name: str
    module: str
    summary: str
    inputs: Mapping[str, ArtifactType]
    outputs: Mapping[str, ArtifactType]
    parameters: type[Parameters]
    execute: Callable[[Context], Mapping[str, Any] | None]
    optional_inputs: tuple[str, ...] = ()
    late_imports: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    resumable: bool = False
    uses_beam: bool = False
    sources: Callable[[Any], str] | None = None
    still_holds: Callable[[Mapping[str, str]], str | None] | None = None

    def __post_init__(self) -> None:
        for key, kind in (*self.inputs.items(), *self.outputs.items()):
            if kind not in ARTIFACT_TYPES:
                raise ValueError(
                    f"{self.name}.{key}: unknown artifact type {kind!r}; known: {', '.join(ARTIFACT_TYPES)}"
                )
        for key in self.optional_inputs:
            if key not in self.inputs:
                raise ValueError(f"{self.name}: optional input {key!r} is not an input: {', '.join(self.inputs)}")

    def run(self, context: Context) -> Mapping[str, Any]:
        """Execute; TensorFlow, where the component needs it, is imported first and without its chatter.

        Folders become absolute: the working folder of a worker may be another.

        Raises:
            InputError: what the user can fix.
        """
        inputs, outputs = (
            {key: os.path.abspath(folder) for key, folder in folders.items()}
            for folders in (context.inputs, context.outputs)
        )
        context = replace(context, inputs=inputs, outputs=outputs)
        if "tensorflow" in self.late_imports:
            for key, folder in (*inputs.items(), *outputs.items()):
                require_text(folder, f"--{key}")
            import_tensorflow()
        return self.execute(context) or {}


def main(component: Component, arguments: Sequence[str] | None = None) -> int:
    """Run one component from the command line; returns 0, 2 for what the user can fix, or 128 + a signal."""
    guard_terminal()
    parser = _parser(component)
    flags = Flags(parser, component.parameters)
    known, rest = parser.parse_known_args(arguments)
    if rest and not component.uses_beam:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return stoppable(lambda: _run(component, flags, known, rest))


def _run(component: Component, flags: Flags[Parameters], known: argparse.Namespace, rest: Sequence[str]) -> int:
    """Execute a component and print its figures and outputs; returns the exit code."""
    try:
        context = Context(
            inputs={key: _existing(key, getattr(known, key)) for key in component.inputs if getattr(known, key)},
            outputs={key: _writable(key, getattr(known, key)) for key in component.outputs},
            parameters=flags.read(known),
            beam_args=tuple(rest) or DEFAULT_BEAM_ARGS,
        )
        _check_apart(context)
        if rest:
            from components.beam import check_engine  # takes seconds to import

            check_engine(rest)  # before an input is read
        figures = component.run(context)
    except InputError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    for key, value in figures.items():
        print(f"{key}: {shown(value)}")
    for key, folder in context.outputs.items():
        print(f"{key} -> {folder}")
    return 0


def _parser(component: Component) -> argparse.ArgumentParser:
    """The command line without the parameters' flags: a folder for each input and output."""
    parser = CommandParser(
        prog=f"python -m {component.module.removesuffix('.component')}",
        description=component.summary,
        epilog="Arguments that are not listed go to Apache Beam, e.g. --runner=FnApiRunner "
        "--direct_running_mode=multi_processing --direct_num_workers=2, or --runner=FlinkRunner ..."
        if component.uses_beam
        else None,
        passes_on=component.uses_beam,
    )
    for key, kind in component.inputs.items():
        required = key not in component.optional_inputs
        parser.add_argument(
            f"--{key}",
            required=required,
            metavar="FOLDER",
            help=f"input, {kind}: {ARTIFACT_TYPES[kind]}{'' if required else ' (optional)'}",
        )
    for key, kind in component.outputs.items():
        parser.add_argument(f"--{key}", required=True, metavar="FOLDER", help=f"output, {kind}: {ARTIFACT_TYPES[kind]}")
    return parser


def _existing(key: str, folder: str) -> str:
    if not os.path.isdir(folder):
        raise InputError(f"--{key}: {folder}: no such folder")
    return folder


def _check_apart(context: Context) -> None:
    """Make sure that no output is an input or another output, by whatever name."""
    seen = {identity(folder): f"--{key} {folder}" for key, folder in context.inputs.items()}
    for key, folder in context.outputs.items():
        other = seen.setdefault(identity(folder), f"--{key} {folder}")
        if other != f"--{key} {folder}":
            raise InputError(f"--{key} {folder}: is also {other}, which it would replace. Give another folder")


def _writable(key: str, folder: str) -> str:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise InputError(f"--{key}: {folder}: cannot be created ({error.strerror})") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"--{key}: {folder}: cannot be written")
    return folder
