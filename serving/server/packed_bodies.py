"""Request bodies in gzip or deflate (`Content-Encoding`), unpacked in pieces of bounded size."""

import zlib

from serving.server.refusals import Refusal

PIECE = 1 << 18  # bytes that are unpacked at a time: the event loop has other requests
_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Unpacking:
    """Unpacks a body: `feed` it, then take its `piece`s until there is none.

    Args:
        encoding: "gzip", which may be several joined, or "deflate", with the header of zlib or without.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._stream: zlib._Decompress | None = None
        self._waiting = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body; all pieces of those before must have been taken."""
        self._waiting += data

    def piece(self) -> bytes:
        """Return the next bytes, at most `PIECE`; none if more of the body is needed.

        Raises:
            Refusal: 400, the body is damaged.
        """
        while True:
            if self._stream is None:
                if len(self._waiting) < 2:  # which tell a header of zlib
                    return b""
                self._stream = zlib.decompressobj(self._window())
            if not self._waiting and self._stream.eof:
                return b""
            try:
                piece = self._stream.decompress(self._waiting, PIECE)
            except zlib.error as error:
                raise self._refusal("is damaged") from error
            if self._stream.eof:
                self._waiting = self._stream.unused_data
                if self._encoding != "gzip" and self._waiting:
                    raise self._refusal("has bytes behind its end")
                self._stream = None if self._waiting else self._stream
            else:
                self._waiting = self._stream.unconsumed_tail
            if piece or not self._waiting:
                return piece

    def end(self) -> None:
        """Check that the body is whole; an empty one is.

        Raises:
            Refusal: 400, it is not.
        """
        if self._waiting or (self._stream is not None and not self._stream.eof):
            raise self._refusal("ends too soon")

    def _window(self) -> int:
        if self._encoding == "gzip":
            return _GZIP
        first, second = self._waiting[:2]
        return _ZLIB if first & 15 == zlib.DEFLATED and (first << 8 | second) % 31 == 0 else _RAW

    def _refusal(self, problem: str) -> Refusal:
        return Refusal(400, f"The request's body {problem}: its Content-Encoding is {self._encoding}")


def unpacking_of(content_encoding: str) -> Unpacking | None:
    """Choose how a body is unpacked; None if it is as it is.

    Raises:
        Refusal: 415, it is packed in another way.
    """
    encoding = content_encoding.strip().lower().removeprefix("x-")
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "deflate"):
        raise Refusal(415, f"Content-Encoding {content_encoding[:40]!r} is not taken: send gzip, deflate or none")
    return Unpacking(encoding)
