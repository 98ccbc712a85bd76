"""What the server refuses, as an answer that the client can act on."""

import orjson
from starlette.responses import Response


class Problem(Exception):
    """A request cannot be answered.

    Args:
        code: HTTP's status code.
        message: what is wrong and what would be right, for the client; never a path or an internal.
        retry_after: seconds after which it may work, or None.
    """

    def __init__(self, code, message, retry_after=None):
        super().__init__(message)
        self.code, self.message, self.retry_after = code, message, retry_after

    def response(self):
        """It as TensorFlow Serving's {"error": message}."""
        headers = {} if self.retry_after is None else {"Retry-After": str(max(1, round(self.retry_after)))}
        return json_response({"error": self.message}, self.code, headers)


def json_response(content, code=200, headers=None):
    """An answer in JSON; numpy arrays are lists. What is no number becomes null, so check it before."""
    return Response(
        orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), code, headers, media_type="application/json"
    )
