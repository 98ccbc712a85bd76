"""Clients of the model server, in this process, and what they send."""

import base64
import io
import json
import struct
import threading
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from serving.server import health_api, predict_api
from serving.server.app import Part, create_app
from serving.server.server_limits import ServerLimits
from serving.server.server_options import ServerOptions
from tests.fixtures.model_server import WAIT, push, saved, served, start_server, wait_until
from tests.fixtures.uploads import film, portrait

__all__ = ["film", "portrait", "push", "saved", "served", "start_server"]

PREDICT = "/v1/models/deepfake:predict"
CORE = (Part(predict_api.routes), Part(health_api.routes))  # without videos and the page


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


@pytest.fixture
def predict():
    """predict(client, pictures, **more) -> the rows of a predict request for encoded pictures; must succeed."""

    def predict(client, pictures, **more):
        answer = client.post(PREDICT, content=json.dumps({"instances": [b64(one) for one in pictures], **more}))
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    return predict


@pytest.fixture(scope="session")
def clip(film):
    """Bytes of a small mp4 of one face, 12 frames."""
    return film("clip.mp4").read_bytes()
