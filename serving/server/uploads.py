"""Receive a file into a private folder, bounded while it comes, and leave nothing behind."""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import secrets
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from artifacts.errors import InputError
from serving.server.gate import Gone
from serving.server.refusals import VideoRefusal

PREFIX = "deepfake-serve-"
LONGEST_NAME = 120  # characters
_AT_ONCE = 1 << 20  # bytes that are collected before they are written
_FRAME = 1 << 16  # bytes that multipart may add to the file

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every malformed body


@dataclass(frozen=True)
class Upload:
    """A received file.

    Attributes:
        path: where it lies; the caller deletes it.
        name: what the client calls it: to be shown, and for nothing else.
        size: bytes.
    """

    path: str
    name: str
    size: int

    def delete(self):
        """Delete the file; it may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class UploadFolder:
    """A folder that only this process's user can read. It is emptied with the process, or by the next one after a crash.

    Args:
        root: where to make it; the system's folder for temporary files by default.

    Raises:
        InputError: it cannot be made.
    """

    def __init__(self, root=None):
        try:
            self._make(root or tempfile.gettempdir())
        except OSError as error:
            where = f" in {root or tempfile.tempdir}" if root or tempfile.tempdir else ""
            raise InputError(
                f"no folder for uploads can be made{where} ({error.strerror}). Make room, or set TMPDIR to another folder"
            ) from error

    def _make(self, root):
        remove_abandoned(root)
        while True:
            self.path = tempfile.mkdtemp(prefix=PREFIX, dir=root)  # mode 0700
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if os.path.isdir(self.path):
                return
            os.close(self._lock)  # another process took it for abandoned before it was locked

    def new(self):
        """A path in it that is free, and tells nothing of the client's name for the file."""
        return os.path.join(self.path, secrets.token_hex(8))

    def close(self):
        """Delete it with all that it holds."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_abandoned(root):
    """Delete the folders of processes that ended without doing so: those that nobody holds a lock on."""
    for entry in os.scandir(root):
        if not entry.name.startswith(PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(entry.path, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)


async def receive(request, folder, limits):
    """Receive the file of a request: the field "file" of multipart/form-data, or the whole body, named by ?name=.

    Args:
        request: of Starlette.
        folder: `UploadFolder`.
        limits: `serving.server.server_limits.ServerLimits`.

    Returns:
        `Upload`.

    Raises:
        VideoRefusal: 400 malformed, 408 too slow, 413 too large, 507 no room on the disk.
        Gone: the client hung up.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    most = limits.max_upload
    if _announced(request) > most + (_FRAME if kind == b"multipart/form-data" else 0):
        raise _too_large(most)
    path = folder.new()
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as stream:
            file = _File(stream, most)
            if kind == b"multipart/form-data":
                body = _Form(options.get(b"boundary"), file)
            else:
                body = _Raw(file, request.query_params.get("name", ""))
            await _copy(request, body, file, limits)
        if not file.size:
            raise VideoRefusal(400, "empty_file", "the file is empty")
        return Upload(path, display_name(body.name), file.size)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        if isinstance(error, ClientDisconnect):
            raise Gone from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise VideoRefusal(507, "disk_full", "the server has no room for the file; try again later") from error
        raise


async def _copy(request, body, file, limits):
    """Read the body to its end."""
    chunks = aiter(request.stream())
    total = 0
    try:
        async with asyncio.timeout(limits.video_timeout):
            while True:
                async with asyncio.timeout(limits.idle_timeout):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                total += len(chunk)
                if total > limits.max_upload + _FRAME:
                    raise _too_large(limits.max_upload)
                body.feed(chunk)
                if len(file.waiting) >= _AT_ONCE:
                    await asyncio.to_thread(file.write)
    except TimeoutError as error:
        raise VideoRefusal(408, "too_slow", "the file came too slowly") from error
    body.end()
    await asyncio.to_thread(file.write)


class _File:
    """What is written: counted as it comes, written in large pieces."""

    def __init__(self, stream, most):
        self.stream, self.most, self.size, self.waiting = stream, most, 0, bytearray()

    def add(self, data):
        self.size += len(data)
        if self.size > self.most:
            raise _too_large(self.most)
        self.waiting += data

    def write(self):
        piece = memoryview(bytes(self.waiting))
        self.waiting.clear()
        while piece:
            piece = piece[self.stream.write(piece) :]


class _Raw:
    """The body is the file."""

    def __init__(self, file, name):
        self.feed, self.name = file.add, name

    def end(self):
        """Nothing is left to be checked."""


class _Form:
    """The body is a form with one file and nothing else."""

    def __init__(self, boundary, file):
        self.name, self._file, self._ended, self._parts = "", file, False, 0
        self._header = self._value = b""
        self._disposition = None
        try:
            self._parser = MultipartParser(boundary or b"", {
                "on_part_begin": self._begin, "on_header_field": self._add_field, "on_header_value": self._add_value,
                "on_header_end": self._end_header, "on_headers_finished": self._look, "on_end": self._end,
                "on_part_data": lambda data, start, end: self._file.add(data[start:end]),
            })  # fmt: skip
        except FormParserError as error:
            raise _malformed() from error
        if not boundary:
            raise _malformed("its Content-Type names no boundary")

    def feed(self, chunk):
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed() from error

    def end(self):
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        if not self._parts:
            raise VideoRefusal(400, "no_file", 'the form holds no file: send one as the field "file"')

    def _begin(self):
        self._parts += 1
        self._disposition = None
        if self._parts > 1:
            raise VideoRefusal(
                400, "several_files", "the form holds more than one file: send each by itself, options in the address"
            )

    def _add_field(self, data, start, end):
        self._header += data[start:end]

    def _add_value(self, data, start, end):
        self._value += data[start:end]

    def _end_header(self):
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _look(self):
        _, options = parse_options_header((self._disposition or b"").decode("latin-1"))
        if b"filename" not in options:
            raise VideoRefusal(
                400, "no_file", 'the form holds text where a file is expected: send one as the field "file"'
            )
        if options.get(b"name") != b"file":
            raise VideoRefusal(400, "no_file", 'the form\'s file has another name than "file"')
        self.name = options[b"filename"].decode("utf-8", "replace")

    def _end(self):
        self._ended = True


def display_name(name):
    """What a client calls its file, fit to be shown: no folders, no control characters, no more than `LONGEST_NAME`."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(" " if c.isspace() else c for c in name if c.isspace() or unicodedata.category(c)[0] != "C")
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        name = name[: LONGEST_NAME - 20] + "…" + name[-19:]
    return name or "upload"


def _announced(request):
    """What its Content-Length says; 0 without one."""
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _too_large(most):
    return VideoRefusal(413, "too_large", f"the file is larger than {most / (1 << 20):.3g} MiB")


def _malformed(detail="it is not multipart/form-data as it should be"):
    return VideoRefusal(400, "malformed_form", f"the form cannot be read: {detail}")
