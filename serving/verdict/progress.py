"""Progress of a judgement on standard error: how far the file is that is looked at, and how many are done."""

import contextlib
import sys

from tqdm import tqdm

LOG_INTERVAL = 15.0  # seconds; a log does not need every step


class Progress:
    """Two bars on a terminal, one over the stages of a file, one over the files; in a log the latter only, now and then.

    Args:
        files: how many.
        quiet: show nothing.

    A context manager.
    """

    def __init__(self, files, quiet=False):
        terminal = sys.stderr.isatty()
        shared = {"file": sys.stderr, "leave": False, "dynamic_ncols": True}
        self._files = tqdm(
            total=files, desc="files", unit="file", position=0, disable=quiet or files < 2,
            mininterval=0.1 if terminal else LOG_INTERVAL, **shared,
        )  # fmt: skip
        self._stage = tqdm(
            total=1, desc="reading", position=0 if self._files.disable else 1, disable=quiet or not terminal,
            bar_format="{desc:<16}|{bar:30}| {n_fmt}/{total_fmt}", **shared,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stage.close()
        self._files.close()

    def stage(self, name, done, total):
        """That much of a stage is done."""
        self._stage.total = total
        self._stage.set_description_str(name, refresh=False)
        self._stage.n = done
        self._stage.refresh()

    def file_done(self):
        """One file more is done."""
        self.stage("reading", 0, 1)
        self._files.update()

    def print(self, text, stream):
        """Print a line above the bars."""
        with tqdm.external_write_mode(file=stream) if sys.stderr.isatty() else contextlib.nullcontext():
            print(text, file=stream, flush=True)
