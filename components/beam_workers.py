"""Beam's worker processes on this machine, with what they print in a file instead of between the lines of a run."""

import contextlib
import logging
import os
import shlex
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner.worker_handlers import SubprocessSdkWorkerHandler, WorkerHandler
from apache_beam.runners.portability.local_job_service import SubprocessSdkWorker

from artifacts.words import counted
from commands.progress import print_above

WORKER_LOG = "DEEPFAKE_WORKER_LOG"  # variable with the file into which the workers of this process print
_logger = logging.getLogger(__name__)


@WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)  # in place of Beam's own
class QuietWorkerHandler(SubprocessSdkWorkerHandler):  # type: ignore[misc]  # Beam's class has no types
    """Starts a worker whose output goes to the file that `WORKER_LOG` names, if it names one.

    Args:
        worker_command_line: of the worker, for a shell.
        others: Beam's.
    """

    def __init__(self, worker_command_line: bytes, *others: Any) -> None:
        log = os.environ.get(WORKER_LOG)
        if log:  # exec: whoever kills the shell kills the worker
            worker_command_line = b"exec %s >>%s 2>&1" % (worker_command_line, shlex.quote(log).encode())
        super().__init__(worker_command_line, *others)

    def start_worker(self) -> None:
        """Start it in a thread that ends with the worker, and says so in one line."""
        self.worker = SubprocessSdkWorker(
            self._worker_command_line, self.control_address, self.provision_info, self.worker_id
        )
        self.worker_thread = threading.Thread(name="run_worker", target=self._run)
        self.worker_thread.start()

    def _run(self) -> None:
        try:
            self.worker.run()
        except RuntimeError as error:  # it ended with another code than 0
            _logger.error("%s", error)


def _note(path: str, thrown: threading.ExceptHookArgs) -> None:
    """Write what a thread threw into the workers' log."""
    with open(path, "a") as stream:
        name = thrown.thread.name if thrown.thread else "a thread"
        stream.write(f"in {name} of the launching process:\n")
        traceback.print_exception(thrown.exc_type, thrown.exc_value, thrown.exc_traceback, file=stream)


@contextlib.contextmanager
def worker_log(workers: int) -> Iterator[None]:
    """Let the workers of the body print into a file, whose place is told; it is removed if nothing went wrong.

    Args:
        workers: how many there are; with none, nothing is done.
    """
    if not workers:
        yield
        return
    handle, path = tempfile.mkstemp(prefix="deepfake-workers-", suffix=".log")
    os.close(handle)
    before, hook = os.environ.get(WORKER_LOG), threading.excepthook
    os.environ[WORKER_LOG] = path
    threading.excepthook = lambda thrown: _note(path, thrown)  # of Beam's threads, whose workers were stopped
    print_above(f"{counted(workers, 'worker process', 'worker processes')}; their log: {path}", sys.stderr)
    try:
        yield
        os.remove(path)
    finally:
        threading.excepthook = hook
        if before is None:
            del os.environ[WORKER_LOG]
        else:
            os.environ[WORKER_LOG] = before
