"""A fake server for tests of the page."""

import io
import socket
import threading

import numpy as np
import pytest
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from serving import page
from tests.fixtures.model_server import push, saved, served, start_server
from tests.fixtures.uploads import film, portrait

__all__ = ["film", "portrait", "push", "saved", "served", "start_server"]

LIMITS = {"max_upload": 300_000, "max_seconds": 0.7, "max_pixels": 1_000_000, "keep_seconds": 3600}
STEPS = (
    *(("queued", "waiting", 0.0, 2), ("running", "finding faces", 0.1, 0), ("running", "finding faces", 0.6, 0)),
    *(("running", "judging", 0.8, 0), ("running", "drawing", 0.9, 0), ("done", "done", 1.0, 0)),
)


class FakeServer:
    """Answers as the server's documentation says, depending on the names of the uploaded files.

    Attributes:
        address: of the page.
        log: (method, path or file name) of each request under /v1/videos, except for polls.
        token: that clients must send, or None.
        busy: number of uploads that it will refuse.
    """

    TOKEN = "open-sesame"

    def __init__(self, folder=""):
        self.log, self.token, self.busy, self.jobs, self.stop = [], None, 0, {}, lambda: None
        stream = io.BytesIO()
        Image.fromarray(np.full((16, 16, 3), 120, np.uint8)).save(stream, "WEBP")
        self.picture = stream.getvalue()
        routes = [
            Route("/v1/model", self._guarded(self.model)),
            Route("/v1/videos", self._guarded(self.post), methods=["POST"]),
            Route("/v1/videos/{id}", self._guarded(self.get), methods=["GET"]),
            Route("/v1/videos/{id}", self._guarded(self.delete), methods=["DELETE"]),
            Route("/v1/videos/{id}/{path:path}", self._guarded(self.part)),
        ]
        app = Starlette(routes=[Mount(f"/{folder}", routes=routes + page.routes())])
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{listener.getsockname()[1]}/{folder}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()

        def stop():
            server.force_exit = server.should_exit = True
            thread.join()
            listener.close()

        self.stop = stop

    def _guarded(self, answer):
        async def guarded(request):
            if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
                return JSONResponse({"error": "The token is missing or wrong"}, 401)
            return await answer(request)

        return guarded

    async def model(self, request):
        card = {"caveats": {"made_up": "it is made up"}, "tested_on": None}
        return JSONResponse({"name": "deepfake", "version": 7, "calibrated": True, "card": card, "limits": LIMITS})

    async def post(self, request):
        name = (await request.form())["file"].filename
        self.log.append(("POST", name))
        if self.busy:
            self.busy -= 1
            refused = {"error": "too many videos wait already; try again later", "reason": "queue_full"}
            return JSONResponse(refused, 429, {"Retry-After": "1"})
        key = f"job{len(self.jobs)}"
        self.jobs[key] = [name, 0]
        return JSONResponse(self._job(key), 202)

    async def get(self, request):
        key = request.path_params["id"]
        name, step = self.jobs[key]
        if name.startswith("forgotten"):
            return JSONResponse({"error": "there is no such video here", "reason": "unknown_job"}, 404)
        self.jobs[key][1] = min(
            step + (1 if name in ("clip.mp4", "slow.mp4") else 3), 1 if name.startswith("slow") else len(STEPS) - 1
        )
        return JSONResponse(self._job(key))

    async def delete(self, request):
        self.log.append(("DELETE", self.jobs[request.path_params["id"]][0]))
        return Response(status_code=204)

    async def part(self, request):
        path = request.path_params["path"]
        self.log.append(("GET", path))
        if path == "report.html":
            return Response("<!doctype html><title>the report</title>", media_type="text/html")
        return Response(self.picture, media_type="image/webp")

    def _job(self, key):
        name, step = self.jobs[key]
        state, stage, progress, ahead = STEPS[step]
        error, view = None, None
        if state == "done" and name.startswith("bad"):
            state, error = "failed", {"error": "the file cannot be assessed: boo", "reason": "not_a_video"}
        elif state == "done":
            view = self._view(key, name)
        job = {"id": key, "state": state, "stage": stage, "progress": progress, "ahead": ahead, "file": name}
        return job | {"error": error, "view": view, "report": f"/v1/videos/{key}/report.html"}

    def _view(self, key, name):
        score = {"timestamp": 0.0, "box": [10, 10, 40, 40], "detector_score": 0.99, "logit": 3.0}
        frames = [score | {"index": k, "fake_probability": 0.9, "center_similarity": -0.5} for k in range(5)]
        whole = {"verdict": "fake", "fake_probability": 0.9123, "interval": [0.8, 0.95], "logit": 3.0, "reason": None}
        face = whole | {"track": 0, "size": 40.0, "frames": frames, "center_similarity": -0.5}
        at = f"/v1/videos/{key}"
        crops = {str(k): {"face": f"{at}/faces/0/{k}.webp", "heat": f"{at}/heat/0/{k}.webp"} for k in range(5)}
        of_file = {
            "file": name,
            "kind": "video",
            "face": 0,
            "threshold": 0.5,
            "statement": "Likely fake: it is made up.",
        }
        of_file |= {"wanted": 6, "with_face": 5, "judged": 5, "faces": [face], "looked_at": list(range(6)), "notes": {}}
        of_file |= {"info": {"width": 100, "height": 80, "frames": 6, "seconds": 0.6}, "model": {"calibrated": True}}
        pictures = {"frames": {str(k): f"{at}/frames/{k}.webp" for k in range(6)}, "faces": {"0": crops}}
        return whole | of_file | {"pictures": pictures}


@pytest.fixture
def fake():
    """A `FakeServer`."""
    server = FakeServer()
    yield server
    server.stop()


@pytest.fixture
def proxied():
    """A `FakeServer` under a path prefix, as behind a proxy that removes it."""
    server = FakeServer("below/a-folder/")
    yield server
    server.stop()
