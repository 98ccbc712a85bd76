"""Command line: python -m serving.server."""

import atexit
import contextlib
import logging
import math
import os
import socket
import sys
from collections.abc import Sequence

import uvicorn
from starlette.applications import Starlette

from artifacts.errors import InputError
from commands.quiet import import_tensorflow
from commands.signals import StopSignals
from commands.terminal import guard_terminal
from serving.default_model import choose_model
from serving.server.access_log import AccessLog
from serving.server.connections import Connection
from serving.server.last_resort import LastResort
from serving.server.server_options import ServerOptions, parse_options

STOPPING_SECONDS = 8.0  # for all else that has to end, after the time for requests
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code: 0 stopped, 2 an error that the user can fix."""
    guard_terminal()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        with StopSignals() as signals:
            options = parse_options(arguments)
            access_log = AccessLog(options.access_log)
            with _listen(options.host, options.port) as listener:
                _serve(options, listener, access_log, signals)
    except (InputError, OSError) as error:  # OSError: from the model's files
        for line in _sentence(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    print("stopped", flush=True)
    return 0


def _serve(options: ServerOptions, listener: socket.socket, access_log: AccessLog, signals: StopSignals) -> None:
    """Load the model, and serve it until a signal comes."""
    folder, note = choose_model(options.model)
    options = options.model_copy(update={"model": folder})
    if note:
        print(f"note: {note}", file=sys.stderr)
    print(f"loading {folder} ...", flush=True)
    import_tensorflow()
    from serving.server.app import create_app

    signals.check()  # a signal may have been swallowed while TensorFlow loaded, and the first trial may take long
    app = create_app(options, answered=access_log.add)
    signals.check()
    # While it runs, uvicorn takes the signals itself; when it has stopped, it raises them again.
    _Server(app, options, _url(listener)).run(sockets=[listener])


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


class _Server(uvicorn.Server):
    """uvicorn's server, which also tells the user when it is ready and when it stops."""

    def __init__(self, app: Starlette, options: ServerOptions, url: str) -> None:
        limits = options.limits
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                lifespan="on",
                log_config=None,  # `main` has configured logging
                log_level="error",
                access_log=False,
                server_header=False,
                limit_concurrency=limits.connections,
                timeout_graceful_shutdown=math.ceil(min(limits.stop_seconds, limits.request_timeout + 1)),
            )
        )
        self._state, self._options, self._url = app.state.serving, options, url
        self._last_resort = LastResort(self._remove_uploads)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        log = logging.getLogger("uvicorn.error")
        log.disabled = True  # it would print a traceback; `main` prints a sentence, or raises the error again
        try:
            await super().startup(sockets)
        except SystemExit:  # uvicorn's way to say that a lifespan failed
            raise self._state.failure from None
        except OSError as error:
            raise InputError(f"--port {self._options.port}: cannot listen on it ({error.strerror})") from error
        finally:
            log.disabled = False
        number, name = self._state.models.current.number, self._options.model_name
        print(f"version {number} of {name} is served; Ctrl-C stops the server", flush=True)
        if self._options.host not in LOOPBACK and self._options.token is None:
            print(
                "note: other machines can reach the server without a token; set one with --token_file", file=sys.stderr
            )
        print(f"ready: {self._url}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._state.stopping = True
        self._last_resort.within(self._options.limits.stop_seconds + STOPPING_SECONDS)
        print("finishing the requests that have begun ...", flush=True)
        if self._state.videos is not None:
            self._state.videos.queue.close()  # who waits for a video is answered now
        log = logging.getLogger("uvicorn.error")
        log.addFilter(_in_words)
        try:
            await super().shutdown(sockets)
        finally:
            log.removeFilter(_in_words)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self._last_resort.call_off()
            if self._state.stuck:  # Python would wait for the thread before it ends
                self._last_resort.now()

    def _remove_uploads(self) -> None:
        if self._state.videos is not None and self._state.videos.folder is not None:
            self._state.videos.folder.close()


def _in_words(record: logging.LogRecord) -> bool:
    """Say in plain words what uvicorn logs when its patience with clients is over; everything else as it is."""
    if not str(record.msg).startswith("Cancel %s running task"):
        return True
    print("note: requests that had not ended in time were given up", file=sys.stderr, flush=True)
    return False


def _listen(host: str, port: int) -> socket.socket:
    """Open a socket with the address now, so that a port that is in use is reported before the model is loaded.

    Raises:
        InputError: the address is not available.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise InputError(f"--host {host}: no such address ({error.strerror})") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise InputError(
            f"--port {port}: is not available on {host} ({error.strerror}). Stop the program that uses it, or choose "
            "another port; 0 chooses a free one"
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    """The address at which a socket listens, whatever it was called."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run() -> None:
    """Run the server, and end the process with its exit code.

    Python's way to end takes TensorFlow apart, which lasts seconds on a busy machine and frees nothing that the system
    would not free; so the process ends when all exit handlers have run.
    """
    code = main()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
