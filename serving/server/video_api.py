"""`/v1/videos` and `/v1/model`: upload a video or a picture, follow the work, get the verdict with its pictures."""

import asyncio
import contextlib
import time
import weakref

from prometheus_client import Counter, Gauge, Histogram
from pydantic import ValidationError
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from serving.server.gate import Gone
from serving.server.judge import Judge, Wish
from serving.server.prometheus import SECONDS
from serving.server.refusals import VideoRefusal, json_response
from serving.server.uploads import UploadFolder, receive
from serving.server.video_job import CANCELLED, DONE, FAILED, VideoJob
from serving.server.video_queue import VideoQueue
from serving.verdict import judging
from serving.verdict.parameters import JudgeParameters
from serving.verdict.view.report import page_of

LONGEST_WAIT = 60.0  # seconds
KINDS = ("auto", "video", "image", "crop")
# What of a verdict's parameters is the client's to choose.
CHOICES = tuple(name for name in JudgeParameters.model_fields if name != "decode_time_limit")
_SPARE = 1.0  # seconds before a request's time is over in which a job that goes on is handed out
_PIECE = 1 << 16  # bytes that are handed to a connection at a time
_NO_STORE = {"Cache-Control": "no-store"}
# The report is a page made of what a file holds: whatever that were, it must not act in this server's name.
_REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; sandbox allow-scripts"
)


def routes(state):
    """The routes of this part."""
    state.videos = VideoApi(state)
    return state.videos.routes()


@contextlib.asynccontextmanager
async def lifespan(state):
    """What they need while the server runs."""
    with state.videos.open():
        yield


