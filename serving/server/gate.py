"""What every request passes: the token, the limits of its body and its time, and headers that every answer has."""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.server.allowed_hosts import AllowedHosts
from serving.server.packed_bodies import Unpacking, unpacking_of
from serving.server.refusals import Refusal, VideoRefusal
from serving.server.server_limits import MIB, ServerLimits

log = logging.getLogger(__name__)

PROTECTED = ("/v1", "/metrics")  # paths that need the token, if there is one
METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")  # that metrics name
LINGER = 5.0  # seconds for which the body of a refused request is read on, so that the client gets to see why
HANGUP = 499  # the status in metrics of requests whose client hung up
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


async def read_body(request: Request) -> bytes:
    """The whole body of a request; the gate limits its size.

    Raises:
        Refusal: 413, it is too large; 503, all requests together send too much.
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

    Starlette's `RequestBodyLimitMiddleware` would not do for the bodies: it has one limit for all paths, none for all
    requests together, and it closes the connection before the client has seen the refusal.

    Args:
        app: what it guards.
        limits: of the server.
        token: that clients must send, or None.
        hosts: by which names it may be asked, and by whose pages.
        request_done: called with (route, method, status, seconds) after each request.
        answered: called with (scope, headers, status, bytes of the answer's body) after each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: ServerLimits,
        token: str | None,
        request_done: Callable[[str, str, int, float], None],
        hosts: AllowedHosts | None = None,
        answered: Callable[[Scope, Headers, int, int], None] = lambda *request: None,
    ) -> None:
        self.app, self.limits, self.request_done, self.answered = app, limits, request_done, answered
        self.hosts = hosts or AllowedHosts()
        self._token = token.encode() if token is not None else None
        self.held = 0  # bytes of the bodies of all requests in progress, without uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run()

    def authorized(self, path: str, authorization: str) -> bool:
        """Whether a request may pass: its token is right, or it needs none."""
        if self._token is None or not path.startswith(PROTECTED):
            return True
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("latin-1"), self._token)


class _Exchange:
    """One request and its answer.

    Attributes:
        size: bytes of the body that came.
        unpacked: bytes that they became, if the body is packed.
        complete: the whole request came.
        code: status of the answer, once it has begun.
        sent: bytes of the answer's body.
    """

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self.gate, self.scope, self._receive, self._send = gate, scope, receive, send
        self.headers = Headers(scope=scope)
        limits = gate.limits
        self.is_upload = scope["path"].startswith("/v1/videos")
        if self.is_upload:
            self.max_body, self.seconds = limits.max_upload + MIB, limits.video_timeout  # a form adds some bytes
        else:
            self.max_body, self.seconds = limits.max_body, limits.request_timeout
        self.size = self.unpacked = self.sent = 0
        self._unpacking: Unpacking | None = None
        self._came = False  # all of a packed body
        self.complete = self.headers.get("content-length", "0") == "0" and "transfer-encoding" not in self.headers
        self.code: int | None = None
        self.timeout: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Answer the request, and report it."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.seconds) as self.timeout:
                await self._answer()
        except TimeoutError:
            self.timeout = None
            if self.code is None:
                await self._refuse(self._too_slow())
        except Gone:
            self.code = self.code or HANGUP
        except asyncio.CancelledError:  # the server stops, and its patience is over
            self.timeout = None
            if self.code is None:
                await self._refuse(Refusal(503, "The server has stopped", retry_after=5), linger=False)
        finally:
            if not self.is_upload:  # uploads go to the disk
                self.gate.held -= self.size + self.unpacked
        route = getattr(self.scope.get("route"), "path", "other")
        method = self.scope["method"] if self.scope["method"] in METHODS else "other"
        self.gate.request_done(route, method, self.code or HANGUP, time.monotonic() - began)
        self.gate.answered(self.scope, self.headers, self.code or HANGUP, self.sent)

    async def _answer(self) -> None:
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
                await self._refuse(
                    Refusal(500, f"Internal error {number}; the server's log has more under that number")
                )

    def _check(self) -> None:
        arrived_at = (self.scope.get("server") or ("",))[0]
        host, origin = self.headers.get("host"), self.headers.get("origin")
        self.gate.hosts.check(self.scope["path"], host, origin, arrived_at)
        if not self.gate.authorized(self.scope["path"], self.headers.get("authorization", "")):
            raise Refusal(401, "The token is missing or wrong: send 'Authorization: Bearer <token>'")
        site = self.headers.get("sec-fetch-site", "").strip().lower()  # set by browsers; pages cannot change it
        # "same-site" is refused, too: it includes the pages of other ports of this machine.
        if site in ("cross-site", "same-site") and self.scope["method"] in ("POST", "DELETE"):
            raise Refusal(403, "A page of another site may not do this: use the server's own page, or a program")
        length = self.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self.max_body:
            raise self._too_large()
        self._unpacking = unpacking_of(self.headers.get("content-encoding", ""))

    async def receive(self) -> Message:
        """The next message of the request, unpacked.

        Raises:
            Refusal: 400, the body is packed and damaged; 413 or 503, it is beyond a limit.
        """
        while self._unpacking is not None:
            piece = self._unpacking.piece()
            if piece:
                if self.unpacked + len(piece) > self.max_body:
                    raise Refusal(413, f"The request's body unpacks to more than {self.max_body:_} bytes")
                self.unpacked += len(piece)
                self._hold(len(piece))
                await asyncio.sleep(0)  # a small body may become a large one: others get their turn
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._came:
                self._unpacking.end()
                self._unpacking = None
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._packed()
            if message["type"] != "http.request":
                return message
            self._unpacking.feed(message.get("body", b""))
            self._came = not message.get("more_body", False)
        return await self._packed()

    async def _packed(self) -> Message:
        """The next message of the request, as it came."""
        message = await self._receive()
        if message["type"] == "http.request":
            count = len(message.get("body", b""))
            self.size += count
            self.complete = not message.get("more_body", False)
            self._hold(count)
            if self.size > self.max_body:
                raise self._too_large()
        else:
            self.complete = True
        return message

    def _hold(self, count: int) -> None:
        """Count bytes that stay in memory until the answer."""
        if not self.is_upload:
            self.gate.held += count
        if self.gate.held > self.gate.limits.bodies:
            raise Refusal(503, "Too much is being sent at the same time. Try again later", retry_after=5)

    async def send(self, message: Message) -> None:
        """Send a part of the answer; once it has begun, it may take the request's time again."""
        if message["type"] == "http.response.start":
            self.code = message["status"]
            if self.timeout is not None:
                self.timeout.reschedule(asyncio.get_running_loop().time() + self.seconds)
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)  # a page has a policy of its own
            if not self.complete:  # the client must not go on sending for ever
                headers.setdefault("Connection", "close")
        await self._send(message)
        self.sent += len(message.get("body", b""))

    async def _refuse(self, refusal: Refusal | HTTPException, linger: bool = True) -> None:
        if linger and not self.complete and self.headers.get("expect", "").lower() != "100-continue":
            await self._drain()
        response = refusal_response(refusal, self.scope["method"], with_reason=self.is_upload)
        await response(self.scope, self._receive, self.send)

    async def _drain(self) -> None:
        """Read on for a while: closing a connection with unread bytes would discard the answer, too."""
        left = 2 * self.max_body
        try:
            async with asyncio.timeout(LINGER):
                while left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
        except TimeoutError:
            pass

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The request is larger than {self.max_body:_} bytes")

    def _too_slow(self) -> Refusal:
        if self.complete:
            return Refusal(504, f"The answer took more than {self.seconds:g} s", retry_after=5)
        return Refusal(408, f"The request was not sent within {self.seconds:g} s")


def refusal_response(refusal: Refusal | HTTPException, method: str, with_reason: bool = False) -> Response:
    """The answer to a request that is refused.

    Args:
        refusal: a `Refusal`, or what Starlette raises for unknown paths (404) and methods (405).
        method: of the request.
        with_reason: with a key, as `/v1/videos` has it.
    """
    headers: dict[str, str] = {}
    if isinstance(refusal, HTTPException):
        headers = dict(refusal.headers or {})
        if refusal.status_code == 405 and method == "OPTIONS":
            return Response(None, 204, headers)
        sentences = {404: "There is nothing here", 405: f"{method} is not possible here"}
        refusal = Refusal(refusal.status_code, sentences.get(refusal.status_code, refusal.detail))
    elif refusal.code == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    response = (VideoRefusal.of(refusal) if with_reason else refusal).response()
    response.headers.update(headers)
    return response
