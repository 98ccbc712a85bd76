"""Command line: python -m serving.server."""

import logging
import signal
import socket
import sys

import uvicorn

from artifacts.errors import InputError
from commands.quiet import import_tensorflow
from serving.server.connections import Connection
from serving.server.server_options import parse_options

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments=None):
    """Entry point; returns the exit code: 0 stopped, 2 for what the user can mend."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _before)
    try:
        options = parse_options(arguments)
        with _bind(options.host, options.port) as listener:
            _serve(options, listener)
    except (InputError, ValueError, OSError) as error:  # the last, of the model's files
        print("\n".join(f"error: {line}" for line in _sentence(error).splitlines()), file=sys.stderr)
        return 2
    except _Stopped:
        pass
    print("stopped", flush=True)
    return 0


def _serve(options, listener):
    """Load the model and serve it until a signal comes."""
    print(f"loading {options.model} ...", flush=True)
    import_tensorflow()
    from serving.server.app import create_app

    app = create_app(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _after)  # uvicorn takes both while it runs, and raises them again when it has stopped
    _Server(_config(app, options), _url(options.host, listener), options).run(sockets=[listener])


class _Stopped(BaseException):
    """A signal came before the server ran."""


def _before(number, frame):
    raise _Stopped


def _after(number, frame):
    pass


def _sentence(error):
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _config(app, options):
    limits = options.limits
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,  # as ours is
        log_level="error",
        access_log=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_graceful_shutdown=int(limits.request_timeout) + 1,
    )


class _Server(uvicorn.Server):
    """uvicorn, with a word to the user when it is ready and when it stops."""

    def __init__(self, config, url, options):
        super().__init__(config)
        self._url, self._options = url, options

    async def startup(self, sockets=None):
        state, log = self.config.app.state.serving, logging.getLogger("uvicorn.error")
        log.disabled = True  # it shows where a failure came from; `main` says it in a sentence, or fails with it
        try:
            await super().startup(sockets)
        except SystemExit:  # with uvicorn's 3
            raise state.failure from None
        except OSError as error:
            raise InputError(f"--port {self._options.port}: cannot be listened on ({error.strerror})") from error
        finally:
            log.disabled = False
        print(f"version {state.models.current.number} of {self._options.model_name} is served", flush=True)
        if self._options.host not in LOOPBACK and self._options.token is None:
            print("note: other machines can reach it without a token; give one with --token_file", file=sys.stderr)
        print(f"ready: {self._url}  (Ctrl-C stops)", flush=True)

    async def shutdown(self, sockets=None):
        self.config.app.state.serving.stopping = True
        print("finishing what has begun ...", flush=True)
        await super().shutdown(sockets)


def _bind(host, port):
    """A socket that has the address, so that a port that is taken is told before the model is loaded.

    Raises:
        InputError: it cannot be had.
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
            f"--port {port}: cannot be had on {host} ({error.strerror}). Stop what uses it, or give another; 0 takes a "
            "free one"
        ) from error
    return listener


def _url(host, listener):
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{listener.getsockname()[1]}"


if __name__ == "__main__":
    sys.exit(main())
