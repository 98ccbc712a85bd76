"""What the server refuses, as an answer that the client can act on."""

import orjson
from starlette.responses import Response

# The keys of what is refused before anything is known of the file.
REASONS = {
    400: "bad_request", 401: "no_token", 403: "cross_site", 404: "not_found", 405: "not_allowed", 408: "too_slow", 413: "too_large", 429: "busy",
    500: "internal", 503: "not_ready", 504: "too_slow",
}  # fmt: skip


class Refusal(Exception):
    """A request cannot be answered.

    Args:
        code: HTTP's status code.
        message: what is wrong and what would be right, for the client; never a path or an internal.
        retry_after: seconds after which it may work, or None.
    """

    def __init__(self, code, message, retry_after=None):
        super().__init__(message)
        self.code, self.message, self.retry_after = code, message, retry_after

    def as_dict(self):
        """As TensorFlow Serving says it."""
        return {"error": self.message}

    def response(self):
        """It as an answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, round(self.retry_after)))}
        return json_response(self.as_dict(), self.code, headers)


class VideoRefusal(Refusal):
    """A problem with `/v1/videos`, which carries a short key beside the sentence.

    Args:
        code: HTTP's status code.
        reason: the key.
        message, retry_after: see `Refusal`.
    """

    def __init__(self, code, reason, message, retry_after=None):
        super().__init__(code, message, retry_after)
        self.reason = reason

    @classmethod
    def of(cls, problem):
        """The same problem, with a key."""
        if isinstance(problem, cls):
            return problem
        return cls(problem.code, REASONS.get(problem.code, "refused"), problem.message, problem.retry_after)

    def as_dict(self):
        """The sentence and the key."""
        return {"error": self.message, "reason": self.reason}


def json_response(content, code=200, headers=None):
    """An answer in JSON; numpy arrays are lists. What is no number becomes null, so check it before."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), code, headers, media_type="application/json"
    )
