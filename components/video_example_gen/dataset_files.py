"""Finding and reading files below a data set's root; no video is opened here."""

import json
import os
from collections.abc import Iterator

from artifacts.errors import InputError

VIDEO_EXTENSIONS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def kind_of(path):
    """Return "video", "image" or None, by the extension."""
    extension = os.path.splitext(path)[1].lower()
    if extension in VIDEO_EXTENSIONS:
        return "video"
    return "image" if extension in IMAGE_EXTENSIONS else None


def stem(path):
    """Return the file's name without folder and extension."""
    return os.path.splitext(os.path.basename(path))[0]


def entries(folder):
    """Return what lies in a folder, hidden files left out, in the order of the names.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error


def subfolders(folder):
    """Return the paths of a folder's folders; none where there is no such folder."""
    return [entry.path for entry in entries(folder) if entry.is_dir()] if os.path.isdir(folder) else []


def walk(folder, above=()) -> Iterator[os.DirEntry]:
    """Yield every file below a folder, through links too: copies of large sets are often links to a shared disk."""
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link that leads back to a folder it lies in
        return
    for entry in entries(folder):
        if entry.is_dir():
            yield from walk(entry.path, (*above, here))
        elif entry.is_file():
            yield entry


def find(folder, kinds=("video",)):
    """Return the paths of all videos (or of other `kinds`) below a folder; none where there is no such folder."""
    return [e.path for e in walk(folder) if kind_of(e.name) in kinds] if os.path.isdir(folder) else []


def relative(paths, root):
    """Return paths as seen from the root, with forward slashes, sorted."""
    return sorted(os.path.relpath(path, root).replace(os.sep, "/") for path in paths)


def read_text(path):
    """Return a text file's content.

    Raises:
        InputError: it cannot be read or is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            return stream.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def read_json(path):
    """Return a JSON file's content.

    Raises:
        InputError: it cannot be read or is not JSON; names the line.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: is not JSON ({error.msg}); copy the file again") from error
