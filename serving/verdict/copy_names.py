"""What drawn copies are called: in a folder NAME-marked.mp4, so that none is taken for its source."""

import os
from collections.abc import Iterator, Sequence

from artifacts.errors import InputError
from artifacts.media_files import kind_of

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class CopyNames:
    """The names of copies, all different, and the same whenever the same sources are given.

    Args:
        target: a file for a single source. A folder for several sources, if such a folder exists, or if the name has no
            suffix.
        sources: paths of the files.

    Attributes:
        is_folder: whether the target is a folder.

    Raises:
        InputError: several sources, and a target that is called like a single file.
    """

    def __init__(self, target: str, sources: Sequence[str]) -> None:
        self._target, self._sources = target, sources
        suffix = os.path.splitext(target)[1].lower()
        self._is_video = suffix in VIDEO_SUFFIXES
        if len(sources) > 1 and suffix in VIDEO_SUFFIXES + PICTURE_SUFFIXES and not os.path.isdir(target):
            raise InputError(
                f"--annotate {target}: is the name of one file, and there are {len(sources)}; give a folder"
            )
        self.is_folder = len(sources) > 1 or os.path.isdir(target) or target.endswith(os.sep) or not suffix
        self._names: dict[tuple[str, bool], str] = {}
        self._taken: set[str] = set()
        if self.is_folder:  # what their suffixes say comes first, so that nothing that is misnamed changes these names
            for source in sources:
                self._name(source, kind_of(source) != "image")

    def expected(self) -> Iterator[str]:
        """Yield the path of each copy, for sources that are what their suffixes say; errors as those of `of`."""
        for source in self._sources:
            kind = kind_of(source)
            yield self._target if kind == "other" and not self.is_folder else self.of(source, kind != "image")

    def of(self, source: str, is_video: bool) -> str:
        """Return the path of a source's copy.

        Raises:
            InputError: the name of a single file tells another kind.
        """
        if self.is_folder:
            return os.path.join(self._target, self._name(source, is_video))
        if self._is_video != is_video:
            kind, suffixes = ("video", VIDEO_SUFFIXES) if is_video else ("picture", PICTURE_SUFFIXES)
            raise InputError(f"--annotate {self._target}: {source} is a {kind}; give a name with {', '.join(suffixes)}")
        return self._target

    def _name(self, source: str, is_video: bool) -> str:
        if (source, is_video) not in self._names:
            name, suffix = os.path.splitext(os.path.basename(source))
            picture_suffix = ".jpg" if suffix.lower() in (".jpg", ".jpeg") else ".png"
            suffix = ".mp4" if is_video else picture_suffix
            name += "-marked"
            number, unique = 1, name + suffix
            while unique.casefold() in self._taken:  # two folders may hold the same name, in either case
                number += 1
                unique = f"{name}-{number}{suffix}"
            self._taken.add(unique.casefold())
            self._names[source, is_video] = unique
        return self._names[source, is_video]
