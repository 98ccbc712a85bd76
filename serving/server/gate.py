"""What every request passes: the token, the bounds of its body and its time, and what no answer may leak."""

import asyncio
import hmac
import logging
import secrets
import time

from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving.server.refusals import Refusal, VideoRefusal
from serving.server.server_limits import MIB

log = logging.getLogger(__name__)

PROTECTED = ("/v1", "/metrics")  # what asks for the token, where there is one
LINGER = 5.0  # seconds for which a body that is refused is read on, so that the client gets to see why
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Gone(Exception):
    """The client hung up: nobody waits for an answer."""


def bounds(path, limits):
    """(bytes, seconds) that a request to a path may take."""
    if path.startswith("/v1/videos"):
        return limits.max_upload + MIB, limits.video_timeout  # what multipart wraps around the file
    return limits.max_body, limits.request_timeout


async def read_body(request):
    """The whole body; memory is bounded by the gate.

    Raises:
        Refusal: 413, too large; 503, too much is being sent at a time.
        Gone: the client hung up.
    """
    chunks = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


class Gate:
    """ASGI middleware around all routes.

    Headers that an answer has already, a page's own policy for one, are left as they are.
    """

    def __init__(self, app, state):
        self.app, self.state = app, state
        self.limits = state.options.limits
        self.token = state.options.token and state.options.token.encode()
        self.held = 0  # bytes of the bodies of all requests that are under way, but for uploads

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()

    def authorized(self, scope):
        """Whether a request may go on: the token is right, or none is needed."""
        if self.token is None or not scope["path"].startswith(PROTECTED):
            return True
        scheme, _, given = _header(scope, b"authorization").partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self.token)


class _Exchange:
    """One request and its answer."""

    def __init__(self, gate, scope, receive, send):
        self.gate, self.scope, self._receive, self._send = gate, scope, receive, send
        self.max_body, self.seconds = bounds(scope["path"], gate.limits)
        self.counts = not scope["path"].startswith("/v1/videos")  # an upload goes to disk
        self.size, self.code = 0, None
        self.complete = _header(scope, b"content-length") in (b"", b"0") and not _header(scope, b"transfer-encoding")
        self.timeout = None

    async def run(self):
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.seconds) as self.timeout:
                await self._answer()
        except TimeoutError:
            self.timeout = None
            if self.code is None:
                await self._refuse(self._too_slow())
        except Gone:
            self.code = self.code or 499
        finally:
            if self.counts:
                self.gate.held -= self.size
        route = getattr(self.scope.get("route"), "path", "other")
        method = (
            self.scope["method"] if self.scope["method"] in ("GET", "HEAD", "POST", "DELETE", "OPTIONS") else "other"
        )
        self.gate.state.metrics.request_done(route, method, self.code or 499, time.monotonic() - began)

    async def _answer(self):
        try:
            self._check()
            await self.gate.app(self.scope, self.receive, self.send)
        except (Refusal, HTTPException) as refusal:
            if self.code is not None:
                raise
            await self._refuse(refusal)
        except (Gone, TimeoutError):
            raise
        except Exception:
            number = secrets.token_hex(4)
            log.exception("request %s: %s %s failed", number, self.scope["method"], self.scope["path"][:200])
            if self.code is None:
                await self._refuse(Refusal(500, f"Internal error {number}; the server's log has it under that number"))

    def _check(self):
        if not self.gate.authorized(self.scope):
            raise Refusal(401, "The token is missing or wrong: send 'Authorization: Bearer <token>'")
        site = _header(self.scope, b"sec-fetch-site").strip().lower()  # browsers say it, and no page can change it
        # Another port of this machine is the same site, too.
        if site in (b"cross-site", b"same-site") and self.scope["method"] in ("POST", "DELETE"):
            raise Refusal(403, "A page of another site may not do this: use the server's own page, or a program")
        length = _header(self.scope, b"content-length")
        if length.isdigit() and int(length) > self.max_body:
            raise self._too_large()

    async def receive(self):
        """The next message of the request; a body beyond the bounds is a `Refusal`."""
        message = await self._receive()
        if message["type"] == "http.request":
            count = len(message.get("body", b""))
            self.size += count
            self.gate.held += count if self.counts else 0
            self.complete = not message.get("more_body", False)
            if self.size > self.max_body:
                raise self._too_large()
            if self.gate.held > self.gate.limits.bodies:
                raise Refusal(503, "Too much is being sent at a time. Try again later", retry_after=5)
        else:
            self.complete = True
        return message

    async def send(self, message):
        """Send a part of the answer; once it has begun, it has as much time again."""
        if message["type"] == "http.response.start":
            self.code = message["status"]
            if self.timeout is not None:
                self.timeout.reschedule(asyncio.get_running_loop().time() + self.seconds)
            there = {name.lower() for name, _ in message["headers"]}
            more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            if not self.complete:  # whoever sends on without end shall not go on doing so
                more.append((b"connection", b"close"))
            message = message | {"headers": [*message["headers"], *(pair for pair in more if pair[0] not in there)]}
        await self._send(message)

    async def _refuse(self, problem):
        if not self.complete and _header(self.scope, b"expect").lower() != b"100-continue":
            await self._drain()
        response = refusal(problem, self.scope["method"], keyed=not self.counts)
        await response(self.scope, self._receive, self.send)

    async def _drain(self):
        """Read on for a while: a connection that is closed with unread bytes loses the answer, too."""
        rest = 2 * self.max_body
        try:
            async with asyncio.timeout(LINGER):
                while rest > 0:
                    message = await self._receive()
                    rest -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            pass

    def _too_large(self):
        return Refusal(413, f"The request is larger than {self.max_body:_} bytes")

    def _too_slow(self):
        if self.complete:
            return Refusal(504, f"The answer took more than {self.seconds:g} s", retry_after=5)
        return Refusal(408, f"The request was not sent within {self.seconds:g} s")


def refusal(problem, method, keyed=False):
    """The answer for a `Refusal` or for what Starlette refuses, 404 and 405; with a key as `/v1/videos` has it, or without."""
    if isinstance(problem, HTTPException):
        headers = dict(problem.headers or {})
        if problem.status_code == 405 and method == "OPTIONS":
            return Response(None, 204, headers)
        words = {404: "There is nothing here", 405: f"{method} is not possible here"}
        problem = Refusal(problem.status_code, words.get(problem.status_code, problem.detail))
        response = (VideoRefusal.of(problem) if keyed else problem).response()
        response.headers.update(headers)
        return response
    response = (VideoRefusal.of(problem) if keyed else problem).response()
    if problem.code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _header(scope, name):
    return next((value for key, value in scope["headers"] if key == name), b"")
