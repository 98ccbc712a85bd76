"""The server as a process: what it prints, how it ends, and that nothing brings it down."""

import concurrent.futures
import contextlib
import errno
import http.client
import json
import logging
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types

import numpy as np
import pytest

from serving.server import __main__ as serve
from serving.server import app, connections, model_versions, upload_folder, video_api
from tests.fixtures.model_server import endless, save_odd, wait_until

pytestmark = pytest.mark.slow  # it starts servers

WAIT = 60.0
COMBINED = re.compile(r'127\.0\.0\.1 - - \[[^]]+ \+0000\] "[^"]*" \d{3} (\d+|-) "[^"]*" "[^"]*"')


def ask(address, method, path, body=None, headers=None, chunked=False):
    """(code, answer) of one request; the answer is parsed if it is JSON."""
    connection = http.client.HTTPConnection(*address, timeout=WAIT)
    try:
        connection.request(method, path, body, headers or {}, encode_chunked=chunked)
        response = connection.getresponse()
        content = response.read()
        is_json = response.headers.get("Content-Type") == "application/json"
        return response.status, json.loads(content) if is_json else content
    finally:
        connection.close()


def save_endless(folder):
    """Save a model whose graph never ends."""
    save_odd(folder, endless)


def body(made, *pictures):
    return json.dumps({"instances": [made.b64(one) for one in pictures]})


@pytest.fixture(scope="module")
def picture(made):
    noise = np.random.default_rng(0).integers(0, 40, (256, 256, 3)) + 100
    return made.encode(noise.astype(np.uint8))


def test_it_says_where_it_is_and_answers(served, made):
    code, answer = ask(served.address, "POST", made.PREDICT, body(made, made.encode(made.grey(138)[0])))
    assert code == 200 and answer["predictions"][0]["logit"] == pytest.approx(1, abs=1e-6)
    assert answer["predictions"][0]["fake_probability"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)
    assert ask(served.address, "GET", "/readyz") == (200, {"status": "ready", "version": "1"})
    assert served.lines[0].startswith("loading ") and "version 1 of deepfake" in served.lines[1]
    for line in served.log.read_text().splitlines():  # none of TensorFlow's chatter
        assert COMBINED.fullmatch(line), line


def test_the_access_log_goes_to_a_file_and_ready_names_the_real_address(start_server, saved, tmp_path):
    log = tmp_path / "access.log"
    server = start_server("--model", saved["a"], "--access_log", log, "--host", "localhost")
    assert re.fullmatch(r"ready: http://127\.0\.0\.1:[1-9]\d*\n", server.lines[-1])
    assert ask(server.address, "GET", "/healthz", headers={"User-Agent": 'a "b"'})[0] == 200
    wait_until(log.read_text)  # a line is written once the answer is sent
    log.rename(tmp_path / "access.log.1")
    assert ask(server.address, "GET", "/nothing?x=1")[0] == 404
    wait_until(lambda: log.exists() and log.read_text())
    (first,), (second,) = ((tmp_path / name).read_text().splitlines() for name in ("access.log.1", "access.log"))
    assert (
        first.endswith('"GET /healthz HTTP/1.1" 200 18 "-" "a \\"b\\""')
        and '"GET /nothing?x=1 HTTP/1.1" 404 ' in second
    )
    assert server.log.read_text() == ""
    assert server.stop()[0] == 0


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_sends_too_much_gets_to_see_why(chunked, served, made):
    megabytes = (b" " * (1 << 20) for _ in range(33))
    content = megabytes if chunked else b"".join(megabytes)
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    code, answer = ask(served.address, "POST", made.PREDICT, content, headers, chunked)
    assert code == 413 and "33_554_432 bytes" in answer["error"]


def test_headers_are_bounded(served):
    with socket.create_connection(served.address, timeout=WAIT) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000)
        assert client.recv(100).startswith(b"HTTP/1.1 4")
    assert ask(served.address, "GET", "/healthz")[0] == 200


