"""The access log: a line for each request in the Combined Log Format, as Apache and nginx write it."""

import datetime
import logging
import logging.handlers
import sys
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import Scope

from artifacts.errors import InputError

STANDARD_OUTPUT = "-"
LONGEST = 2000  # bytes of a path or of a header that are logged
SHOWN_OF_ID = 6  # characters of a job's id: the whole of it would open the verdict to everyone who reads the log
_JOBS = b"/v1/videos/"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any language


class AccessLog:
    """Writes a line for each request that was answered.

    What a client sends is escaped as Apache does: no line breaks, no control characters, no quotes of its own.

    Args:
        path: of the file that lines are added to, "-" for standard output, None for standard error. A file that is
            moved away, as log rotation does, is opened anew.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: str | None = None) -> None:
        self._log = logging.Logger("access", logging.INFO)  # a logger of its own: nothing else writes there
        self._log.addHandler(_handler(path))

    def add(self, scope: Scope, headers: Headers, code: int, size: int) -> None:
        """Log a request.

        Args:
            scope: of the request.
            headers: of the request.
            code: status of the answer.
            size: bytes of the answer's body.
        """
        self._log.info("%s", line_of(scope, headers, code, size, datetime.datetime.now(datetime.UTC)))


def line_of(scope: Scope, headers: Mapping[str, str], code: int, size: int, when: datetime.datetime) -> str:
    """One line in the Combined Log Format; for the arguments see `AccessLog.add`, `when` is in UTC."""
    client = (scope.get("client") or ("-",))[0]
    time = f"{when.day:02}/{_MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S} +0000"
    version = scope.get("http_version", "1.1")
    request = f"{_escaped(scope['method'].encode())} {_target(scope)} HTTP/{version}"
    referer, agent = (_escaped(headers.get(name, "").encode("latin-1")) or "-" for name in ("referer", "user-agent"))
    size = 0 if scope["method"] == "HEAD" else size
    return f'{client} - - [{time}] "{request}" {code} {size or "-"} "{referer}" "{agent}"'


def _target(scope: Scope) -> str:
    """The path and query of a request, without the rest of a job's id."""
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    if path.startswith(_JOBS):
        name, slash, rest = path.removeprefix(_JOBS).partition(b"/")
        shown = name[:SHOWN_OF_ID] + (b"..." if len(name) > SHOWN_OF_ID else b"")
        path = _JOBS + shown + slash + rest
    query: bytes = scope.get("query_string", b"")
    return _escaped(path + (b"?" + query if query else b""))


def _escaped(text: bytes) -> str:
    r"""Printable ASCII as it is, but `\"` and `\\`; any other byte as `\xNN`."""
    shown = []
    for byte in text[:LONGEST]:
        character = chr(byte)
        if character in '"\\':
            shown.append(f"\\{character}")
        else:
            shown.append(character if " " <= character <= "~" else f"\\x{byte:02x}")
    return "".join(shown)


def _handler(path: str | None) -> logging.Handler:
    if path is None or path == STANDARD_OUTPUT:
        return _Stream(sys.stdout if path else sys.stderr)
    try:
        return _File(path, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"--access_log {path}: cannot be written ({error.strerror}). Name a file in a folder that exists, or - for "
            "standard output"
        ) from error


class _Quiet(logging.Handler):
    """A log that cannot be written costs its lines, not the answers, and no pages of traceback on standard error."""

    def handleError(self, record: logging.LogRecord) -> None:  # the library's name
        """Pass over a line that could not be written."""


class _Stream(_Quiet, logging.StreamHandler):  # type: ignore[type-arg]
    """Lines on a stream."""


class _File(_Quiet, logging.handlers.WatchedFileHandler):
    """Lines at the end of a file."""
