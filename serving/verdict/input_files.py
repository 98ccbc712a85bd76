"""Which files a user means: by name, by folder, or by pattern."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from artifacts.media_files import is_media
from serving.verdict.patterns import matches

# What a file is; "auto": its content decides, "crop": a face that is already cut out.
Kind = Literal["auto", "video", "image", "crop"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class InputFiles:
    """The files that some arguments mean.

    Attributes:
        paths: of the files, in the order of the arguments, within a folder by name; each file once.
        passed_over: paths of the other files in the folders and among the matches of the patterns, without hidden ones.
        problems: sentences on arguments that give no file.
    """

    paths: list[str]
    passed_over: list[str]
    problems: list[str]


def find_files(arguments: Sequence[str], skip: Callable[[str], bool] = lambda path: False) -> InputFiles:
    """Find the files that some arguments mean.

    Args:
        arguments: paths of files, which are taken whatever their suffix is; folders, whose media files are taken with
            those of the folders below; or patterns with `*`, `?`, `[...]` and `**`, which may match folders, too.
        skip: tells of a file that no argument names itself whether it is passed over.
    """
    taken: dict[str, str] = {}  # real path -> path
    other: dict[str, str] = {}  # real path -> path
    problems = []
    for argument in arguments:
        found: list[str] = []
        passed_over: list[str] = []
        for path, is_named in _expand(argument):
            if path != argument and os.path.isfile(path) and skip(path):
                passed_over.append(path)
                continue
            # A folder may hold a named pipe, which would block whoever opens it.
            (found if is_named or (is_media(path) and os.path.isfile(path)) else passed_over).append(path)
        for path in found:
            taken.setdefault(os.path.realpath(path), path)
        for path in passed_over:
            other.setdefault(os.path.realpath(path), path)
        if not found:
            problems.append(f"{argument}: {_why_none(argument, len(passed_over))}")
    return InputFiles(list(taken.values()), [path for real, path in other.items() if real not in taken], problems)


def _why_none(argument: str, others: int) -> str:
    """Why an argument gives no file; `others` is how many other files it gives."""
    if os.path.isdir(argument):
        if not os.access(argument, os.R_OK | os.X_OK):
            return "this folder cannot be read (Permission denied)"
        if not others:
            return "there is no file in this folder"
    elif os.path.exists(argument):
        return "not a regular file"
    elif not others:
        return "no file matches this"
    return f"no video and no picture, only {others} other file{'s' * (others > 1)}"


def _expand(argument: str) -> Iterator[tuple[str, bool]]:
    """Yield (path, whether the user named it, so that it is taken whatever its suffix is)."""
    if os.path.isdir(argument):
        yield from _within(argument)
    elif os.path.lexists(argument) or not glob.has_magic(argument):
        # A missing file is taken, too: reading it will say so.
        yield argument, not os.path.exists(argument) or os.path.isfile(argument)
    else:
        suffix = os.path.splitext(argument)[1]
        names_suffix = bool(suffix) and not glob.has_magic(suffix)  # "*.bin" means those files
        for path in sorted(matches(argument)):
            if not os.path.isdir(path):
                yield path, names_suffix and os.path.isfile(path)
            elif not argument.endswith("**"):  # which matches everything within by itself
                yield from _within(path)


def _within(folder: str) -> Iterator[tuple[str, bool]]:
    """Yield all files below a folder, without hidden ones."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(parent, name), False