def test_malformed_requests_leave_it_healthy(served, made, picture):
    rng = random.Random(0)
    good = body(made, picture).encode()

    def noise(data, count):
        data = bytearray(data)
        for _ in range(count):
            data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)

    def malformed(number):
        return (
            noise(good, 30),
            good[: rng.randrange(len(good))],
            body(made, noise(picture[:100], 4) + picture[100:]),
            body(made, picture[: rng.randrange(8, len(picture))]),
            body(made, b"GIF89a" + rng.randbytes(40)),
            body(made, b"BM" + rng.randbytes(60)),
            rng.choice(['{"instances": [[[', "null", '{"instances": {}}', '{"inputs": [1e400]}', "", "[" * 9000]),
            body(made, made.png_of(rng.randrange(1 << 31), rng.randrange(1 << 31))),
        )[number % 8]

    bodies = [malformed(number) for number in range(480)]
    codes, memory = [], []
    for content in bodies:
        codes.append(ask(served.address, "POST", made.PREDICT, content)[0])
        if len(codes) in (160, 480):
            memory.append(served.memory())
    assert set(codes) <= {200, 400, 413}
    assert codes.count(200) < 60  # noise that a decoder forgives
    assert memory[1] < memory[0] + 100
    code, answer = ask(served.address, "POST", made.PREDICT, good)
    assert code == 200 and np.isfinite(answer["predictions"][0]["logit"])
    assert ask(served.address, "GET", "/readyz")[0] == 200
    assert "Traceback" not in served.log.read_text()


def test_versions_change_under_load_and_no_request_is_lost(served, push, made):
    content, stop, answers = body(made, made.encode(made.grey(128)[0])), threading.Event(), []

    def client():
        while not stop.is_set():
            answers.append(ask(served.address, "POST", made.PREDICT, content))

    def status():
        versions = ask(served.address, "GET", "/v1/models/deepfake")[1]["model_version_status"]
        return {one["version"]: one["state"] for one in versions}

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(client) for _ in range(8)]
        for number, name, state in (("2", "b", "AVAILABLE"), ("3", "broken", "END"), ("4", "a", "AVAILABLE")):
            push(served.folder, name, number)
            made.wait_until(lambda number=number, state=state: status().get(number) == state)
        stop.set()
        for one in asking:
            one.result()
    assert {code for code, _ in answers} == {200}
    assert {answer["predictions"][0]["logit"] for _, answer in answers} == {0, 100}
    assert status() == {"4": "AVAILABLE", "3": "END", "2": "END", "1": "END"}
    told = ask(served.address, "GET", "/v1/models/deepfake/versions/3")[1]["model_version_status"][0]["status"]
    assert told["error_code"] == "INVALID_ARGUMENT" and str(served.folder) not in told["error_message"]
    assert str(served.folder / "3") in served.log.read_text()


def test_sigterm_finishes_what_has_begun(start_server, models_folder, made, picture):
    server = start_server("--model", models_folder, "--model_name", "other")
    content = body(made, *[picture] * 40)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, server.address, "POST", "/v1/models/other:predict", content) for _ in range(4)]

        def begun():
            text = ask(server.address, "GET", "/metrics")[1].decode()
            return float(text.split("\ndeepfake_faces_total ")[1].split()[0]) > 0

        made.wait_until(begun)
        code, printed = server.stop()
        answers = [one.result() for one in asked]
    assert code == 0 and printed.endswith("stopped\n"), printed
    assert [(status, len(answer["predictions"])) for status, answer in answers] == [(200, 40)] * 4


def test_sigterm_answers_who_waits_for_a_video_at_once(start_server, models_folder, clip):
    server = start_server("--model", models_folder)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, server.address, "POST", "/v1/videos?wait=60", clip)
        wait_until(lambda: "deepfake_videos_running 1.0" in ask(server.address, "GET", "/metrics")[1].decode())
        began = time.monotonic()
        code, printed = server.stop()
        assert time.monotonic() - began < 10  # and not --stop_seconds
        status, answer = asked.result()
    assert (status, answer["reason"]) == (409, "cancelled") and code == 0
    assert printed == "finishing the requests that have begun ...\nstopped\n"
    assert "ERROR" not in server.log.read_text()


