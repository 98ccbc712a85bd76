"""Receive a file into a private folder; its size and its time are bounded while it comes."""

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from serving.server.gate import Gone
from serving.server.refusals import VideoRefusal
from serving.server.server_limits import ServerLimits
from serving.server.upload_body import FormBody, RawBody, UploadBody, UploadFile, display_name, too_large
from serving.server.upload_folder import UploadFolder

log = logging.getLogger(__name__)

_WRITE_AT = 1 << 20  # bytes that are collected before they are written
_FORM_OVERHEAD = 1 << 16  # bytes that multipart may add to the file
_FORM = b"multipart/form-data"


@dataclass(frozen=True)
class Upload:
    """A received file.

    Attributes:
        path: where it is; whoever receives it deletes it.
        name: the client's name for it; to be shown, and for nothing else.
        size: bytes.
    """

    path: str
    name: str
    size: int

    def delete(self) -> None:
        """Delete the file; it may be gone already."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def _ignore(count: int) -> None:
    """Tell nobody how many bytes came."""


async def receive(
    request: Request, folder: UploadFolder, limits: ServerLimits, came: Callable[[int], None] = _ignore
) -> Upload:
    """Receive the file of a request: the field "file" of multipart/form-data, or the whole body, named by ?name=.

    Args:
        request: its body must be unread.
        folder: where the file goes.
        limits: its size, and the time that it may take.
        came: called with the number of bytes of each piece that comes.

    Raises:
        VideoRefusal: 400 malformed, 408 too slow, 413 too large, 503 no folder, 507 no space on the disk. No file is
            left then.
        Gone: the client hung up.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    is_form = kind == _FORM
    if _announced_size(request) > limits.max_upload + (_FORM_OVERHEAD if is_form else 0):
        raise too_large(limits.max_upload)
    try:
        path = folder.new()
    except OSError as error:
        log.error("no folder for uploads can be made: %s", error)
        message = "the server has no folder for uploads at the moment; try again later"
        raise VideoRefusal(503, "no_folder", message, retry_after=30) from error
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as stream:
            file = UploadFile(stream, limits.max_upload)
            body: UploadBody
            if is_form:
                body = FormBody(file, options.get(b"boundary"))
            else:
                body = RawBody(file, request.query_params.get("name", ""))
            await _read(request, body, file, limits, came)
        if not file.size:
            raise VideoRefusal(400, "empty_file", "the file is empty")
        return Upload(path, display_name(body.name), file.size)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        if isinstance(error, ClientDisconnect):
            raise Gone from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            message = "the server has no space for the file; try again later"
            raise VideoRefusal(507, "disk_full", message) from error
        raise


async def _read(
    request: Request, body: UploadBody, file: UploadFile, limits: ServerLimits, came: Callable[[int], None]
) -> None:
    """Read the body to its end, and write the file in a thread."""
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
                came(len(chunk))
                if total > limits.max_upload + _FORM_OVERHEAD:
                    raise too_large(limits.max_upload)
                body.feed(chunk)
                if len(file.waiting) >= _WRITE_AT:
                    await asyncio.to_thread(file.write)
    except TimeoutError as error:
        raise VideoRefusal(408, "too_slow", "the file was sent too slowly") from error
    body.end()
    await asyncio.to_thread(file.write)


def _announced_size(request: Request) -> int:
    """The Content-Length; 0 without one."""
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0
