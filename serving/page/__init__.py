"""The web page: a few static files, each with a strict policy, and nothing from other servers."""

import mimetypes
import os
from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from serving.verdict import view

_PAGE, _VIEW = Path(__file__).parent, Path(view.__file__).parent
# All files that the page is made of, by their paths on the server. The scripts of a verdict are the report's, too.
FILES = {
    "/": _PAGE / "index.html",
    "/page/icon.svg": _PAGE / "icon.svg",
    "/page/page.css": _PAGE / "page.css",
    "/page/page.js": _PAGE / "page.js",
    "/page/server.js": _PAGE / "server.js",
    "/page/verdict.css": _VIEW / "verdict.css",
    "/page/elements.js": _VIEW / "elements.js",
    "/page/timeline.js": _VIEW / "timeline.js",
    "/page/about.js": _VIEW / "about.js",
    "/page/verdict.js": _VIEW / "verdict.js",
}
# The page may run, show and fetch only what this server sends; its own pictures and videos are blobs.
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": POLICY}
mimetypes.add_type("text/javascript", ".js")  # some systems say otherwise, and then browsers refuse the scripts


def routes() -> list[BaseRoute]:
    """The routes of the page's files."""
    files = GZipMiddleware(_PageFiles(), minimum_size=1)
    return [Route(path, files, methods=["GET"]) for path in FILES]


class _PageFiles(StaticFiles):
    """Sends exactly the files of `FILES`, which are in two folders with other files, with the page's headers."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        file = FILES.get("/" if path == "." else f"/{path}")
        return ("", None) if file is None else (str(file), file.stat())

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        return response