def test_what_uvicorn_says_of_late_requests_is_a_sentence(capsys):
    record = logging.makeLogRecord({"msg": "Cancel %s running task(s), timeout graceful shutdown exceeded", "args": 2})
    assert not serve._in_words(record) and serve._in_words(logging.makeLogRecord({"msg": "else"}))
    assert capsys.readouterr().err == "note: requests that had not ended in time were given up\n"


def test_sigterm_ends_it_within_seconds_while_a_version_and_clients_hang(start_server, tmp_path, push, made):
    folder = tmp_path / "models"
    push(folder, "a", 1)
    server = start_server("--model", folder, "--trial_seconds", "3600", "--stop_seconds", "1")
    save_endless(folder / ".2")
    (folder / ".2").rename(folder / "2")

    def tried():
        rows = ask(server.address, "GET", "/v1/models/deepfake")[1]["model_version_status"]
        return any(row["version"] == "2" and row["state"] == "LOADING" for row in rows)

    made.wait_until(tried)
    code, answer = ask(server.address, "POST", made.PREDICT, body(made, made.encode(made.grey(138)[0])))
    assert code == 200 and answer["predictions"][0]["logit"] == pytest.approx(1, abs=1e-6)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(server.address, WAIT)) for _ in range(4)]
        for client, path in zip(clients, ["/v1/videos", made.PREDICT] * 2, strict=True):
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx".encode())
        time.sleep(0.5)
        began = time.monotonic()
        assert server.stop() == (0, "finishing the requests that have begun ...\nstopped\n")
        assert time.monotonic() - began < 15
        assert {client.recv(12) for client in clients} == {b"HTTP/1.1 503"}
    assert "Traceback" not in server.log.read_text()


