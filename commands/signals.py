"""Ctrl-C and SIGTERM: one way to take them for every command."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn

MOMENT = 0.5  # seconds in which a stopped command may end without a word that it is stopping
STOP = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Training was stopped by a signal; its state is saved, and the same command continues from there.

    Attributes:
        number: the signal.
    """

    def __init__(self, number: int, step: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name} after step {step}; its state is saved")
        self.number = number


class StopSignals:
    """Takes SIGINT and SIGTERM while the body runs, and restores the handlers that were there before.

    Python may run a signal's handler inside a library's callback, which swallows the exception. So the signal is also
    remembered, and `check` raises it again. Outside the main thread, where Python allows no handlers, nothing is taken.

    Args:
        raises: raise `KeyboardInterrupt(number)` at once; otherwise the body finds the signal in `number`.
        on_signal: called first with the signal, for example to silence logging.

        tells: say on standard error that the body is ending, where it takes longer than a moment.

    Attributes:
        number: the signal that came, or None.
    """

    def __init__(
        self, raises: bool = True, on_signal: Callable[[signal.Signals], None] | None = None, tells: bool = False
    ) -> None:
        self.raises, self.on_signal, self.tells = raises, on_signal, tells
        self._telling: threading.Timer | None = None
        self.number: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopSignals":
        for number in STOP:
            try:
                self._before[number] = signal.signal(number, self._handle)
            except ValueError:  # not in the main thread: whoever runs this there takes the signals
                break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._telling is not None:
            self._telling.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.number = signal.Signals(number)
        if self.on_signal:
            self.on_signal(self.number)
        if self.tells and self._telling is None:
            self._telling = threading.Timer(MOMENT, lambda: print("stopping ...", file=sys.stderr, flush=True))
            self._telling.daemon = True
            self._telling.start()
        if self.raises:
            raise KeyboardInterrupt(number)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if a signal came and was swallowed."""
        if self.number is not None:
            raise KeyboardInterrupt(self.number)

    def acknowledge(self) -> int:
        """Forget the signal, so that `check` is silent from here on, and return its exit code, 128 + number."""
        number, self.number = self.number or signal.SIGINT, None
        return exit_code(number)


def exit_code(number: int) -> int:
    """Return the exit code of a process that a signal ended: 128 + number, as shells have it."""
    return 128 + number


def stoppable(body: Callable[[], int], trainer: str = "") -> int:
    """Run a command's body and return its exit code; where a signal stops it, one line says so.

    Args:
        body: of the command; what it raises passes through, unless a signal came before.
        trainer: the name before the sentence of a training that was stopped.
    """
    # Whoever is interrupted would log it as an error of its own.
    with StopSignals(on_signal=lambda _: logging.disable(logging.CRITICAL), tells=True) as stop:
        try:
            return body()
        except Interrupted as interrupted:
            print(f"{trainer} {interrupted}. The same command continues from there.".strip(), file=sys.stderr)
            return exit_code(interrupted.number)
        except BaseException:
            if stop.number is None:  # on its way through Beam a KeyboardInterrupt loses its type
                raise
            print(f"stopped by {stop.number.name}; the same command continues from here", file=sys.stderr)
            return exit_code(stop.number)


def leave(code: int) -> NoReturn:
    """End this process at once, with all that it printed, and without waiting for threads.

    After a signal, when what is to be kept is on the disk: the threads that still prepare batches, or that wait for
    TensorFlow, may take a minute to notice.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads on
            stream.flush()
    os._exit(code)
