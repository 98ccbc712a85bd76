"""Which files a user means: by name, by folder, or by pattern."""

import glob
import os
from dataclasses import dataclass

VIDEOS = (
    ".mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .m2v .ts .mts .m2ts .wmv .asf .flv .3gp .3g2 .ogv .mxf .vob .dv .gif"
)
PICTURES = ".jpg .jpeg .jpe .png .webp .bmp .tif .tiff .jp2 .avif .ppm"
SUFFIXES = frozenset(f"{VIDEOS} {PICTURES}".split())


@dataclass(frozen=True)
class Files:
    """What was found.

    Attributes:
        paths: of the files, in the order of the arguments, within a folder by name; each file once.
        passed_over: how many other files lie in the folders and match the patterns, hidden ones not counted.
        problems: sentences on arguments that give no file.
    """

    paths: list[str]
    passed_over: int
    problems: list[str]


def find_files(arguments):
    """Find what is to be judged.

    Args:
        arguments: of each a path of a file, which is taken as it is called; a folder, whose media files are taken, and
            those of the folders in it; or a pattern with `*`, `?`, `[...]` and `**`, which may match folders, too.
    """
    taken, other, problems = {}, {}, []
    for argument in arguments:
        found = {True: [], False: []}
        for path, named in _expand(argument):
            media = named or os.path.splitext(path)[1].lower() in SUFFIXES
            found[media and (named or os.path.isfile(path))].append(path)  # a pipe could be waited for for ever
        for path in found[True]:
            taken.setdefault(os.path.realpath(path), path)
        other |= {os.path.realpath(path): path for path in found[False]}
        if not found[True]:
            problems.append(f"{argument}: {_why_none(argument, len(found[False]))}")
    return Files(list(taken.values()), len(other.keys() - taken.keys()), problems)


def _why_none(argument, others):
    if os.path.isdir(argument):
        if not os.access(argument, os.R_OK | os.X_OK):
            return "this folder cannot be read (Permission denied)"
        if not others:
            return "there is no file in this folder"
    elif os.path.exists(argument):
        return "is no common file"
    elif not others:
        return "no file matches this"
    return f"no video and no picture, only {others} other file{'s' * (others > 1)}"


def _expand(argument):
    """Yield (path, whether it is taken whatever it is called)."""
    if os.path.isdir(argument):
        yield from _within(argument)
    elif os.path.lexists(argument) or not glob.has_magic(argument):
        yield argument, not os.path.exists(argument) or os.path.isfile(argument)  # what is not there will be said later
    else:
        ending = os.path.splitext(argument)[1]
        named = bool(ending) and not glob.has_magic(ending)  # "*.bin" means those
        for path in sorted(glob.glob(argument, recursive=True)):
            if not os.path.isdir(path):
                yield path, named and os.path.isfile(path)
            elif not argument.endswith("**"):  # that one has what is in them by itself
                yield from _within(path)


def _within(folder):
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(parent, name), False
