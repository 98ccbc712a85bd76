"""Bodies of uploads as they come: a form with one file, or the file itself."""

import logging
import unicodedata
from typing import BinaryIO, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serving.server.refusals import VideoRefusal

MAX_NAME = 120  # characters

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns about every malformed body


class UploadFile:
    """The file that is being received: counted as it comes, written in large pieces.

    Args:
        stream: unbuffered.
        max_size: bytes.

    Attributes:
        size: bytes so far.
        waiting: bytes that are not written yet.
    """

    def __init__(self, stream: BinaryIO, max_size: int) -> None:
        self._stream, self._max_size = stream, max_size
        self.size, self.waiting = 0, bytearray()

    def add(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            VideoRefusal: 413, the file is too large.
        """
        self.size += len(data)
        if self.size > self._max_size:
            raise too_large(self._max_size)
        self.waiting += data

    def write(self) -> None:
        """Write what waits."""
        piece = memoryview(bytes(self.waiting))
        self.waiting.clear()
        while piece:
            piece = piece[self._stream.write(piece) :]


class UploadBody(Protocol):
    """The body of an upload, which it splits into the file and the rest.

    Attributes:
        name: the client's name for the file.
    """

    name: str

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def end(self) -> None:
        """Check that the body is whole."""


class RawBody:
    """A body that is the file."""

    def __init__(self, file: UploadFile, name: str) -> None:
        self._file, self.name = file, name

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._file.add(chunk)

    def end(self) -> None:
        """A raw body is whole wherever it ends."""


class FormBody:
    """A multipart/form-data body with one file, the field "file", and nothing else.

    It uses python-multipart's parser and not its `FormParser`, which buffers the file by itself and tells about a part
    only when it has ended.

    Raises:
        VideoRefusal: 400, here and in all methods: the form is malformed, or holds something else.
    """

    def __init__(self, file: UploadFile, boundary: bytes | None) -> None:
        self.name = ""
        self._file, self._parts, self._ended = file, 0, False
        self._header, self._value, self._disposition = b"", b"", b""
        if not boundary:
            raise _malformed("its Content-Type names no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._add_to_header,
                    "on_header_value": self._add_to_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._check_part,
                    "on_part_data": lambda data, start, end: self._file.add(data[start:end]),
                    "on_end": self._end_form,
                },
            )
        except FormParserError as error:
            raise _malformed() from error

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed() from error

    def end(self) -> None:
        """Check that the form is whole."""
        if not self._ended:
            raise _malformed("it ends before its last boundary")
        if not self._parts:
            raise _no_file("the form holds no file")

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            message = (
                "the form holds more than one part: send each file in a request of its own, and options in the URL"
            )
            raise VideoRefusal(400, "several_files", message)

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _check_part(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        if b"filename" not in options:
            raise _no_file("the form holds text where a file is expected")
        if options.get(b"name") != b"file":
            raise _no_file("the form's file is in another field")
        self.name = options[b"filename"].decode("utf-8", "replace")

    def _end_form(self) -> None:
        self._ended = True


def display_name(name: str) -> str:
    """A client's name for its file, fit to be shown: no folders, no control characters, at most `MAX_NAME` long."""
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(" " if c.isspace() else c for c in name if c.isspace() or unicodedata.category(c)[0] != "C")
    name = " ".join(name.split())
    if len(name) > MAX_NAME:
        name = name[: MAX_NAME - 20] + "…" + name[-19:]
    return name or "upload"


def too_large(max_size: int) -> VideoRefusal:
    """The refusal of a file of more bytes."""
    return VideoRefusal(413, "too_large", f"the file is larger than {max_size / (1 << 20):.3g} MiB")


def _no_file(problem: str) -> VideoRefusal:
    return VideoRefusal(400, "no_file", f'{problem}: send one file as the field "file"')


def _malformed(problem: str = "it is not valid multipart/form-data") -> VideoRefusal:
    return VideoRefusal(400, "malformed_form", f"the form cannot be read: {problem}")
