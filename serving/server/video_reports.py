"""The reports of jobs: pages that are made when somebody asks, and shared by all who read them at that time."""

import asyncio
import weakref
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from serving.server.video_job import VideoJob, VideoResult
from serving.verdict.view.html_report import page_of

_PIECE = 1 << 16  # bytes handed to a connection at a time
# The page shows what an uploaded file contains. Whatever that is, it must not act in this server's name.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; sandbox allow-scripts"
)


class _Page:
    """One report, alive as long as somebody reads it."""

    def __init__(self, job: VideoJob, result: VideoResult) -> None:
        self.content = page_of(result.view, job.address, result.pictures)

    async def pieces(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.content), _PIECE):
            yield self.content[at : at + _PIECE]


class VideoReports:
    """Makes reports, one at a time; however many clients read a report, and however slowly, there is one copy of it."""

    def __init__(self) -> None:
        self._pages: weakref.WeakValueDictionary[VideoJob, _Page] = weakref.WeakValueDictionary()
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._pages)

    async def response(self, job: VideoJob, result: VideoResult) -> Response:
        """The report of a job that is done, as an answer."""
        async with self._lock:
            page = self._pages.get(job)
            if page is None:
                page = self._pages[job] = await asyncio.to_thread(_Page, job, result)
        headers = {
            "Cache-Control": "private, no-store",
            "Content-Security-Policy": _POLICY,
            "Content-Length": str(len(page.content)),
        }
        return StreamingResponse(page.pieces(), 200, headers, "text/html")
