"""The clients of the serving benchmark: what has no answer counts as lost."""

import contextlib
import socket
import threading

import pytest

from benchmarks import serving_clients

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


@pytest.mark.parametrize("answer", [CUT, b"no HTTP\r\n\r\n", b""], ids=["cut", "nonsense", "none"])
def test_what_has_no_answer_is_lost(answer):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_all():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(1 << 16)
                        client.sendall(answer)

        threading.Thread(target=answer_all, daemon=True).start()
        address = listener.getsockname()
        found = serving_clients.run(address, "/", [b"{}"], [[]], 2, 5)
        assert (found.lost, found.wrong, len(found.latencies)) == (5, 0, 5)
        assert serving_clients.send(address, "/", b"{}") == (200 if answer == CUT else None)
        listener.shutdown(socket.SHUT_RDWR)
