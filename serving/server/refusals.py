"""Requests that the server refuses, as answers on which a client can act."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

# HTTP status -> key of refusals that the gate made, before anything was known about the file.
REASONS = {
    400: "bad_request",
    401: "no_token",
    403: "cross_site",
    404: "not_found",
    405: "not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unknown_encoding",
    421: "wrong_host",
    429: "busy",
    500: "internal",
    503: "not_ready",
    504: "too_slow",
}


class Refusal(Exception):
    """A request cannot be answered.

    Args:
        code: HTTP status.
        message: for the client: what is wrong and what would be right; never a path or an internal name.
        retry_after: seconds after which the request may succeed, or None.
    """

    def __init__(self, code: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.retry_after = code, message, retry_after

    def as_dict(self) -> dict[str, str]:
        """The answer's JSON, as TensorFlow Serving has it."""
        return {"error": self.message}

    def response(self) -> Response:
        """The answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, round(self.retry_after)))}
        return json_response(self.as_dict(), self.code, headers)


class VideoRefusal(Refusal):
    """A refusal of `/v1/videos`, which carries a short key beside the sentence.

    Args:
        code: HTTP status.
        reason: the key.
        message: see `Refusal`.
        retry_after: see `Refusal`.
    """

    def __init__(self, code: int, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(code, message, retry_after)
        self.reason = reason

    @classmethod
    def of(cls, refusal: Refusal) -> "VideoRefusal":
        """The same refusal, with a key."""
        if isinstance(refusal, cls):
            return refusal
        reason = REASONS.get(refusal.code, "refused")
        return cls(refusal.code, reason, refusal.message, refusal.retry_after)

    def as_dict(self) -> dict[str, str]:
        """The answer's JSON."""
        return {"error": self.message, "reason": self.reason}


def json_response(content: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON.

    Args:
        content: what orjson can write; numpy arrays become lists, and NaN and infinity become null: check before.
        code: HTTP status.
        headers: of the answer.
    """
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, code, headers, media_type="application/json")
