"""Receiving files: whole however they are cut into pieces, bounded, and with nothing left behind."""

import asyncio
import errno
import os
import shutil
import stat
from pathlib import Path

import pytest
from starlette.requests import Request

from serving.server import upload_body, uploads
from serving.server.gate import Gone
from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.upload_folder import UploadFolder
from serving.server.uploads import receive

CONTENT = bytes(range(256)) * 20 + b"\r\n--b\r\n--bound-\r\n\r\n" * 3


@pytest.fixture
def folder(tmp_path):
    folder = UploadFolder(tmp_path)
    yield folder
    folder.close()


def form(*parts, end="--bound--\r\n"):
    """The body of a form; each part is (headers, content)."""
    body = b"".join(b"--bound\r\n" + headers + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts)
    return body + end.encode()


def part(content=CONTENT, name="file", filename="clip.mp4"):
    named = f'; filename="{filename}"' if filename is not None else ""
    return f'Content-Disposition: form-data; name="{name}"{named}\r\nContent-Type: video/mp4'.encode(), content


def request(body, kind="multipart/form-data; boundary=bound", query="", piece=None, length=None, ends="whole"):
    """A request whose body comes in pieces; then it is whole, or the client is "gone" or "silent"."""
    piece = piece or len(body) or 1
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    headers = [(b"content-type", kind.encode())] if kind else []
    headers += [(b"content-length", str(length).encode())] if length is not None else []

    async def come():
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces) or ends != "whole"}
        if ends == "gone":
            return {"type": "http.disconnect"}
        if ends == "silent":
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "headers": headers}
    return Request(scope, come)


def got(folder, *arguments, limits=None, **options):
    """(name, content) of what was received."""
    upload = asyncio.run(receive(request(*arguments, **options), folder, ServerLimits(**limits or {})))
    content = Path(upload.path).read_bytes()
    assert upload.size == len(content) and stat.S_IMODE(os.stat(upload.path).st_mode) == 0o600
    assert Path(upload.path).parent == Path(folder.path) and upload.name not in upload.path
    upload.delete()
    upload.delete()
    return upload.name, content


def refused(folder, *arguments, limits=None, **options):
    """(code, reason) of the refusal; nothing must be left."""
    with pytest.raises(VideoRefusal) as refusal:
        got(folder, *arguments, limits=limits, **options)
    assert os.listdir(folder.path) == []
    assert folder.path not in str(refusal.value)
    return refusal.value.code, refusal.value.reason


# --- the body -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 1000, None])
def test_a_form_gives_its_file_however_it_is_cut(piece, folder):
    assert got(folder, form(part()), piece=piece) == ("clip.mp4", CONTENT)


@pytest.mark.parametrize("kind", [None, "video/mp4", "application/x-www-form-urlencoded", "text/plain; boundary=x"])
def test_any_other_body_is_the_file(kind, folder):
    assert got(folder, CONTENT, kind=kind, query="name=a%20b.mp4", piece=100) == ("a b.mp4", CONTENT)


def test_a_body_without_a_name(folder):
    assert got(folder, b"x", kind=None) == ("upload", b"x")


def test_what_follows_the_form_does_not_count(folder):
    assert got(folder, form(part(), end="--bound--\r\nepilogue")) == ("clip.mp4", CONTENT)


def test_large_files_are_written_piece_by_piece(folder, monkeypatch):
    sizes, write = [], upload_body.UploadFile.write

    def watched(file):
        sizes.append(len(file.waiting))
        write(file)

    monkeypatch.setattr(upload_body.UploadFile, "write", watched)
    content = os.urandom(5 << 20)
    assert got(folder, content, kind=None, piece=65536) == ("upload", content)
    assert len(sizes) >= 5 and max(sizes) <= uploads._WRITE_AT + 65536


@pytest.mark.parametrize(("body", "reason"), [
    (form(), "no_file"),
    (form(part(name="other")), "no_file"),
    (form(part(filename=None)), "no_file"),
    (form((b"Content-Type: video/mp4", b"x")), "no_file"),
    (form(part(), part()), "several_files"),
    (form(part(), part(name="frames", filename=None)), "several_files"),
    (form(part(), end=""), "malformed_form"),
    (form(part(), end="--bound"), "malformed_form"),
    (b"no form", "malformed_form"),
    (b"", "malformed_form"),
    (b"--bound\r\nno header\r\n\r\n", "malformed_form"),
    (b"--bound\r\n" + b"A: b\r\n" * 100, "malformed_form"),
    (b"--bound\r\nA: " + b"b" * 100000, "malformed_form"),
    (form(part(b"")), "empty_file"),
])  # fmt: skip
@pytest.mark.parametrize("piece", [5, None])
def test_malformed_forms_are_refused(body, reason, piece, folder):
    assert refused(folder, body, piece=piece) == (400, reason)


