"""Names of uploaded files; `test_uploads` covers how forms are read."""

import pytest

from serving.server import upload_body
from serving.server.upload_body import display_name


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
