r"""What commands write to a terminal: no text from outside may control it.

A file's name, a method's or a model's may hold ESC codes that retitle a terminal, move its cursor or clear it, or codes
that show a line backwards. After `guard_terminal`, all that a command prints is escaped, argparse's errors and
tracebacks included.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from artifacts.visible import printable

_LAYOUT = "\n\t"


class GuardedStream:
    r"""A text stream that shows control characters as escapes, such as `\x1b`; the rest is the stream's.

    Args:
        stream: to which it writes.

    Attributes:
        unguarded: the stream itself, for progress bars, which move the cursor.
    """

    def __init__(self, stream: TextIO) -> None:
        self.unguarded = stream

    def write(self, text: str) -> int:
        """Write a text; returns its length, as streams do."""
        with self._nobody_may_read():
            self.unguarded.write(printable(text, keep=_LAYOUT))
        return len(text)

    def flush(self) -> None:
        """Write what is still held."""
        with self._nobody_may_read():
            self.unguarded.flush()

    def writelines(self, lines: Any) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    @contextlib.contextmanager
    def _nobody_may_read(self) -> Iterator[None]:
        """Where the reader is gone, as with `| head`, this and all that follows is thrown away; the work goes on."""
        try:
            yield
        except BrokenPipeError:
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.unguarded.fileno())

    def __eq__(self, other: object) -> bool:
        """Tell whether both write to the same place: tqdm compares streams to find the bars above which to print."""
        return unguarded(other) is self.unguarded or NotImplemented  # tqdm wraps streams, and knows how to compare

    def __hash__(self) -> int:
        return hash(self.unguarded)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def guard_terminal() -> None:
    """Let all that this process prints from now on pass a `GuardedStream`; a second call changes nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, GuardedStream):
            continue
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name may hold what the terminal's encoding lacks
        setattr(sys, name, GuardedStream(stream))


def unguarded(stream: Any) -> Any:
    """The stream behind a guarded one, for text of our own that moves the cursor."""
    return stream.unguarded if isinstance(stream, GuardedStream) else stream
