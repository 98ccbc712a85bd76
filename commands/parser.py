"""The parser of all commands: dashes do for underscores, near names are suggested, and `--version` is known."""

import argparse
import difflib
import importlib.metadata
import os
import re
import sys
import textwrap
from collections.abc import Container, Iterable, Sequence
from typing import Any, NoReturn

DISTRIBUTION = "multi-metric-deepfake-detector"


class HelpFormatter(argparse.HelpFormatter):
    """Fills paragraphs to the terminal's width, and lists of `  word    meaning` beside their words.

    Other indented lines, and paragraphs of nothing but `python -m ...`, are commands to copy, and stay as they are.
    """

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(self._filled(paragraph, width) for paragraph in text.strip().split("\n\n"))

    def _filled(self, paragraph: str, width: int) -> str:
        if all(line.lstrip().startswith("python -m ") for line in paragraph.splitlines()) and "\n" in paragraph:
            return paragraph
        items: list[tuple[str, int | None]] = []  # text, and the column of its further lines; None for a command
        for line in paragraph.splitlines():
            start = len(line) - len(line.lstrip())
            if items and start == items[-1][1]:
                items[-1] = f"{items[-1][0]} {line.strip()}", start
            else:
                meaning = re.match(r" +\S.*?  +(?=\S)", line)
                items.append((line, meaning.end() if meaning else None if start else 0))
        return "\n".join(
            text if column is None else textwrap.fill(text, width, subsequent_indent=" " * column)
            for text, column in items
        )


class CommandParser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` for people.

    Args:
        passes_on: unknown options go to somebody else; only those that look like a misspelt own one are refused.
        options: of `ArgumentParser`.
    """

    def __init__(self, *, passes_on: bool = False, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **({"formatter_class": HelpFormatter} | options))
        self._passes_on = passes_on
        self.add_argument("--version", action="version", version=version(), help="show the version and exit")

    def parse_known_args(  # type: ignore[override]  # argparse's own signature takes any namespace
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse; an unknown option is named before anything that is missing, since it is often the reason."""
        known = self._option_string_actions
        arguments = underscored(sys.argv[1:] if args is None else args, {name.lstrip("-") for name in known})
        for argument in _options(arguments):
            name = argument.split("=")[0]
            if name not in known and "--help" not in arguments and "-h" not in arguments:
                near = nearest(name, known, 0.8 if self._passes_on else 0.6)
                if near or not self._passes_on:
                    self.error(f"unknown option {name}{f'; did you mean {near}?' if near else ''}")
        return super().parse_known_args(arguments, namespace)

    def error(self, message: str) -> NoReturn:
        """End with 2 and one line, as every other error does; the usage may take a dozen."""
        self.exit(
            2, f"error: {message}{'' if '--help' in message else f' ({self.prog} --help explains all options)'}\n"
        )


def called_as(module: str, script: str) -> str:
    """The name by which a command was called.

    Args:
        module: as in `python -m module`.
        script: that the package installs for it.
    """
    return script if os.path.basename(sys.argv[0]) == script else f"python -m {module}"


def version() -> str:
    """The name and version of this package."""
    try:
        return f"{DISTRIBUTION} {importlib.metadata.version(DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{DISTRIBUTION}, not installed"


def underscored(arguments: Sequence[str], known: Container[str]) -> list[str]:
    """Options with dashes as the names with underscores that are known; everything else as it is.

    Args:
        arguments: of a command.
        known: names without the dashes in front.
    """
    spelt = list(arguments)
    end = spelt.index("--") if "--" in spelt else len(spelt)
    for k, argument in enumerate(spelt[:end]):
        if argument.startswith("--"):
            name, sign, value = argument[2:].partition("=")
            other = name.replace("-", "_")
            if name not in known and other in known:
                spelt[k] = f"--{other}{sign}{value}"
    return spelt


def nearest(name: str, known: Iterable[str], least: float) -> str | None:
    """The known name that is most like this one, if any is at least so alike (0 to 1)."""
    near = difflib.get_close_matches(name, list(known), 1, least)
    return near[0] if near else None


def _options(arguments: Sequence[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [argument for argument in arguments[:end] if argument.startswith("--") and len(argument) > 2]
