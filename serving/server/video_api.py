"""`/v1/videos` and `/v1/model`: upload a video or a picture, follow the work, get the verdict with its pictures."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serving.server.gate import Gone
from serving.server.model_versions import ModelVersion
from serving.server.prometheus import VideoMetrics
from serving.server.refusals import VideoRefusal, json_response
from serving.server.server_state import ServerState
from serving.server.upload_folder import UploadFolder
from serving.server.uploads import receive
from serving.server.video_assessment import VideoAssessor
from serving.server.video_job import CANCELLED, DONE, FAILED, VideoJob
from serving.server.video_options import CLIENT_OPTIONS, parse_query
from serving.server.video_queue import VideoQueue
from serving.server.video_reports import VideoReports
from serving.verdict.scores import describe
from serving.verdict.verdict_json import ModelDescription
from serving.verdict.verdict_options import VerdictOptions

_SPARE = 1.0  # seconds before a request's time is over at which the answer stops to wait for the job
_PATIENCE = 3.0  # seconds for which the end of the server waits for work on cancelled jobs
_NO_STORE = {"Cache-Control": "no-store"}


def routes(state: ServerState) -> list[BaseRoute]:
    """The routes of this part."""
    state.videos = VideoApi(state)
    return state.videos.routes()


@contextlib.asynccontextmanager
async def lifespan(state: ServerState) -> AsyncIterator[None]:
    """Open what the routes need, while the server runs."""
    assert state.videos is not None  # `routes` made it
    with state.videos.open():
        yield


class VideoApi:
    """The answers about videos.

    Args:
        state: of the server.

    Attributes:
        queue: the jobs.
        reports: the reports that are being read.
        folder: where uploads are received; None while the server does not run.
    """

    def __init__(self, state: ServerState) -> None:
        self._state, self._limits = state, state.options.limits
        metrics = VideoMetrics(state.metrics.registry)
        self.queue = VideoQueue(
            lambda: VideoAssessor(state.models, state.batcher, self._limits, self._describe, metrics.stage_done),
            self._limits,
            metrics.job_done,
        )
        metrics.watch(self.queue)
        self.reports = VideoReports()
        self.folder: UploadFolder | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Make the folder for uploads and start the workers, for as long as the body runs."""
        self.folder = UploadFolder()
        self.queue.start()
        try:
            yield
        finally:
            self.queue.stop(_PATIENCE)
            self.folder.close()

    def routes(self) -> list[BaseRoute]:
        """The routes of all answers."""
        job = "/v1/videos/{id}"
        return [
            Route("/v1/videos", self.post, methods=["POST"]),
            Route(job, self.job, methods=["GET", "DELETE"]),
            Route(job + "/report.html", self.report, methods=["GET"]),
            Route(job + "/{path:path}", self.picture, methods=["GET"]),
            Route("/v1/model", self.model, methods=["GET"]),
        ]

    async def post(self, request: Request) -> Response:
        """POST /v1/videos: receive a file, and answer with the job, which holds the verdict if that came in time."""
        began = time.monotonic()
        options = parse_query(request.query_params, self._limits)
        self._state.models.find()
        if self._state.stopping or self.folder is None:
            raise VideoRefusal(503, "not_ready", "the server is stopping", retry_after=5)
        with self.queue.place() as place:
            job = VideoJob(await receive(request, self.folder, self._limits, place.came), options)
            self.queue.submit(job)
        left = began + self._limits.video_timeout - _SPARE - time.monotonic()
        seconds = min(options.wait, left)
        if seconds > 0:
            await self._wait(request, job, seconds)
        if job.state == FAILED and job.error is not None:
            self.queue.cancel(job)  # forgotten: the client never learned its id
            raise job.error
        if job.state == CANCELLED or (job.stop == CANCELLED and not job.is_over):  # or will be as soon as it notices
            raise VideoRefusal(409, "cancelled", "it was cancelled")
        return self._job_response(job, 200 if job.state == DONE else 202, {"Location": job.address})

    async def job(self, request: Request) -> Response:
        """GET or DELETE /v1/videos/<id>.

        GET: how far the job is, or its verdict. DELETE: cancel the job; one that is over is forgotten.
        """
        job = self._job(request)
        if request.method == "DELETE":
            was_over = job.is_over
            self.queue.cancel(job)
            if was_over:
                return Response(status_code=204)
        return self._job_response(job)

    async def picture(self, request: Request) -> Response:
        """GET /v1/videos/<id>/<path>: a frame, a face, or a face with its heat map."""
        result = self._job(request).result
        data = result and result.pictures.get(request.path_params["path"])
        if data is None:
            raise VideoRefusal(404, "unknown_picture", "the video has no such picture")
        age = int(self._limits.keep_seconds)
        return Response(data, 200, {"Cache-Control": f"private, max-age={age}, immutable"}, "image/webp")

    async def report(self, request: Request) -> Response:
        """GET /v1/videos/<id>/report.html: the verdict and all its pictures as one page."""
        job = self._job(request)
        if job.result is None:
            raise VideoRefusal(404, "no_report", "there is no report before there is a verdict")
        return await self.reports.response(job, job.result)

    async def model(self, request: Request) -> Response:
        """GET /v1/model: which model is served, the limits, and the options of a verdict."""
        schema = VerdictOptions.model_json_schema()["properties"]
        parameters = {name: schema[name] for name in CLIENT_OPTIONS}
        parameters["frames"]["maximum"] = self._limits.max_frames
        about = {**self._describe(self._state.models.find())}
        return json_response(about | {"limits": self._limits.model_dump(), "parameters": parameters}, 200, _NO_STORE)

    def _describe(self, version: ModelVersion) -> ModelDescription:
        return describe(version.model)

    def _job(self, request: Request) -> VideoJob:
        return self.queue.get(request.path_params["id"])

    def _job_response(self, job: VideoJob, code: int = 200, headers: dict[str, str] | None = None) -> Response:
        body = job.as_json(self.queue.ahead(job))
        return Response(body, code, _NO_STORE | (headers or {}), "application/json")

    async def _wait(self, request: Request, job: VideoJob, seconds: float) -> None:
        """Wait for a job. If the client hangs up, the job goes on unless its options say otherwise."""
        waiting = asyncio.create_task(self.queue.wait(job, seconds))
        gone = asyncio.create_task(_until_gone(request))
        try:
            await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not waiting.done():
                if job.options.cancel:
                    self.queue.cancel(job)
                raise Gone
        finally:
            for task in (waiting, gone):
                task.cancel()


async def _until_gone(request: Request) -> None:
    """Return when the client hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
