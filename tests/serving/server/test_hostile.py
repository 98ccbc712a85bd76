"""Hostile requests get a clear refusal and do no harm: hundreds of them, against a real server.

DEEPFAKE_FUZZ=1000 sends a thousand malformed requests instead of 100.
"""

import collections
import concurrent.futures
import http.client
import json
import os
import random
import re
import socket
import threading
import time
from fractions import Fraction

import cv2
import numpy as np
import psutil
import pytest

from tests.fixtures.hostile_files import CASES, replaced
from tests.fixtures.malformed_requests import RAW, a_file, a_form, a_predict, an_address

pytestmark = pytest.mark.slow  # a server process, and many requests

COUNT = int(os.environ.get("DEEPFAKE_FUZZ", "100"))
WAYS = 4  # clients at a time
LARGEST = 8 << 20  # bytes of an upload
MOST_GROWTH = 100  # MiB of resident memory after the malformed requests, compared with after a warm-up
# Success, the client's errors, and limits.
CLEAR = {200, 202, 204, 400, 404, 405, 408, 411, 413, 415, 417, 422, 429, 431}
# Addresses on this server, and words with a slash that are not paths.
# A job's id is random, and may hold "tmp" by chance.
HARMLESS = re.compile(
    r'"id":"[\w-]{22}"|/v1/(videos/[\w-]{22}[\w/.]*|videos|models?)|multipart/form-data|image/webp|text/html'
)
LEAK = re.compile(r"(?<![\w<])/\w+[/.]\w|Traceback|tmp|deepfake-serve|site-packages|\.py\b|0x[0-9a-f]{6}|\\\\", re.I)


@pytest.fixture(scope="module")
def hostile(start_server, models_folder, tmp_path_factory):
    """A server with its own folder for temporary files, which must be empty in the end."""
    temporary = tmp_path_factory.mktemp("temporary")
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(temporary)
    try:
        server = start_server("--model", models_folder, "--workers", 2, "--jobs", 32, "--max_upload", LARGEST)
    finally:
        os.environ.pop("TMPDIR") if before is None else os.environ.update(TMPDIR=before)
    server.temporary = temporary
    yield server
    code, _ = server.stop()
    assert code == 0 and list(temporary.iterdir()) == []


@pytest.fixture(scope="module")
def ask(hostile):
    """ask(method, path, body, headers) -> (code, headers, body), of the module's server."""

    def ask(method, path, body=None, headers=None, **options):
        connection = http.client.HTTPConnection(*hostile.address, timeout=60)
        try:
            connection.request(method, path, body, headers or {}, **options)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return ask


@pytest.fixture(scope="module")
def files(film, portrait, made):
    """Name -> bytes of intact files of all kinds."""
    small = cv2.resize(portrait, (120, 120), interpolation=cv2.INTER_AREA)
    images = [np.roll(small, k, axis=1) for k in range(8)]
    kinds = {"a.mp4": "libx264", "a.mkv": "libx264", "a.webm": "libvpx", "a.avi": "mpeg4", "a.gif": "gif"}
    found = {name: film(name, codec=codec, images=images).read_bytes() for name, codec in kinds.items()}
    found["early.mp4"] = film("early.mp4", images=images, movflags="faststart").read_bytes()
    for kind in ("png", "jpeg", "webp"):
        found[f"a.{kind}"] = made.encode(small, kind)
    return found


def leaks(text):
    """What an answer reveals about the inside of the server."""
    return LEAK.search(HARMLESS.sub("", text))


def children(server):
    """The server's child processes."""
    return [child for child in psutil.Process(server.process.pid).children(recursive=True) if child.is_running()]


def settled(server, made):
    """Nothing is left of what was sent: no decoding process, no file."""
    made.wait_until(lambda: not children(server))
    (folder,) = server.temporary.glob("deepfake-serve-*")
    made.wait_until(lambda: not os.listdir(folder))


# --- one by one ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CASES)
def test_hostile_files_are_refused(name, ask, files):
    code, reason, make = CASES[name]
    answered, _, body = ask("POST", "/v1/videos?wait=60", make(files))
    answer = json.loads(body)
    assert (answered, set(answer)) == (code, {"error", "reason"}), answer
    assert (reason is None or answer["reason"] == reason) and answer["error"], answer
    assert not leaks(body.decode())