@pytest.mark.parametrize("kind", [
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 1000,
    "multipart/form-data; boundary=other", "multipart/form-data; boundary=\"bo\"und",
])  # fmt: skip
def test_malformed_boundaries_are_refused(kind, folder):
    assert refused(folder, form(part()), kind=kind) == (400, "malformed_form")


def test_an_empty_body(folder):
    assert refused(folder, b"", kind=None) == (400, "empty_file")


# --- the bounds ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrap", [lambda content: (form(part(content)),), lambda content: (content, None)])
def test_the_size_is_bounded_while_the_bytes_come(wrap, folder):
    limits = {"max_upload": 10000}
    assert got(folder, *wrap(b"x" * 10000), limits=limits, piece=999)[1] == b"x" * 10000
    assert refused(folder, *wrap(b"x" * 10001), limits=limits, piece=999) == (413, "too_large")


def test_what_does_not_end_is_not_read_to_its_end(folder):
    came = []

    async def come():
        came.append(1)
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    endless = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}, come)
    with pytest.raises(VideoRefusal, match="larger than"):
        asyncio.run(receive(endless, folder, ServerLimits(max_upload=10000)))
    assert len(came) == 11 and os.listdir(folder.path) == []


def test_an_announced_size_is_refused_before_anything_is_read(folder):
    async def come():
        raise AssertionError("it was read")

    headers = [(b"content-length", b"10001")]
    large = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}, come)
    with pytest.raises(VideoRefusal, match="larger than"):
        asyncio.run(receive(large, folder, ServerLimits(max_upload=10000)))


def test_multipart_may_not_hide_bytes_beside_the_file(folder):
    body = form(part(b"x")) + b"y" * 200000
    assert refused(folder, body, limits={"max_upload": 10000}, piece=1000) == (413, "too_large")


def test_a_client_that_falls_silent_is_given_up(folder):
    assert refused(folder, b"x", kind=None, ends="silent", limits={"idle_timeout": 0.05}) == (408, "too_slow")
    limits = {"video_timeout": 0.05}
    assert refused(folder, b"x", kind=None, ends="silent", limits=limits) == (408, "too_slow")


@pytest.mark.parametrize("body", [(CONTENT, None), (form(part())[:500],)])
def test_a_client_that_leaves_leaves_nothing(body, folder):
    with pytest.raises(Gone):
        got(folder, *body, ends="gone", piece=100)
    assert os.listdir(folder.path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_reported_and_nothing_is_left(number, folder, monkeypatch):
    def full(file):
        file._stream.write(b"a part")
        raise OSError(number, os.strerror(number), "a path")

    monkeypatch.setattr(upload_body.UploadFile, "write", full)
    assert refused(folder, CONTENT, kind=None) == (507, "disk_full")


def test_other_errors_are_raised(folder, monkeypatch):
    def broken(file):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(upload_body.UploadFile, "write", broken)
    with pytest.raises(OSError, match="broken"):
        got(folder, CONTENT, kind=None)
    assert os.listdir(folder.path) == []


def test_the_name_of_a_form_is_utf8(folder):
    headers = 'Content-Disposition: form-data; name="file"; filename="grüße.mp4"'.encode()
    assert got(folder, form((headers, b"x")))[0] == "grüße.mp4"


def test_no_folder_for_uploads_is_503(tmp_path):
    (tmp_path / "root").mkdir()
    folder = UploadFolder(tmp_path / "root")
    shutil.rmtree(tmp_path / "root")
    with pytest.raises(VideoRefusal) as refusal:
        got(folder, CONTENT, kind=None)
    assert (refusal.value.code, refusal.value.reason) == (503, "no_folder") and refusal.value.retry_after
    assert str(tmp_path) not in str(refusal.value)
    folder.close()


def test_it_is_told_of_all_that_comes(folder):
    came = []
    upload = asyncio.run(receive(request(CONTENT, None, piece=100), folder, ServerLimits(), came.append))
    assert sum(came) == upload.size == len(CONTENT) and len(came) > 10
    upload.delete()
