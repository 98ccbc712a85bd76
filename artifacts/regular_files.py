"""Read small files that come from elsewhere: regular files only, of a bounded size, strict JSON."""

import json
import os
import stat
from typing import Any, NoReturn

from artifacts.errors import InputError

MAX_BYTES = 16 << 20  # of a file that lies beside a model


def require_regular(path: str) -> None:
    """Make sure that a path is a regular file, or a link to one: a named pipe would block whoever opens it for ever.

    Raises:
        InputError: it is something else, such as a named pipe or a device.
        OSError: it cannot be examined.
    """
    _check(os.stat(path), path)


def read_regular(path: str, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a whole file, without ever waiting for one that is no file.

    Raises:
        InputError: it cannot be read, is no regular file, or is larger than `max_bytes`; names it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # of a pipe, this returns at once
        with open(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(None, "Is a directory")
            _check(status, path)
            content = stream.read(max_bytes + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > max_bytes:
        raise InputError(f"{path}: larger than {max_bytes >> 20} MiB, which no such file is. Copy it again")
    return content


def read_json(path: str, cure: str = "Copy it again", max_bytes: int = MAX_BYTES) -> Any:
    """Read strict JSON: no NaN, no infinity, no key twice.

    Raises:
        InputError: it cannot be read or is damaged; ends with `cure`.
    """
    content = read_regular(path, max_bytes)
    try:
        return json.loads(content, parse_constant=_no_number, object_pairs_hook=_unique)
    except RecursionError:
        reason = "nested too deep"
    except ValueError as error:
        reason = str(error)
    raise InputError(f"{path}: damaged ({reason}). {cure}")


def _check(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: is no regular file. Remove it, or replace it by a file")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} is there twice")
    return found