def test_an_hour_is_refused_by_its_header(ask, film, portrait):
    path = film("hour.mp4", fps=Fraction(1, 400), images=[portrait] * 10)
    answered, _, body = ask("POST", "/v1/videos?wait=60", path.read_bytes())
    assert (answered, json.loads(body)["reason"]) == (413, "too_long") and b"4000.0 s" in body


def test_a_header_that_claims_more_than_there_is_costs_nothing(ask, film):
    black = [np.zeros((272, 320, 3), np.uint8)] * 4
    film = film("black.webm", codec="libvpx", images=black).read_bytes()
    sizes = b"\xb0\x82\x01\x40\xba\x82\x01\x10", b"\xb0\x82\x75\x30\xba\x82\x75\x30"
    answered, _, body = ask("POST", "/v1/videos?wait=60", replaced(film, sizes))
    assert answered == 413 or json.loads(body)["view"]["info"]["width"] == 320


@pytest.mark.parametrize(
    ("name", "codec"), [("b.mkv", "libx264"), ("b.mp4", "libx264"), ("b.webm", "libvpx"), ("b.avi", "mpeg4")]
)
def test_the_readable_part_of_a_cut_film_has_a_verdict(name, codec, ask, film, portrait):
    options = {"movflags": "faststart"} if name == "b.mp4" else {}
    content = film(name, 24, codec, images=[cv2.resize(portrait, (120, 120))] * 24, **options).read_bytes()
    answered, _, body = ask("POST", "/v1/videos?wait=60", content[: int(len(content) * 0.9)])
    assert answered == 200, body
    assert 0 < json.loads(body)["view"]["wanted"] < 24 and not leaks(body.decode())


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "%2e%2e/x", "a\x07b", "x" * 3000, "<script>alert(1)</script>", "tmp\\a"]
)
def test_names_are_only_shown(name, ask, hostile, made):
    body = made.encode(np.zeros((20, 20, 3), np.uint8))
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
        + name.encode()
        + b'"\r\n\r\n'
        + body
        + b"\r\n--b--\r\n"
    )
    answered, _, answer = ask("POST", "/v1/videos?wait=60", form, {"Content-Type": "multipart/form-data; boundary=b"})
    shown = json.loads(answer)
    assert answered == 200 and len(shown["file"]) <= 120 and not set(shown["file"]) & set("/\\\x07")
    answered, _, page = ask("GET", shown["report"])
    assert answered == 200 and b"<script>alert" not in page


