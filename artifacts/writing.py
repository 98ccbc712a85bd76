"""Files that are written whole or not at all, and what is known to fail before the work begins."""

import contextlib
import os
import stat

from artifacts.errors import InputError


def check_writable(path):
    """Raise `InputError` if a file cannot be written there, before hours are spent on what it shall hold."""
    if _is_special(path):
        return
    if os.path.isdir(path):
        raise InputError(f"{path}: is a folder; give a file")
    with _named(path):
        beside = _beside(path)
        with open(beside, "xb"):
            pass
        os.remove(beside)


def make_folder(path):
    """Make a folder where there is none, and raise `InputError` where nothing can be written into it."""
    with _named(path):
        os.makedirs(path, exist_ok=True)
    check_writable(os.path.join(path, "any"))


@contextlib.contextmanager
def whole(path):
    """A name to write to, beside `path` and with its suffix; becomes `path` when the body is done, and goes if it fails.

    What is no common file, such as /dev/stdout, is written to itself.

    Raises:
        InputError: names the file that could not be written.
    """
    if _is_special(path):
        with _named(path):
            yield path
        return
    beside = _beside(path)
    try:
        with _named(path):
            yield beside
            os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            os.remove(beside)


@contextlib.contextmanager
def _named(path):
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _beside(path):
    name, suffix = os.path.splitext(os.path.basename(path))
    return os.path.join(os.path.dirname(path), f".{name}.partial-{os.getpid()}{suffix}")


def _is_special(path):
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
