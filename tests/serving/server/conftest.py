"""A tiny model in several versions, and servers for it."""

import base64
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.data import astronaut
from starlette.testclient import TestClient

from artifacts import face_examples
from model.input_pipeline import load_crop
from serving.server import health_api, predict_api
from serving.server.app import Part, create_app
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions

REPOSITORY = Path(__file__).parents[3]
CROPS = tf.TensorSpec([None, 256, 256, 3], tf.uint8, name="crops")
PREDICT = "/v1/models/deepfake:predict"
CORE = (Part(predict_api.routes), Part(health_api.routes))  # without videos and the page
WAIT = 60.0  # seconds that a test waits for anything


class Tiny(tf.Module):
    """Calls a face fake the brighter it is: logit = (mean pixel - 128) / 10 + shift."""

    def __init__(self, shift):
        super().__init__()
        self.shift = tf.Variable(shift, dtype=tf.float32)

    @tf.function(input_signature=[CROPS])
    def crops(self, crops):
        logit = (tf.reduce_mean(tf.cast(crops, tf.float32), axis=[1, 2, 3]) - 128) / 10 + self.shift
        return {
            "fake_probability": tf.sigmoid(logit),
            "logit": logit,
            "center_similarity": tf.tanh(-logit),
            "embedding": tf.stack([logit, -logit], axis=1),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serving_default(self, image_bytes):
        spec = tf.TensorSpec([256, 256, 3], tf.uint8)
        return self.crops(tf.map_fn(self.load, image_bytes, fn_output_signature=spec))

    @tf.function(input_signature=[CROPS])
    def heat_maps(self, crops):
        return {"heat_map": tf.cast(crops[..., 0], tf.float32) / 255}

    def load(self, encoded):
        return load_crop(encoded, face_examples.decode_common)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Paths of SavedModels: `a`, `b` with logits higher by 100, `nan`, and `broken`, which cannot be loaded."""
    folder = tmp_path_factory.mktemp("saved")
    for name, shift in (("a", 0.0), ("b", 100.0), ("nan", float("nan"))):
        module = Tiny(shift)
        signatures = {"serving_default": module.serving_default, "crops": module.crops, "heat_maps": module.heat_maps}
        tf.saved_model.save(module, str(folder / name), signatures=signatures)
    shutil.copytree(folder / "a", folder / "broken")
    for path in (folder / "broken" / "variables").iterdir():
        path.unlink()
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="session")
def push(saved):
    """push(folder, name, number) makes one of `saved` a version, whole at once."""

    def push(folder, name, number):
        folder.mkdir(exist_ok=True)
        shutil.copytree(saved[name], folder / f".{number}")
        os.rename(folder / f".{number}", folder / str(number))

    return push


@pytest.fixture
def versions(tmp_path, push):
    """A model server's folder with version 3."""
    push(tmp_path / "models", "a", 3)
    return tmp_path / "models"


class Fake:
    """A model whose forward pass waits until it may go on, and counts.

    Attributes:
        go: set, the passes go on.
        began: set once one has begun.
        batches: the logits of each pass.
    """

    signatures = ("serving_default", "crops", "heat_maps")

    def __init__(self, go=True, shift=0.0, fails=None):
        self.go, self.began, self.batches, self.shift, self.fails = (
            threading.Event(),
            threading.Event(),
            [],
            shift,
            fails,
        )
        if go:
            self.go.set()

    def predict(self, crops):
        self.began.set()
        assert self.go.wait(WAIT)
        if self.fails:
            raise self.fails
        logit = crops[:, 0, 0, 0].astype(np.float32) + np.float32(self.shift)
        self.batches.append(logit.tolist())
        return {"logit": logit, "embedding": np.stack([logit, -logit], axis=1)}

    def heat_maps(self, crops):
        self.batches.append([("map", int(crop[0, 0, 0])) for crop in crops])
        return crops[..., 0].astype(np.float32) / 255


def grey(*values):
    """Crops of one grey each, uint8 [n, 256, 256, 3]."""
    return np.broadcast_to(np.array(values, np.uint8)[:, None, None, None], (len(values), 256, 256, 3))


def encode(image, kind="PNG", **options):
    """An image as bytes."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def png_of(width, height, *more):
    """A PNG that claims a size, with further chunks, (kind, data), before its data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*one) for one in chunks)


