"""Write a file whole or not at all, and find out beforehand whether it can be written."""

import contextlib
import json
import os
import secrets
import socket
import stat
from collections.abc import Iterator
from typing import Any, TextIO

from artifacts.errors import InputError

_PARTIAL = ".partial"  # in the name of a file that is being written
_LONGEST = 255  # bytes of a file's name
_KERAS_WEIGHTS = ".weights.h5"  # a suffix of two parts that Keras insists on


@contextlib.contextmanager
def whole(path: str, durable: bool = False) -> Iterator[str]:
    """Yield an empty temporary file beside `path`; it becomes `path` if the body succeeds, else it is removed.

    Its name keeps the suffix of `path`, and holds this machine's name and a random part, so that two writers never
    share it and nobody can lay a link there beforehand. What is not a regular file, such as /dev/stdout, is written
    directly.

    Args:
        path: of the file.
        durable: return once the file and its folder are on the disk, so that a power cut cannot leave it empty.

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
            _create(temporary)
            yield temporary
            if durable:
                sync(temporary)
            os.replace(temporary, path)
            if durable:
                with contextlib.suppress(OSError):  # some shared disks cannot do so for a folder
                    sync(os.path.dirname(path) or os.curdir)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def sync(path: str) -> None:
    """Wait until a file, or the entries of a folder, are on the disk.

    Raises:
        OSError: they cannot be written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_fixed(path: str) -> TextIO:
    """Open a text file whose name never changes, to be written anew in place; a link that was laid there is refused.

    Raises:
        OSError: it cannot be written.
    """
    return open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o666))


def write_text(path: str, text: str, durable: bool = False) -> None:
    """Write a text file, UTF-8, whole or not at all; see `whole`."""
    with whole(path, durable) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)


def write_json(path: str, value: Any, indent: int | None = 1, durable: bool = False) -> None:
    """Write a JSON file whole or not at all; see `whole`.

    Raises:
        InputError: see `whole`.
        ValueError: `value` holds NaN or infinity, which JSON cannot express.
    """
    write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n", durable)


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
        _create(temporary)
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
    folder, base = os.path.split(path)
    suffix = _KERAS_WEIGHTS if base.endswith(_KERAS_WEIGHTS) else os.path.splitext(base)[1]
    return os.path.join(folder, partial_name(base.removesuffix(suffix), suffix))


def partial_name(stem: str, suffix: str = "") -> str:
    """Return a name for what is being written, which no other process on any machine uses or can guess."""
    ending = f"{_PARTIAL}-{socket.gethostname()[:24]}-{secrets.token_hex(6)}{suffix}"
    room = _LONGEST - 1 - len(os.fsencode(ending))
    return f".{os.fsdecode(os.fsencode(stem)[: max(room, 0)])}{ending}"


def _create(path: str) -> None:
    """Create an empty file; a link that lies there is not followed."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
