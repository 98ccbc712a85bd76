"""Folders of pictures that are the frames of videos: which are used, and where paths of other machines lie here."""

import os
from collections.abc import Iterable, Sequence

FRAMES_HELP = "at most so many pictures of a video are used, evenly spaced in the order of their names"


def chosen(frames: Sequence[str], count: int) -> list[str]:
    """Return at most `count` frames, evenly spaced, in the order of their names (numbers by their value)."""
    ordered = sorted(frames, key=_order)
    if len(ordered) <= count:
        return ordered
    return [ordered[index * len(ordered) // count] for index in range(count)]


def numbers(frames: Sequence[str]) -> list[int]:
    """Return the number of each frame: its name where all names are different numbers, else its place."""
    named = [_order(frame)[0] for frame in frames]
    return named if min(named, default=0) >= 0 and len(set(named)) == len(named) else list(range(len(frames)))


def _order(path: str) -> tuple[int, str]:
    name = os.path.splitext(os.path.basename(path.replace("\\", "/")))[0]
    return (int(name) if name.isascii() and name.isdigit() else -1, path)


class Locator:
    """Finds files that were listed on another machine, by the longest end of their path that exists here."""

    def __init__(self, root: str, present: Iterable[str]) -> None:
        """Remember what is there.

        Args:
            root: the folder below which the files are.
            present: paths of all files there.
        """
        self._root = root
        self._present = set(present)
        self._dropped = [0]  # how many folders in front to leave out, the last that fitted first
        self._folders: dict[str, str] = {}  # folder as it was listed -> where it is

    def find(self, path: str) -> str | None:
        """Return where a file is, or None. At least its name, its folder and the one above must be as listed."""
        listed = path.replace("\\", "/")
        folder, _, name = listed.rpartition("/")
        known = f"{self._folders.get(folder)}{os.sep}{name}"
        if known in self._present:
            return known
        parts = [part for part in listed.split("/") if part not in ("", ".")]
        for drop in (*self._dropped, *range(len(parts) - 2)):
            if drop <= max(len(parts) - 3, 0):
                candidate = os.path.join(self._root, *parts[drop:])
                if candidate in self._present:
                    self._dropped = [drop]
                    self._folders[folder] = os.path.dirname(candidate)
                    return candidate
        return None
