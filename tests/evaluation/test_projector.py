import json

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
from werkzeug.test import Client
from werkzeug.wrappers import Response

from evaluation.projector import sprite, write_projector

COUNT = 5


@pytest.fixture
def written(tmp_path):
    random = np.random.default_rng(0)
    columns = {
        "dataset": np.array(["ff"] * COUNT, object),
        "method": np.array(["real", "df", "df", "nt", "nt"], object),
        "label": np.array([0, 1, 1, 1, 1]),
        "video_id": np.array(["ff/real/0", "ff/df/tab\there", "ff/df/ü", "ff/nt/0", "ff/nt/1"], object),
        "logit": np.array([-1.5, 2, 3, 4, 5], np.float32),
    }
    embeddings = random.normal(size=(COUNT, 3)).astype(np.float32)
    thumbnails = random.integers(0, 256, (COUNT, 8, 8, 3)).astype(np.uint8)
    write_projector(str(tmp_path / "tensorboard"), columns, embeddings, thumbnails)
    return tmp_path / "tensorboard", columns, embeddings, thumbnails


@pytest.fixture
def get(written):
    """get(route) asks the plugin itself, as TensorBoard's page does."""
    logdir = str(written[0])
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(logdir)
    context = base_plugin.TBContext(
        logdir=logdir, multiplexer=multiplexer, data_provider=data_provider.MultiplexerDataProvider(multiplexer, logdir)
    )
    plugin = ProjectorPlugin(context)
    apps = plugin.get_plugin_apps()
    (run,) = json.loads(Client(apps["/runs"], Response).get("/runs").data)

    def ask(route):
        answer = Client(apps[route], Response).get(f"{route}?run={run}&name=embedding")
        assert answer.status_code == 200, answer.data
        return answer.data

    return ask


def test_the_plugin_shows_the_embeddings(get, written):
    _, _, embeddings, _ = written
    assert np.array_equal(np.frombuffer(get("/tensor"), np.float32).reshape(COUNT, 3), embeddings)
    (entry,) = json.loads(get("/info"))["embeddings"]
    assert entry["tensorShape"] == [COUNT, 3] and entry["sprite"]["singleImageDim"] == [8, 8]


def test_the_plugin_shows_what_each_is(get, written):
    _, columns, _, _ = written
    head, *lines = get("/metadata").decode().rstrip("\n").split("\n")
    assert head.split("\t") == ["data set", "method", "label", "video", "logit"]
    rows = [line.split("\t") for line in lines]
    assert [row[0] for row in rows] == ["ff"] * COUNT and [row[1] for row in rows] == columns["method"].tolist()
    assert [row[2] for row in rows] == ["real", "fake", "fake", "fake", "fake"]
    assert [row[3] for row in rows] == ["ff/real/0", "ff/df/tab here", "ff/df/ü", "ff/nt/0", "ff/nt/1"]
    assert [float(row[4]) for row in rows] == columns["logit"].tolist()


def test_the_sprite_holds_the_faces_row_by_row(get, written):
    folder, _, _, thumbnails = written
    assert get("/sprite_image") == (folder / "sprite.png").read_bytes()
    image = np.asarray(Image.open(folder / "sprite.png"))
    assert image.shape == (24, 24, 3)
    for k in range(9):
        y, x = 8 * (k // 3), 8 * (k % 3)
        expected = thumbnails[k] if k < COUNT else np.zeros((8, 8, 3))
        assert np.array_equal(image[y : y + 8, x : x + 8], expected)


def test_a_sprite_that_is_too_large_for_browsers_is_refused():
    with pytest.raises(ValueError, match="a sprite holds at most 4 pictures of 4096x4096. Received: 5"):
        sprite(np.broadcast_to(np.uint8(0), (5, 4096, 4096, 3)))
