"""Clients that do not read: on real sockets, they lose their connection, and those that read slowly do not."""

import contextlib
import socket
import threading
import time

import pytest
import uvicorn
from starlette.responses import StreamingResponse
from starlette.routing import Route

from serving import page
from serving.server import connections
from serving.server.app import Part, create_app
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions

pytestmark = pytest.mark.slow  # a server process

PIECE, PIECES = 1 << 16, 512  # of an answer that fits into no socket's buffer


async def report(request):
    async def pieces():
        for _ in range(PIECES):
            yield bytes(PIECE)

    return StreamingResponse(pieces(), headers={"Content-Length": str(PIECE * PIECES)})


@pytest.fixture
def open_server(models_folder):
    """open_server(**limits) -> (address, its connections) of a server in a thread."""
    with contextlib.ExitStack() as stack:

        def open_server(**limits):
            parts = (Part(lambda state: page.routes()), Part(lambda state: [Route("/report", report)]))
            app = create_app(ServerOptions(model=str(models_folder), limits=ServerLimits(**limits)), parts)
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            config = uvicorn.Config(app, http=connections.Connection, ws="none", log_level="error", access_log=False)
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            stack.callback(end, thread)
            stack.callback(lambda: setattr(server, "should_exit", True))
            return listener.getsockname(), server.server_state.connections

        yield open_server


def end(thread):
    thread.join(60)
    assert not thread.is_alive(), "the server does not end"


def asking(path, times=1):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * times


@pytest.mark.parametrize("limits", [{}, {"request_timeout": 0.3}], ids=["answering", "given up"])
@pytest.mark.parametrize(
    "request_of", [asking("/report"), asking("/page/verdict.js", 1500)], ids=["streamed", "pipelined"]
)
def test_who_never_reads_loses_the_connection(request_of, limits, open_server, made, monkeypatch):
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1.0)
    address, there = open_server(**limits)
    with socket.create_connection(address, timeout=60) as client:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.send(request_of)
        made.wait_until(lambda: there)
        made.wait_until(lambda: not there)


def test_who_reads_slowly_gets_all(open_server, monkeypatch):
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 2.0)
    address, _ = open_server()
    began, got, slow = time.monotonic(), 0, 25
    with socket.create_connection(address, timeout=60) as client:
        client.sendall(asking("/report"))
        while got < PIECE * PIECES and (piece := client.recv(1 << 20)):
            got += len(piece)
            slow -= 1
            if slow >= 0:
                time.sleep(0.1)
    assert got >= PIECE * PIECES and time.monotonic() - began > 2.4, "longer than none may be read"
