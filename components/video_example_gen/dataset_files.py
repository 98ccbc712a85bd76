"""Find and read files below a data set's root. No video is opened here."""

import codecs
import json
import os
from collections.abc import Collection, Iterable, Iterator

from artifacts.errors import InputError
from artifacts.media_files import FileKind, kind_of
from artifacts.visible import as_text

ONLY_VIDEOS: tuple[FileKind, ...] = ("video",)
# What is named as unlisted where it is not used: all but the data set's tables and texts.
NOT_DOCUMENTS: tuple[FileKind, ...] = ("video", "image", "other")


def stem(path: str) -> str:
    """Return the file's name without folder and extension."""
    return os.path.splitext(os.path.basename(path))[0]


def entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder except hidden ones, sorted by name.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error


def subfolders(folder: str) -> list[str]:
    """Return the paths of the folders in a folder; none if the folder does not exist."""
    return [entry.path for entry in entries(folder) if entry.is_dir()] if os.path.isdir(folder) else []


def walk(folder: str, above: tuple[tuple[int, int], ...] = ()) -> Iterator[os.DirEntry[str]]:
    """Yield every file below a folder. Links are followed, because large data sets are often linked from shared disks.

    Args:
        folder: where to start.
        above: (device, inode) of the folders that contain this one; a link back to one of them is not followed.
    """
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for entry in entries(folder):
        if entry.is_dir():
            yield from walk(entry.path, (*above, here))
        elif entry.is_file():
            yield entry


def find(folder: str, kinds: Collection[FileKind] = ONLY_VIDEOS) -> list[str]:
    """Return the paths of all files of the given kinds below a folder; none if the folder does not exist."""
    return [entry.path for entry in walk(folder) if kind_of(entry.name) in kinds] if os.path.isdir(folder) else []


def relative(paths: Iterable[str], root: str) -> list[str]:
    """Return paths relative to the root, with forward slashes, sorted, as text (`artifacts.visible.as_text`)."""
    return sorted(as_text(os.path.relpath(path, root).replace(os.sep, "/")) for path in paths)


def read_text(path: str, any_bytes: bool = False) -> str:
    """Return the content of a text file: UTF-8 or, with a byte order mark, UTF-16.

    Args:
        path: the file.
        any_bytes: keep bytes that are not UTF-8, as in names of files, as `os.fsdecode` does.

    Raises:
        InputError: it cannot be read or is not UTF-8.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read()
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        return content.decode("utf-8-sig", "surrogateescape" if any_bytes else "strict")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def read_json(path: str) -> object:
    """Return the content of a JSON file.

    Raises:
        InputError: it cannot be read or is not JSON; names the line.
    """
    try:
        content: object = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: is not JSON ({error.msg}); copy the file again") from error
    except RecursionError:
        raise InputError(f"{path}: is not such JSON (nested too deep); copy the file again") from None
    return content
