"""Names of uploaded files, and what hostile forms cost; `test_uploads` covers how forms are read."""

import io
import time

import pytest

from serving.server import upload_body
from serving.server.refusals import VideoRefusal
from serving.server.upload_body import FormBody, UploadFile, display_name


@pytest.mark.parametrize(("given", "shown"), [
    ("clip.mp4", "clip.mp4"),
    ("../../etc/passwd", "passwd"),
    ("C:\\videos\\a b.mp4", "a b.mp4"),
    ("/", "upload"),
    ("", "upload"),
    ("a\x00b\x1b[31m\r\nSet-Cookie: x.mp4", "ab[31m Set-Cookie: x.mp4"),
    ("\u202egpj.exe", "gpj.exe"),
    ("  grüße  日本.webm ", "grüße 日本.webm"),
    ("\ud800.mp4", ".mp4"),
])  # fmt: skip
def test_names_are_fit_to_be_shown(given, shown):
    assert display_name(given) == shown


def test_long_names_keep_their_end():
    shown = display_name("x" * 5000 + ".mp4")
    assert len(shown) == upload_body.MAX_NAME and shown.endswith("xxx.mp4") and "…" in shown


LONG = 2 << 20  # bytes; parsers that look at them one by one take seconds
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


@pytest.mark.parametrize("body", [
    b"--b\r\nContent-Disposition: " + b"a" * LONG,
    b"--b\r\n" + b"a" * LONG,
    b"--b\r\n" + b"A: b\r\n" * (LONG // 6),
    b"\r\n" * (LONG // 2),
    FILE + b"\r" * LONG,
    FILE + b"\r\n--" * (LONG // 4),
    FILE + b"\r\n--b--\r\n" + b"\r\n" * (LONG // 2),
    b"--b\r\nContent-Disposition: form-data" + b';"' * 2000 + b"\r\n\r\n",
], ids=range(8))  # fmt: skip
def test_hostile_forms_cost_little(body):
    began = time.process_time()
    try:
        form = FormBody(UploadFile(io.BytesIO(), 1 << 30), b"b")
        for at in range(0, len(body), 1 << 16):
            form.feed(body[at : at + (1 << 16)])
        form.end()
    except VideoRefusal as refusal:
        assert refusal.reason in ("malformed_form", "no_file")
    assert time.process_time() - began < 0.5
