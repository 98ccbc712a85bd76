"""Ctrl-C and SIGTERM: they end the work at once, or at its next step."""

import signal


class Interruption:
    """While the body runs, both raise KeyboardInterrupt with their number; where it is swallowed, `check` raises it again.

    Python may call a signal's handler within a library's callback, whose exceptions go nowhere.
    """

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self):
        self.number, self._before = None, {}

    def __enter__(self):
        self._before = {number: signal.signal(number, self._on_signal) for number in self.NUMBERS}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number, _):
        self.number = number
        raise KeyboardInterrupt(number)

    def check(self):
        """Raise what was swallowed."""
        if self.number is not None:
            raise KeyboardInterrupt(self.number)

    def taken(self):
        """It is acted on: `check` is silent from here on. Returns the exit code of the signal."""
        number, self.number = self.number or signal.SIGINT, None
        return 128 + number
