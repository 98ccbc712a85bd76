"""The end of a process that does not end by itself: a model that never answers holds a thread that nothing can stop."""

import os
import sys
import threading
from collections.abc import Callable


class LastResort:
    """Ends the process after a while, whatever its threads do, unless it is called off.

    Args:
        clean_up: called first; a failure of it changes nothing.
        end: ends the process with an exit code.
    """

    def __init__(self, clean_up: Callable[[], None] = lambda: None, end: Callable[[int], object] = os._exit) -> None:
        self._clean_up, self._end = clean_up, end
        self._timer: threading.Timer | None = None

    def within(self, seconds: float) -> None:
        """End the process in so many seconds; a later call replaces an earlier one."""
        self.call_off()
        self._timer = threading.Timer(seconds, self.now)
        self._timer.daemon = True
        self._timer.start()

    def call_off(self) -> None:
        """Let the process end by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def now(self) -> None:
        """End the process at once; the exit code is 0, as it was asked to stop."""
        try:
            print("note: something did not end in time and was given up", file=sys.stderr, flush=True)
            print("stopped", flush=True)
            self._clean_up()
        finally:
            self._end(0)
