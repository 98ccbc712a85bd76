"""Progress of the command on standard error: the stages of the current file, and how many files are done."""

import contextlib
import sys
import time
from typing import TYPE_CHECKING, NoReturn, TextIO

from commands import progress

if TYPE_CHECKING:
    from tqdm import tqdm

_BAR, _LINE = "{desc:<16}|{bar:30}| {n_fmt}/{total_fmt}  {elapsed}", "{desc}: {n_fmt}/{total_fmt}"


class StageBars:
    """Two bars on a terminal: the stages of a file, with the time that each takes, and the files.

    In a log there is a line now and then instead, about the files, or about the stages of a single one.

    A context manager.

    Args:
        files: number of files; for a single one there is no bar over the files.
        quiet: show nothing.
    """

    def __init__(self, files: int, quiet: bool = False) -> None:
        hide_files = quiet or files < 2
        self._next = time.monotonic() + progress.NOTICED  # when a log gets its next line
        self._files: tqdm[NoReturn] = progress.bar(
            total=files,
            desc="files",
            unit="file",
            disable=hide_files,
            position=0,
            leave=False,
            dynamic_ncols=True,
        )
        self._stage: tqdm[NoReturn] = progress.bar(
            total=1,
            desc="reading",
            bar_format=_BAR if sys.stderr.isatty() else _LINE,
            disable=quiet or not (sys.stderr.isatty() or hide_files),
            position=0 if hide_files else 1,
            leave=False,
            dynamic_ncols=True,
        )

        self._name = ""
        self._ticking = contextlib.ExitStack()
        if sys.stderr.isatty() and not quiet:  # a batch of faces takes seconds, in which nothing else would move
            self._ticking.enter_context(progress.repeated(self._stage.refresh))

    def close(self) -> None:
        """Remove the bars."""
        self._ticking.close()
        self._stage.close()
        self._files.close()

    def stage(self, name: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if name != self._name:
            self._name = name
            self._stage.last_print_t = self._stage.start_t = time.time()  # tqdm's clock
        self._stage.total = total
        self._stage.set_description_str(name, refresh=False)
        self._stage.n = done
        if sys.stderr.isatty():
            self._stage.refresh()
        elif time.monotonic() > self._next:  # a line in a log
            self._stage.refresh()
            self._next = time.monotonic() + progress.LOG_INTERVAL

    def file_done(self) -> None:
        """Count one more file."""
        self.stage("reading", 0, 1)
        self._files.update()

    def print(self, text: str, stream: TextIO) -> None:
        """Print a line above the bars."""
        progress.print_above(text, stream)