def png_chunk(kind, data):
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def b64(data):
    """Bytes as TensorFlow Serving wants them."""
    return {"b64": base64.b64encode(data).decode()}


def wait_until(condition):
    """Poll until it holds; fails after `WAIT` seconds."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def made():
    """What this file offers to the tests."""
    return SimpleNamespace(
        Fake=Fake,
        grey=grey,
        png_of=png_of,
        png_chunk=png_chunk,
        encode=encode,
        b64=b64,
        wait_until=wait_until,
        PREDICT=PREDICT,
    )


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory, push):
    """A model server's folder with version 7 that no test changes."""
    folder = tmp_path_factory.mktemp("served") / "models"
    push(folder, "a", 7)
    return folder


@pytest.fixture
def open_client(models_folder):
    """open_client(limits={}, **of ServerOptions) -> a client of an app in this process, and its `ServerState`."""
    opened = []

    def open_client(limits=None, folder=models_folder, **options):
        app = create_app(
            ServerOptions(model=str(folder), poll_seconds=0.05, limits=ServerLimits(**limits or {}), **options), CORE
        )
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        opened.append(client)
        return client, app.state.serving

    yield open_client
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def client(models_folder):
    """A client of an application with default options, shared."""
    with TestClient(create_app(ServerOptions(model=str(models_folder)), CORE), raise_server_exceptions=False) as client:
        yield client


class Server:
    """A server process.

    Attributes:
        process: of `subprocess`.
        address: (host, port).
        lines: what it printed until it was ready.
        log: path of its standard error.
    """

    def __init__(self, log, *arguments):
        command = [sys.executable, "-m", "serving.server", "--port", "0", "--poll_seconds", "0.2", *map(str, arguments)]
        self.log, self.lines = log, []
        with open(log, "w") as stream:
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=stream, text=True)
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("ready: http://"):
                host, _, port = line.split()[1].removeprefix("http://").rpartition(":")
                self.address = (host, int(port))
                return
        raise AssertionError(f"the server did not start: {self.lines} {log.read_text()}")

    def memory(self):
        """Resident memory, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        """SIGTERM; returns (exit code, what it printed since it was ready)."""
        self.process.terminate()
        printed, _ = self.process.communicate(timeout=WAIT)
        return self.process.returncode, printed


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """start_server(*arguments) -> a `Server`, which the session's end stops."""
    started = []

    def start(*arguments):
        started.append(Server(tmp_path_factory.mktemp("server") / "log.txt", *arguments))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


@pytest.fixture(scope="session")
def served(start_server, tmp_path_factory, push):
    """A `Server` that is shared, with `folder`, that of its versions."""
    folder = tmp_path_factory.mktemp("served") / "models"
    push(folder, "a", 1)
    server = start_server("--model", folder)
    server.folder = folder
    return server


@pytest.fixture
def predict():
    """predict(client, pictures, **more) -> the rows of a predict request for encoded pictures; must succeed."""

    def predict(client, pictures, **more):
        answer = client.post(PREDICT, content=json.dumps({"instances": [b64(one) for one in pictures], **more}))
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    return predict


# --- videos -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def portrait():
    """A picture of one face, RGB uint8 [300, 300, 3]."""
    return np.ascontiguousarray(astronaut()[:300, 80:380])


@pytest.fixture(scope="session")
def film(tmp_path_factory, portrait):
    """film(name, frames, codec, fps, images) -> path of a video; by default the portrait moves in it."""
    folder = tmp_path_factory.mktemp("films")

    def write(name, frames=12, codec="libx264", fps=25, images=None, **options):
        images = list(images or (np.roll(portrait, 2 * k, axis=1) for k in range(frames)))
        with av.open(str(folder / name), "w", options=options) as file:
            stream = file.add_stream(codec, rate=fps)
            stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
            stream.height, stream.width = images[0].shape[:2]
            for image in images:
                file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(stream.encode())
        return folder / name

    return write


@pytest.fixture(scope="session")
def clip(film):
    """Bytes of a small mp4 of one face, 12 frames."""
    return film("clip.mp4").read_bytes()
