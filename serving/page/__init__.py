"""The web page: a few files from this folder, each in memory, none with a word from elsewhere."""

import gzip
import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.routing import Route

from serving.verdict.view import report

# Only files of this server run, are shown or are spoken to. Pictures and videos that the page itself holds are blobs.
POLICY = "; ".join(
    (
        *(
            "default-src 'self'",
            "img-src 'self' blob: data:",
            "media-src blob:",
            "object-src 'none'",
            "base-uri 'none'",
        ),
        *("frame-ancestors 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"),
    )
)
_HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY, "Vary": "Accept-Encoding"}
_HERE = Path(__file__).parent


def routes(state):
    """The routes of this part: "/" and what it asks for, and nothing else of the disk."""
    del state
    return [Route(path, _File(text, kind), methods=["GET"]) for path, (text, kind) in files().items()]


def files():
    """Path -> (text, media type) of all that the page is made of."""
    return {
        "/": (_read("index.html"), "text/html"),
        "/page/page.css": (_read("page.css"), "text/css"),
        "/page/server.js": (_read("server.js"), "text/javascript"),
        "/page/page.js": (_read("page.js"), "text/javascript"),
        "/page/verdict.css": (report.style(), "text/css"),
        "/page/verdict.js": (report.script(), "text/javascript"),
        "/page/icon.svg": (_read("icon.svg"), "image/svg+xml"),
    }


def _read(name):
    return (_HERE / name).read_text(encoding="utf-8")


class _File:
    """Answers with a text, compressed where the client takes that, and not at all where it has it already."""

    def __init__(self, text, kind):
        self.kind, self.plain = kind, text.encode()
        self.small = gzip.compress(self.plain, mtime=0)
        self.tag = f'W/"{hashlib.sha256(self.plain).hexdigest()[:16]}"'

    async def __call__(self, scope, receive, send):
        given = {name: value.decode("latin-1") for name, value in scope["headers"]}
        headers = _HEADERS | {"ETag": self.tag}
        if self.tag in given.get(b"if-none-match", ""):
            response = Response(None, 304, headers)
        elif "gzip" in given.get(b"accept-encoding", ""):
            response = Response(self.small, 200, headers | {"Content-Encoding": "gzip"}, self.kind)
        else:
            response = Response(self.plain, 200, headers, self.kind)
        await response(scope, receive, send)
