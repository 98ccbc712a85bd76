import numpy as np
import pytest
import tensorflow as tf
from mtcnn.stages import StageONet, StagePNet, StageRNet
from skimage.data import astronaut

from faces.mtcnn_networks import ONet, PNet, RNet, _PooledBlock, load_weights


@pytest.fixture(scope="module")
def packages():
    """The mtcnn package's Keras models."""
    return {"pnet": StagePNet().model, "rnet": StageRNet().model, "onet": StageONet().model}


def _inputs(seed, *shape):
    """Normalised noise, coarse as well as fine: it reaches every channel on both sides of its PReLU."""
    rng = np.random.default_rng(seed)
    n, height, width, channels = shape
    coarse = np.kron(rng.normal(0, 0.7, (n, height // 6 + 1, width // 6 + 1, channels)), np.ones((1, 6, 6, 1)))
    return (coarse[:, :height, :width] + rng.normal(0, 0.3, shape)).clip(-1, 1).astype(np.float32)


def _face(side):
    """The face of a photograph, normalised."""
    image = tf.image.resize(astronaut()[60:175, 165:280], (side, side), antialias=True)
    return ((image.numpy() - 127.5) / 128)[None]


IMAGES = {
    "noise": _inputs(0, 3, 48, 64, 3),
    "odd sides": _inputs(1, 2, 37, 51, 3),
    "one window": _inputs(2, 5, 12, 12, 3),
    "one window and a pixel": _inputs(3, 5, 13, 13, 3),
    "large": _inputs(4, 1, 301, 190, 3),
    "a face": _face(20),
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("threshold", [0.6, 0.05, 1e-6])
def test_pnet(packages, name, threshold):
    offsets, scores = (x.numpy() for x in packages["pnet"](IMAGES[name]))
    places = np.argwhere(scores[..., 1] > threshold)  # by image, row, column
    found, score, offset = (x.numpy() for x in PNet()(IMAGES[name], threshold))
    assert np.array_equal(found, places) and found.dtype == np.int64
    assert len(places) or (threshold > 1e-6 and name != "a face")
    assert np.abs(score - scores[..., 1][tuple(places.T)]).max(initial=0) < 1e-5
    assert np.abs(offset - offsets[tuple(places.T)]).max(initial=0) < 1e-5


def test_pnet_in_a_graph_that_does_not_know_sizes(packages):
    pnet = PNet()
    run = tf.function(lambda x: pnet(x, 0.05), input_signature=[tf.TensorSpec([None, None, None, 3])])
    for name in ("noise", "large", "a face"):
        offsets, scores = (x.numpy() for x in packages["pnet"](IMAGES[name]))
        places, score, offset = (x.numpy() for x in run(IMAGES[name]))
        assert len(places) and np.array_equal(places, np.argwhere(scores[..., 1] > 0.05))
        assert np.abs(score - scores[..., 1][tuple(places.T)]).max() < 1e-5
        assert np.abs(offset - offsets[tuple(places.T)]).max() < 1e-5


def test_pnet_gives_no_place_above_every_score():
    places, score, offset = PNet()(IMAGES["noise"], 1 - 1e-9)
    assert places.shape == (0, 3) and score.shape == (0,) and offset.shape == (0, 4)


def _crops(side):
    return np.concatenate([_inputs(side, 9, side, side, 3), _face(side), _face(side)[:, :, ::-1]])


def test_rnet(packages):
    offsets, scores = (x.numpy() for x in packages["rnet"](_crops(24)))
    score, offset = (x.numpy() for x in RNet()(_crops(24)))
    assert score.shape == (11,) and np.abs(score - scores[:, 1]).max() < 1e-5
    assert score.max() > 0.9 and score.min() < 0.1  # both answers are among them
    assert offset.shape == (11, 4) and np.abs(offset - offsets).max() < 1e-5


def test_onet(packages):
    offsets, points, scores = (x.numpy() for x in packages["onet"](_crops(48)))
    score, offset, point = (x.numpy() for x in ONet()(_crops(48)))
    assert score.shape == (11,) and np.abs(score - scores[:, 1]).max() < 1e-5
    assert score.max() > 0.9 and score.min() < 0.1
    assert offset.shape == (11, 4) and np.abs(offset - offsets).max() < 1e-5
    assert point.shape == (11, 10) and np.abs(point - points).max() < 1e-5


@pytest.mark.parametrize("slopes", [(-0.5, 0.0, 0.3, 1.0, 1.7), (-2.0, -0.1, -1.0), (0.2, 0.9), (1.5, 3.0)])
def test_a_prelu_after_the_pooling_is_one_before_it(slopes):
    """Slopes of every kind, beyond those of the package's weights: below zero, up to 1, above 1."""
    rng, channels = np.random.default_rng(0), len(slopes)
    kernel, bias = rng.normal(size=(3, 3, 3, channels)), rng.normal(size=channels)
    block = _PooledBlock(kernel, bias, np.array(slopes), 2, "SAME")
    x = _inputs(5, 2, 21, 18, 3)
    conv = tf.nn.conv2d(x, kernel.astype(np.float32), 1, "VALID").numpy() + bias.astype(np.float32)
    pooled = tf.nn.max_pool2d(np.where(conv > 0, conv, conv * np.float32(slopes)), 2, 2, "SAME").numpy()
    assert sorted(block.order) == list(range(channels))
    assert np.abs(block(x).numpy() - pooled[..., block.order]).max() < 1e-5


def test_weights_come_in_the_order_of_the_layers(packages):
    for name, model in packages.items():
        ours, theirs = load_weights(name), model.get_weights()
        assert len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))