def test_an_upload_that_does_not_end_is_ended(hostile, made):
    sent = 0
    with socket.create_connection(hostile.address, timeout=60) as connection:
        connection.sendall(b"POST /v1/videos HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):
            while sent < 1 << 30:
                connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
                sent += 1 << 16
    assert LARGEST < sent < 100 << 20
    settled(hostile, made)


def test_an_upload_beyond_the_limit_is_refused(ask, hostile, made):
    for body, headers in (
        (bytes(LARGEST + (3 << 20)), {}),
        (bytes(LARGEST + 1), {}),
        (b"", {"Content-Length": "99999999999", "Expect": "100-continue"}),
    ):
        code, _, answer = ask("POST", "/v1/videos", body, headers)
        assert (code, json.loads(answer)["reason"]) == (413, "too_large")
    code, _, answer = ask("POST", "/v1/videos", iter([bytes(1 << 20)] * 9), {}, encode_chunked=True)
    assert (code, json.loads(answer)["reason"]) == (413, "too_large")
    settled(hostile, made)


# --- clients that leave -------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def long_film(film, portrait):
    """Bytes of a film that takes a while."""
    large = cv2.resize(portrait, (640, 640))
    return film("long.mp4", images=[np.roll(large, 3 * k, axis=1) for k in range(40)]).read_bytes()


def counts(ask):
    """outcome -> videos, and those that are worked on."""
    text = ask("GET", "/metrics")[2].decode()
    found = {name: int(float(n)) for name, n in re.findall(r'deepfake_videos_total\{outcome="(\w+)"\} (\S+)', text)}
    return found | {"running": int(float(re.search(r"^deepfake_videos_running (\S+)", text, re.M)[1]))}


@pytest.mark.parametrize(
    ("query", "outcome"), [("wait=60&frames=8", "done"), ("wait=60&frames=40&cancel=true", "cancelled")]
)
def test_a_client_that_leaves(query, outcome, ask, hostile, long_film, made):
    before = counts(ask)
    leaving = http.client.HTTPConnection(*hostile.address, timeout=60)
    leaving.request("POST", f"/v1/videos?{query}", long_film)
    made.wait_until(lambda: counts(ask)["running"])
    leaving.sock.shutdown(socket.SHUT_RDWR)
    leaving.close()
    made.wait_until(lambda: not counts(ask)["running"])
    assert counts(ask)[outcome] == before[outcome] + 1
    settled(hostile, made)


def test_a_job_is_cancelled_while_its_film_is_decoded(ask, hostile, long_film, made):
    job = json.loads(ask("POST", "/v1/videos?frames=40&min_face_size=20", long_film)[2])
    made.wait_until(lambda: children(hostile))
    began = time.monotonic()
    assert json.loads(ask("DELETE", f"/v1/videos/{job['id']}")[2])["state"] == "cancelled"
    made.wait_until(lambda: not counts(ask)["running"])
    assert time.monotonic() - began < 20
    settled(hostile, made)


# --- by the hundred -----------------------------------------------------------------------------------------------
def send_raw(server, data):
    """(code or None, text): bytes that need not be HTTP, and whatever comes back within a moment."""
    came = b""
    try:
        with socket.create_connection(server.address, timeout=2) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                came += piece
    except OSError:
        pass
    code = re.match(rb"HTTP/1\.1 (\d+)", came)
    return (int(code[1]) if code else None), came.decode("latin-1")


def malformed(number, files, ask, server):
    """Send the request of that number: (what it was, code, text of the answer)."""
    rng = random.Random(number)
    make = rng.choices([a_file, a_form, a_predict, an_address, None], [45, 15, 20, 10, 10])[0]
    if make is None:
        return "raw", *send_raw(server, rng.choice(RAW))
    code, headers, body = ask(*make(rng, files))
    return make.__name__, code, "" if "html" in headers.get("content-type", "") else body.decode()


def test_malformed_requests_by_the_hundred_leave_it_as_it_was(hostile, ask, files, made, clip):
    def verdict():
        view = json.loads(ask("POST", "/v1/videos?wait=60&name=a.mp4", clip)[2])["view"]
        return {name: value for name, value in view.items() if name not in ("pictures", "judged_at")}

    def rows():
        body = json.dumps({"instances": [made.b64(files["a.png"])] * 8})
        return json.loads(ask("POST", made.PREDICT, body)[2])["predictions"]

    def send(numbers):
        with concurrent.futures.ThreadPoolExecutor(WAYS) as pool:
            return list(pool.map(lambda number: malformed(number, files, ask, hostile), numbers))

    for content in files.values():
        assert ask("POST", "/v1/videos?wait=60", content)[0] == 200
    send(range(-15, 0))
    right = verdict(), rows()
    settled(hostile, made)
    before, threads = hostile.memory(), psutil.Process(hostile.process.pid).num_threads()

    began = time.monotonic()
    answers = send(range(COUNT))
    seconds = time.monotonic() - began

    unclear = [
        answer for answer in answers if answer[1] not in CLEAR and not (answer[0] == "raw" and answer[1] is None)
    ]
    assert unclear == []
    assert [text for _, _, text in answers if leaks(text)] == []
    settled(hostile, made)
    assert (verdict(), rows()) == right
    assert ask("GET", "/healthz")[0] == ask("GET", "/readyz")[0] == 200
    after, log = hostile.memory(), hostile.log.read_text()
    assert "Traceback" not in log and counts(ask)["error"] == 0, log[-3000:]
    assert after < before + MOST_GROWTH
    assert psutil.Process(hostile.process.pid).num_threads() <= threads + 2
    assert threading.active_count() < 50
    codes = sorted(collections.Counter((kind, code) for kind, code, _ in answers).items(), key=str)
    print(f"\n{COUNT} malformed requests in {seconds:.0f} s; memory {before:.0f} -> {after:.0f} MiB; {codes}")
