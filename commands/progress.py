"""Progress on standard error: a bar on a terminal, a line now and then in a log."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

from commands.terminal import unguarded

Item = TypeVar("Item")
LOG_INTERVAL = 15.0  # seconds between two lines in a log
NOTICED = 2.0  # seconds that nobody minds: what takes less is not worth a line in a log


def interval(terminal: float = 0.1) -> float:
    """Return the seconds between two updates: `terminal` on a terminal, `LOG_INTERVAL` in a log."""
    return terminal if sys.stderr.isatty() else LOG_INTERVAL


def bar(items: Iterable[Item] = (), stream: TextIO | None = None, **options: Any) -> "tqdm[Item]":
    """Return a tqdm bar on standard error that writes to a log only now and then, and there in whole lines.

    Args:
        items: iterated over; left out for a bar that is updated by hand.
        stream: in place of standard error, and the same to a user.
        options: tqdm's, such as `desc`, `total` and `unit`.
    """
    if sys.stderr.isatty():
        return tqdm(items, file=stream or unguarded(sys.stderr), mininterval=interval(), **options)
    for_log: dict[str, Any] = {"delay": NOTICED, "dynamic_ncols": False}
    if "bar_format" not in options:
        for_log["ncols"] = 0  # figures without the drawn bar
    return tqdm(items, file=_Lines(stream or unguarded(sys.stderr)), mininterval=LOG_INTERVAL, **options | for_log)


@contextlib.contextmanager
def watched(
    count: Callable[[], tuple[float, Mapping[str, Any]]], total: float, starting: str = "", **options: Any
) -> Iterator[None]:
    """Show a bar for work that other processes do, while the body waits for them.

    Args:
        count: returns (how much of `total` is done, further figures to show).
        total: when everything is done.
        starting: what is going on until something is done, such as "starting 2 workers".
        options: tqdm's, such as `desc` and `unit`.
    """
    description = options.pop("desc", "")

    def show(shown: "tqdm[Any]") -> None:
        shown.n, figures = count()
        shown.set_description(starting if starting and not shown.n else description, refresh=False)
        shown.set_postfix(figures, refresh=False)
        shown.refresh()

    with bar(total=total, desc=starting or description, **options) as shown, repeated(lambda: show(shown)):
        try:
            yield
        finally:
            show(shown)


@contextlib.contextmanager
def busy(text: str, hidden: bool = False) -> Iterator[None]:
    """Say what goes on, and for how long, while the body does something of unknown length.

    Args:
        text: such as "loading the model".
        hidden: say nothing.
    """
    with standard_error() as stream:
        shown: tqdm[Any] = bar(desc=text, bar_format="{desc}: {elapsed}", leave=False, disable=hidden, stream=stream)
        with shown, repeated(shown.refresh):
            yield


@contextlib.contextmanager
def standard_error() -> Iterator[TextIO]:
    """Standard error as it is now, whatever becomes of file descriptor 2, as while TensorFlow is imported."""
    stream = unguarded(sys.stderr)
    try:
        descriptor = os.dup(stream.fileno())
    except (OSError, ValueError):  # it is no file
        yield stream
        return
    with open(descriptor, "w", encoding=stream.encoding, errors="backslashreplace") as own:
        yield own


@contextlib.contextmanager
def repeated(show: Callable[[], object]) -> Iterator[None]:
    """Call `show` from a thread while the body runs: every second on a terminal, in a log at first, then seldom."""
    done = threading.Event()
    seconds = interval(terminal=1.0)

    def repeat() -> None:
        wait = min(seconds, NOTICED)
        while not done.wait(wait):
            show()
            wait = seconds

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def print_above(text: str, stream: TextIO) -> None:
    """Print a line without breaking the bars that are shown below it."""
    with tqdm.external_write_mode(file=stream) if sys.stderr.isatty() else contextlib.nullcontext():
        print(text, file=stream, flush=True)


class _Lines:
    """A stream that makes lines of what tqdm writes over and over into one.

    Args:
        stream: to which it writes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = ""

    def write(self, text: str) -> int:
        """Write a line, unless it is blank or was just written."""
        line = text.strip()
        if line and line != self._last:
            self._stream.write(f"{line}\n")
            self._last = line
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()
