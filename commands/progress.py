"""Progress on standard error: a bar on a terminal, a line now and then in a log."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_INTERVAL = 15.0  # seconds between two lines in a log


def interval(terminal: float = 0.1) -> float:
    """Return the seconds between two updates: `terminal` on a terminal, `LOG_INTERVAL` in a log."""
    return terminal if sys.stderr.isatty() else LOG_INTERVAL


def bar(items: Iterable[Item] = (), **options: Any) -> "tqdm[Item]":
    """Return a tqdm bar on standard error that writes to a log only now and then.

    Args:
        items: iterated over; left out for a bar that is updated by hand.
        options: tqdm's, such as `desc`, `total` and `unit`.
    """
    return tqdm(items, file=sys.stderr, mininterval=interval(), **options)


@contextlib.contextmanager
def watched(count: Callable[[], tuple[float, Mapping[str, Any]]], total: float, **options: Any) -> Iterator[None]:
    """Show a bar for work that other processes do, while the body waits for them.

    Args:
        count: returns (how much of `total` is done, further figures to show).
        total: when everything is done.
        options: tqdm's, such as `desc` and `unit`.
    """
    done = threading.Event()
    seconds = interval(terminal=1.0)

    def watch() -> None:
        with bar(total=total, **options) as shown:
            while True:
                last = done.wait(seconds)
                shown.n, figures = count()
                shown.set_postfix(figures, refresh=False)
                shown.refresh()
                if last:
                    return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def print_above(text: str, stream: TextIO) -> None:
    """Print a line without breaking the bars that are shown below it."""
    with tqdm.external_write_mode(file=stream) if sys.stderr.isatty() else contextlib.nullcontext():
        print(text, file=stream, flush=True)
