"""Try a SavedModel in a process of its own, with a limit of time: what hangs or crashes there harms nobody here."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO

from model import probe

POLL = 0.1  # seconds between two looks whether to stop
MAX_PRINTED = 64 << 20  # bytes that the process may write
_SHOWN = 1 << 16  # bytes of its end that are read


def run_probe(
    folder: str, timeout: float, faces: int = probe.FACES, stop: threading.Event | None = None
) -> tuple[bool, str]:
    """Load and call a SavedModel in a process of its own; see `model.probe`.

    Args:
        folder: the SavedModel.
        timeout: seconds after which the process is killed.
        faces: of the largest batch that it must take.
        stop: ends the wait early once it is set, if given.

    Returns:
        (passed, what the process said: its result as JSON, or the reason for which it failed).
    """
    with _scratch() as out, _scratch() as err:
        # -I: no folder of the project, and no variable of the environment, leads to the project's code.
        command = [sys.executable, "-I", os.path.abspath(probe.__file__), os.path.abspath(folder), str(faces)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        process = subprocess.Popen(
            command,
            cwd=os.sep,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # Ctrl-C is for this process, which ends the other
        )
        try:
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MAX_PRINTED, MAX_PRINTED))
            code = _wait(process, time.monotonic() + timeout, stop)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code is None:
            return False, "stopped" if stop is not None and stop.is_set() else f"no answer within {timeout:g} s"
        lines = _end(out if code == 0 else err).strip().splitlines()
    return code == 0, lines[-1] if lines else f"the process ended with exit status {code}"


def _scratch() -> IO[bytes]:
    """A nameless file, in memory where the system can: a disk that is full fails no model."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("trial"), "w+b")
    return tempfile.TemporaryFile()


def _wait(process: "subprocess.Popen[bytes]", deadline: float, stop: threading.Event | None) -> int | None:
    """Wait for a process; returns its exit code, or None if it is to be killed."""
    while time.monotonic() < deadline and not (stop is not None and stop.is_set()):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(POLL)
    return None


def _end(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _SHOWN, 0))
    return stream.read().decode(errors="backslashreplace")