def test_sigterm_ends_it_while_the_first_version_hangs(tmp_path):
    save_endless(tmp_path / "models" / "1")
    command = [sys.executable, "-m", "serving.server", "--port=0", f"--model={tmp_path}/models", "--trial_seconds=3600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("loading ")
        time.sleep(8)
        began = time.monotonic()
        process.terminate()
        try:
            assert process.wait(WAIT) == 0 and time.monotonic() - began < 15
        finally:
            process.kill()


def test_sigterm_ends_it_although_tensorflow_swallows_it_while_it_loads(tmp_path, monkeypatch, capsys):
    """The signal came while TensorFlow loaded, and no model is tried after it."""
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").touch()

    def load():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    monkeypatch.setattr(serve, "import_tensorflow", load)
    monkeypatch.setattr(app, "create_app", lambda *_, **__: pytest.fail("it went on"))
    assert serve.main(["--model", str(tmp_path), "--port", "0"]) == 0
    assert capsys.readouterr().out.endswith("stopped\n")


def test_a_port_that_is_taken_is_named(capsys, models_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert serve.main(["--model", str(models_folder), "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert (
        f"--port {port}: is not available on 127.0.0.1 (Address already in use)" in error
        and "0 chooses a free one" in error
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--model", "/nowhere", "--port", "0"], "error: /nowhere: no such folder"),
        (["--host", "no.such.host.invalid"], "error: --host no.such.host.invalid: no such address"),
        (["--port", "99999"], 'error: --port: must be less than or equal to 65535. Given: "99999"'),
    ],
)
def test_what_the_user_can_fix_is_2(arguments, message, capsys):
    assert serve.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_no_folder_for_uploads_is_2(capsys, models_folder, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(upload_folder.tempfile, "mkdtemp", full)
    monkeypatch.setattr(upload_folder.tempfile, "tempdir", tempfile.gettempdir())
    assert serve.main(["--model", str(models_folder), "--port", "0"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        f"error: no folder for uploads can be made in {tempfile.gettempdir()} (No space left on device)"
    )
    assert "TMPDIR" in error and "Traceback" not in error and "port" not in error


def test_an_error_of_the_server_at_the_start_is_not_hidden(capsys, models_folder, monkeypatch):
    def fail():
        raise KeyError("ours")

    monkeypatch.setattr(video_api, "UploadFolder", fail)
    with pytest.raises(KeyError, match="ours"):
        serve.main(["--model", str(models_folder), "--port", "0"])


def test_a_model_that_may_not_be_read_is_named(capsys, models_folder, monkeypatch):
    def unreadable(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(models_folder))

    monkeypatch.setattr(model_versions, "versions", unreadable)
    assert serve.main(["--model", str(models_folder), "--port", "0"]) == 2
    assert capsys.readouterr().err == f"error: {models_folder}: Permission denied\n"


@pytest.fixture(autouse=True)
def keep_signals():
    """Puts back what `main` does to the process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_process_ends_when_the_server_has_ended():
    """Exit handlers run, and nothing else is waited for."""
    code = (
        "import atexit, threading, time; from serving.server import __main__ as serve\n"
        "atexit.register(print, 'cleaned up', end='')\n"
        "threading.Thread(target=time.sleep, args=[600]).start()\n"
        "serve.main = lambda: 2\n"
        "serve.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT)
    assert (done.returncode, done.stdout, done.stderr) == (2, "cleaned up", "")


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from serving.server.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as stopped: print(stopped.code, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WAIT, check=True)
    assert done.stdout.startswith("usage: python -m serving.server ") and done.stdout.endswith("0 False\n")
    assert done.stderr == ""


class Loop:
    """A clock that only moves when told."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def time(self):
        return self.now

    def call_later(self, seconds, call):
        self.calls.append((self.now + seconds, call))
        return types.SimpleNamespace(cancel=lambda: None)

    def advance(self, seconds):
        self.now += seconds
        due, self.calls = [c for c in self.calls if c[0] <= self.now], [c for c in self.calls if c[0] > self.now]
        for _, call in due:
            call()


@pytest.fixture
def connection():
    """An idle connection on a clock that only moves when told; `ended` has when it was."""
    loop = Loop()
    connection = object.__new__(connections.Connection)
    connection.loop, connection.cycle, connection._idle_since = loop, None, 0.0
    connection.ended, connection.unread, connection.closing = [], 0, False
    connection.transport = types.SimpleNamespace(
        abort=lambda: connection.ended.append(loop.now),
        get_write_buffer_size=lambda: connection.unread,
        is_closing=lambda: connection.closing,
    )
    loop.call_later(connections.HEADER_SECONDS, connection._close_if_idle)
    return connection


def test_a_connection_that_sends_nothing_ends(connection):
    loop = connection.loop
    loop.advance(connections.HEADER_SECONDS / 2)
    connection.cycle = types.SimpleNamespace(response_complete=False)
    loop.advance(connections.HEADER_SECONDS)
    assert connection.ended == []  # it is being answered
    connection.cycle.response_complete, connection._idle_since = True, loop.now
    loop.advance(connections.HEADER_SECONDS)
    assert connection.ended == [2.5 * connections.HEADER_SECONDS]


def test_an_answer_that_nobody_reads_is_not_kept_for_ever(connection):
    connection.unread = 1000
    connection.loop.advance(connections.HEADER_SECONDS)
    assert connection.ended == []
    connection.loop.advance(connections.ANSWER_SECONDS)
    assert len(connection.ended) == 1


def test_the_rest_of_an_answer_that_was_given_up_is_not_kept_for_ever(connection):
    connection.cycle, connection.unread = types.SimpleNamespace(response_complete=False), 1000
    connection.loop.advance(connections.ANSWER_SECONDS)
    assert connection.ended == []
    connection.closing = True
    connection.loop.advance(connections.ANSWER_SECONDS)
    assert len(connection.ended) == 1