class VideoApi:
    """Answers about videos.

    Args:
        state: `serving.server.server_state.State`.
    """

    def __init__(self, state):
        self.state, self.limits, self.models = state, state.options.limits, state.models
        self.describe, self.folder = Describe(state.options.model_name), None
        self._pages, self._one_page = weakref.WeakValueDictionary(), asyncio.Lock()
        metrics = VideoMetrics(state.metrics.registry)
        self.jobs = VideoQueue(
            lambda: Judge(self.models, state.batcher.score, self.limits, self.describe, metrics.stage_done),
            self.limits,
            metrics.job_done,
        )
        metrics.watch(self.jobs)

    @contextlib.contextmanager
    def open(self):
        """Have a folder for uploads, and threads that work."""
        self.folder = UploadFolder()
        self.jobs.start()
        try:
            yield
        finally:
            self.jobs.stop()
            self.folder.close()

    def routes(self):
        """For the app."""
        job = "/v1/videos/{id}"
        return [
            Route("/v1/videos", self.post, methods=["POST"]),
            Route(job, self.job, methods=["GET", "DELETE"]),
            Route(job + "/report.html", self.report, methods=["GET"]),
            Route(job + "/{path:path}", self.picture, methods=["GET"]),
            Route("/v1/model", self.model, methods=["GET"]),
        ]

    async def post(self, request):
        """Take an upload; answer with the job, or with its verdict if that comes in time."""
        began = time.monotonic()
        wish, seconds, leave = self._options(request.query_params)
        self.models.find()
        if self.state.stopping:
            raise VideoRefusal(503, "not_ready", "the server is stopping", 5)
        with self.jobs.place():
            job = VideoJob(await receive(request, self.folder, self.limits), wish)
            self.jobs.submit(job)
        seconds = min(seconds, began + self.limits.video_timeout - time.monotonic() - _SPARE)
        if seconds > 0:
            await self._wait(request, job, seconds, leave)
        if job.state == FAILED:
            self.jobs.cancel(job)  # the client never learned of it
            raise job.error
        if job.state == CANCELLED:
            raise VideoRefusal(409, "cancelled", "it was cancelled")
        headers = _NO_STORE | {"Location": job.address}
        return _json(job.as_json(self.jobs.ahead(job)), 200 if job.state == DONE else 202, headers)

    async def job(self, request):
        """GET: how far a job is, or its verdict. DELETE: cancel it; one that is over is forgotten."""
        job = self.jobs.get(request.path_params["id"])
        if request.method == "DELETE":
            forget = job.is_over
            self.jobs.cancel(job)
            if forget:
                return Response(status_code=204)
        return _json(job.as_json(self.jobs.ahead(job)), 200, _NO_STORE)

    async def picture(self, request):
        """A frame, a face, or a face with what the model looked at."""
        data = self.jobs.get(request.path_params["id"]).pictures.get(request.path_params["path"])
        if data is None:
            raise VideoRefusal(404, "unknown_picture", "the video has no such picture")
        age = int(self.limits.keep_seconds)
        return Response(data, 200, {"Cache-Control": f"private, max-age={age}, immutable"}, "image/webp")

    async def report(self, request):
        """The verdict as a page that holds everything."""
        job = self.jobs.get(request.path_params["id"])
        if job.state != DONE:
            raise VideoRefusal(404, "no_report", "there is no report before there is a verdict")
        async with self._one_page:  # however many ask, and however slowly they read, there is one of each report
            page = self._pages.get(job)
            if page is None:
                page = self._pages[job] = await asyncio.to_thread(_Page, job)
        headers = {"Cache-Control": "private, no-store", "Content-Security-Policy": _REPORT_POLICY}
        headers["Content-Length"] = str(len(page.content))
        return StreamingResponse(page.pieces(), 200, headers, "text/html")

    async def model(self, request):
        """What is served, and what may be asked of it."""
        about = await asyncio.to_thread(self.describe, self.models.find())
        schema = JudgeParameters.model_json_schema()["properties"]
        parameters = {name: schema[name] for name in CHOICES}
        parameters["frames"]["maximum"] = self.limits.max_frames
        return json_response(about | {"limits": self.limits.model_dump(), "parameters": parameters}, 200, _NO_STORE)

    def _options(self, query):
        """(`Wish`, seconds to wait, whether to cancel if the client leaves) of a query string."""
        given = {}
        for name, value in query.multi_items():
            if name in given:
                raise _bad(name, "is given twice")
            given[name] = value
        given.pop("name", None)
        kind = given.pop("kind", "auto")
        if kind not in KINDS:
            raise _bad("kind", f"must be one of {', '.join(KINDS)}")
        seconds = _number(given.pop("wait", "0"))
        pictures, leave = (_flag(given, name, default) for name, default in (("pictures", True), ("cancel", False)))
        for name in given:
            if name not in CHOICES:
                raise _bad(
                    name, f"is no option; there are {', '.join(('wait', 'kind', 'pictures', 'cancel', *CHOICES))}"
                )
        given.setdefault("frames", min(JudgeParameters().frames, self.limits.max_frames))
        try:
            parameters = JudgeParameters(**given, decode_time_limit=self.limits.video_timeout)
        except ValidationError as error:
            first = error.errors()[0]
            raise _bad(first["loc"][0], first["msg"].replace("Input should be", "must be")) from None
        if parameters.frames > self.limits.max_frames:
            raise _bad("frames", f"must be at most {self.limits.max_frames}")
        return Wish(parameters, kind, pictures), seconds, leave

    async def _wait(self, request, job, seconds, leave):
        """Wait for a job; if the client leaves before, it goes on unless the client wanted otherwise."""
        waiting = asyncio.create_task(self.jobs.wait(job, seconds))
        gone = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait([waiting, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not waiting.done():
                if leave:
                    self.jobs.cancel(job)
                raise Gone
        finally:
            for task in (waiting, gone):
                task.cancel()


class _Page:
    """The report of a job, shared by all who read it at a time."""

    def __init__(self, job):
        self.content = page_of(job.view, job.address, job.pictures)

    async def pieces(self):
        for at in range(0, len(self.content), _PIECE):
            yield self.content[at : at + _PIECE]


class VideoMetrics:
    """What Prometheus can ask of videos."""

    def __init__(self, registry):
        self.registry = registry
        self.jobs = Counter("deepfake_videos", "Videos by what became of them.", ["outcome"], registry=registry)
        self.seconds = Histogram("deepfake_video_seconds", "Of work on a video.", buckets=SECONDS, registry=registry)
        self.stages = Histogram(
            "deepfake_video_stage_seconds", "Of a stage of it.", ["stage"], buckets=SECONDS, registry=registry
        )
        for outcome in (DONE, FAILED, CANCELLED, "error"):
            self.jobs.labels(outcome)

    def watch(self, jobs):
        """Tell of these from now on."""
        for name, text, value in (
            ("waiting", "Videos that wait.", lambda: jobs.waiting),
            ("running", "Videos that are worked on.", lambda: jobs.running),
            ("kept", "Videos whose result is kept.", lambda: jobs.kept),
            ("kept_bytes", "Bytes of what is kept.", lambda: jobs.kept_bytes),
        ):
            Gauge(f"deepfake_videos_{name}", text, registry=self.registry).set_function(value)

    def job_done(self, outcome, seconds):
        """A job ended."""
        self.jobs.labels(outcome).inc()
        self.seconds.observe(seconds)

    def stage_done(self, stage, seconds):
        """A stage of a job ended."""
        self.stages.labels(stage.replace(" ", "_")).observe(seconds)


class Describe:
    """`ModelVersion` -> what verdicts and `/v1/model` tell of it; found out once for each.

    Args:
        name: of the model, as in its address.
    """

    def __init__(self, name):
        self.name, self._known = name, weakref.WeakKeyDictionary()

    def __call__(self, version):
        if version not in self._known:
            self._known[version] = judging.describe(version.model, self.name)
        return self._known[version]


async def _gone(request):
    """Wait until the client leaves."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(body, code, headers):
    return Response(body, code, headers, "application/json")


def _bad(name, what):
    shown = "".join(c for c in str(name) if c.isprintable())[:40]
    return VideoRefusal(400, "bad_option", f"{shown}: {what}")


def _number(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= LONGEST_WAIT:
        raise _bad("wait", f"must be a number of seconds from 0 to {LONGEST_WAIT:g}")
    return seconds


def _flag(given, name, default):
    value = given.pop(name, str(default)).lower()
    if value not in ("true", "false", "1", "0"):
        raise _bad(name, "must be true or false")
    return value in ("true", "1")
