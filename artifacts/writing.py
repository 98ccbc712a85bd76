"""Write a file whole or not at all, and find out beforehand whether it can be written."""

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from artifacts.errors import InputError

_PARTIAL = ".partial"  # in the name of a file that is being written


@contextlib.contextmanager
def whole(path: str) -> Iterator[str]:
    """Yield a temporary name beside `path`; the file becomes `path` if the body succeeds, else it is removed.

    The name keeps the suffix of `path`. What is not a regular file, such as /dev/stdout, is written directly.

    Raises:
        InputError: the file cannot be written; names it and says why.
    """
    if _is_special(path):
        with _naming(path, path):
            yield path
        return
    temporary = _beside(path)
    try:
        with _naming(path, temporary):
            yield temporary
            os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def write_text(path: str, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all; see `whole`."""
    with whole(path) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)


def write_json(path: str, value: Any, indent: int | None = 1) -> None:
    """Write a JSON file whole or not at all; see `whole`.

    Raises:
        InputError: see `whole`.
        ValueError: `value` holds NaN or infinity, which JSON cannot express.
    """
    write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n")


def remove_partial(folder: str) -> None:
    """Remove the unfinished files that a killed process left below a folder."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if _PARTIAL in name:
                os.remove(os.path.join(parent, name))


def check_writable(path: str) -> None:
    """Check that a file can be written, before hours are spent on its contents.

    Raises:
        InputError: it cannot be written.
    """
    if _is_special(path):
        return
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; give a file")
    temporary = _beside(path)
    with _naming(path, temporary):
        with open(temporary, "xb"):
            pass
        os.remove(temporary)


def make_folder(path: str) -> None:
    """Make a folder unless it exists, and check that files can be written into it.

    Raises:
        InputError: it cannot be made or written.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    check_writable(os.path.join(path, "any"))


@contextlib.contextmanager
def _naming(path: str, temporary: str) -> Iterator[None]:
    """Turn the system's refusal to write into an `InputError` that names `path`; errors of other files pass."""
    try:
        yield
    except OSError as error:
        if error.filename not in (None, path, temporary):
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _beside(path: str) -> str:
    name, suffix = os.path.splitext(os.path.basename(path))
    return os.path.join(os.path.dirname(path), f".{name}{_PARTIAL}-{os.getpid()}{suffix}")


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
