"""Patterns of file names, as `glob` has them, but each folder is searched once, whatever links lead to it."""

import fnmatch
import glob
import os
from collections.abc import Iterator

_ANYWHERE = "**"


def matches(pattern: str) -> Iterator[str]:
    """Yield the paths that a pattern matches.

    As `glob.glob(pattern, recursive=True)`, which follows links to folders again and again, up to 40 deep: two links of
    a folder to itself give it 2**40 paths. Here a folder has one path, the shortest.

    Args:
        pattern: with `*`, `?`, `[...]` and `**` for folders at any depth; these match no hidden name.
    """
    root = "/" * (len(pattern) - len(pattern.lstrip("/")))
    parts = [part for part in pattern.split("/") if part]
    wants_folder = pattern.endswith("/")
    for path in _below(root, parts, 0, set()):
        if not wants_folder:
            yield path
        elif os.path.isdir(path):
            yield os.path.join(path, "")


def _below(folder: str, parts: list[str], number: int, seen: set[tuple[int, int, int]]) -> Iterator[str]:
    """Yield what parts[number:] match in a folder; `seen` holds the folders that were searched, by their inodes."""
    if number == len(parts):
        if folder:
            yield folder
        return
    part = parts[number]
    if part == _ANYWHERE:
        yield from _anywhere(folder, parts, number, seen)
    elif not glob.has_magic(part):
        path = os.path.join(folder, part)
        if os.path.lexists(path):
            yield from _below(path, parts, number + 1, seen)
    elif _is_new(folder, number, seen):
        last = number + 1 == len(parts)
        for name in _names(folder):
            path = os.path.join(folder, name)
            hidden = name.startswith(".") and not part.startswith(".")
            if not hidden and fnmatch.fnmatchcase(name, part) and (last or os.path.isdir(path)):
                yield from _below(path, parts, number + 1, seen)


def _anywhere(folder: str, parts: list[str], number: int, seen: set[tuple[int, int, int]]) -> Iterator[str]:
    """Yield what parts[number + 1:] match in a folder and in those below it, the nearest first."""
    last = number + 1 == len(parts)
    level = [folder]
    while level:
        below = []
        for one in level:
            if not _is_new(one, number, seen):
                continue
            yield from _below(one, parts, number + 1, seen)
            for name in _names(one):
                path = os.path.join(one, name)
                if name.startswith("."):
                    continue
                if os.path.isdir(path):
                    below.append(path)
                elif last:
                    yield path
        level = below


def _is_new(folder: str, number: int, seen: set[tuple[int, int, int]]) -> bool:
    try:
        status = os.stat(folder or ".")
    except OSError:
        return False
    key = (number, status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder or "."))
    except OSError:  # no folder, or not to be read
        return []
