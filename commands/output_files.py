"""Outputs that eat nothing: checked against the inputs, each other and what is there, before any work begins."""

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from artifacts.errors import InputError

Identity = tuple[object, ...]


def nothing(path: str) -> bool:
    """Tell of no file that it is an earlier output: for outputs that cannot be recognised."""
    return False


@dataclass(frozen=True)
class OutputFile:
    """A file that a command is to write.

    Attributes:
        flag: names it in errors, such as "--json".
        path: of the file.
        is_own: whether a file that exists is an earlier output of the same kind, so that it may be replaced.
    """

    flag: str
    path: str
    is_own: Callable[[str], bool] = field(default=nothing, repr=False)


def check_outputs(
    outputs: Sequence[OutputFile], inputs: Mapping[str, str] | Iterable[str], overwrite: bool = False
) -> None:
    """Make sure that writing the outputs loses nothing.

    Files are the same if the system says so, whatever they are called: by symbolic and hard links, `./`, or in another
    case. What is no regular file, such as /dev/stdout, can lose nothing and passes, except for disks.

    Args:
        outputs: to be written.
        inputs: paths of the files that are read, with what they are if that needs saying.
        overwrite: files that exist and are neither inputs nor outputs may be replaced, whatever they are.

    Raises:
        InputError: an output is an input, another output, a disk, or a file that the command did not make; names both.
    """
    given = inputs if isinstance(inputs, Mapping) else dict.fromkeys(inputs, "an input")
    read = {identity(path): (path, what) for path, what in given.items()}
    written: dict[Identity, OutputFile] = {}
    for output in outputs:
        where = f"{output.flag} {output.path}"
        if _is_stream(output.path, where):
            continue
        own = identity(output.path)
        if own in read:
            path, what = read[own]
            called = "" if path == output.path else f" ({path})"
            raise InputError(f"{where}: is {what}{called}, which it would replace. Give another file")
        for key in {own, _without_case(own)}:
            other = written.setdefault(key, output)
            if other is not output:
                raise InputError(f"{where}: is also {other.flag} {other.path}; one would be lost. Give another file")
        check_existing(output, overwrite)


def check_existing(output: OutputFile, overwrite: bool = False) -> None:
    """Make sure that an output replaces no file but an earlier output of its kind; an empty file may be replaced.

    Raises:
        InputError: it would.
    """
    path = output.path
    if overwrite or not os.path.isfile(path) or not os.path.getsize(path) or _is_own(output):
        return
    raise InputError(
        f"{output.flag} {path}: this file exists, and this command did not make it. Give another name, or --overwrite "
        "to replace it"
    )


def identity(path: str) -> Identity:
    """What is equal for two paths of one file: its inode; of a file that does not exist, its folder's and its name."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        real = os.path.realpath(path) if "\0" not in path else path
        folder, name = os.path.split(real)
        try:
            status = os.stat(folder or ".")
        except (OSError, ValueError):
            return (real,)
        return (status.st_dev, status.st_ino, name)
    return (status.st_dev, status.st_ino)


def _without_case(own: Identity) -> Identity:
    """The same for names that some disks would not tell apart."""
    return tuple(part.casefold() if isinstance(part, str) else part for part in own)


def _is_own(output: OutputFile) -> bool:
    try:
        return output.is_own(output.path)
    except (OSError, ValueError):
        return False


def _is_stream(path: str, where: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISBLK(mode):
        raise InputError(f"{where}: is a disk. Give a file")
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
