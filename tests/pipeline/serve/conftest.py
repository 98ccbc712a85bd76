"""A small model in a server's folder, real servers on it, and clips to send to them."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import av
import cv2
import keras
import numpy as np
import pytest
from skimage.data import astronaut

from model import export
from model.detector import DeepfakeDetector
from model.recipes import Recipe

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def serving_dir(tmp_path_factory):
    """A model server's folder with version 7 of a small, untrained model; calibrated by hand."""
    folder = tmp_path_factory.mktemp("serving")
    keras.utils.set_random_seed(5)
    small = {"name": "small", "backbone": "resnet10", "image_size": 32, "embedding_size": 8, "seed": 3}
    export.export_saved_model(DeepfakeDetector(Recipe.model_validate(small)), folder / "7")
    (folder / "7" / "assets.extra").mkdir(exist_ok=True)
    (folder / "7" / "assets.extra" / "calibration.json").write_text(json.dumps({"frame": 1.3, "video": 0.7}))
    return folder


class Server:
    """A running `python -m pipeline.serve`.

    Attributes:
        process: the `Popen`.
        temporary: the folder that it takes for temporary files.
    """

    def __init__(self, folder, arguments, temporary):
        self.temporary, self.lines = temporary, []
        line = [sys.executable, "-m", "pipeline.serve", "--model", folder, "--port", "0", *arguments]
        self.process = subprocess.Popen(
            list(map(str, line)),
            cwd=REPOSITORY,
            env=os.environ | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        self.port = None
        for text in self.process.stdout:
            self.lines.append(text)
            if ready := re.match(r"ready: http://127\.0\.0\.1:(\d+)", text):
                self.port = int(ready[1])
                break
        assert self.port, "".join(self.lines)
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()

    @property
    def log(self):
        """What it printed so far."""
        return "".join(self.lines)

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """One request on a connection of its own: (code, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def json(self, *arguments, **options):
        """One request: (code, JSON)."""
        code, _, body = self.ask(*arguments, **options)
        return code, json.loads(body)

    def upload(self, content, query="wait=60", **options):
        """POST a file as the body: (code, JSON)."""
        return self.json("POST", f"/v1/videos?{query}", content, **options)

    def stop(self, number=signal.SIGTERM):
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture(scope="session")
def start_server(serving_dir, tmp_path_factory):
    """start_server(*arguments) -> a `Server` that the session's end kills."""
    started = []

    def start(*arguments, folder=serving_dir, temporary=None):
        started.append(Server(folder, arguments, temporary or tmp_path_factory.mktemp("temporary")))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


@pytest.fixture(scope="session")
def server(start_server):
    """One for the tests that leave it as it was."""
    return start_server()


@pytest.fixture(scope="session")
def portrait():
    """A picture of one face, RGB uint8 [300, 300, 3]."""
    return np.ascontiguousarray(astronaut()[:300, 80:380])


@pytest.fixture(scope="session")
def film(tmp_path_factory, portrait):
    """film(name, frames, codec, fps, images, options) writes a video of the portrait, moving, and returns its path."""
    folder = tmp_path_factory.mktemp("films")

    def write(name, frames=12, codec="libx264", fps=25, images=None, options=None):
        path = folder / name
        with av.open(str(path), "w", options=options or {}) as file:
            stream = file.add_stream(codec, rate=fps)
            images = images if images is not None else (np.roll(portrait, k, axis=1) for k in range(frames))
            for k, image in enumerate(images):
                if k == 0:
                    stream.height, stream.width = image.shape[:2]
                    stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(stream.encode())
        return path

    return write


@pytest.fixture(scope="session")
def clip(film):
    """A small mp4 of one face, 12 frames."""
    return film("clip.mp4")


@pytest.fixture(scope="session")
def png(portrait):
    """The portrait as PNG bytes."""
    return cv2.imencode(".png", portrait[..., ::-1])[1].tobytes()
