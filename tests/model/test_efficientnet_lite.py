"""EfficientNet-Lite0 computes what the published network computes with the same weights."""

import keras
import numpy as np
import pytest

from artifacts.errors import InputError
from model.backbones import create_backbone, normalize_pixels
from model.imagenet_package import weights_file
from model.published_weights import assign_published, load_published, published_name

pytestmark = pytest.mark.slow  # a whole network

NAME = "efficientnetlite0"


@pytest.fixture(scope="module")
def backbone():
    return create_backbone(NAME, 224)


@pytest.fixture(scope="module")
def double():
    """The network in 64 bits: in 32, each processor rounds in its own way."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        return create_backbone(NAME, 224)
    finally:
        keras.config.set_dtype_policy(before)


def assert_computes(backbone, image, expected, tolerance=1e-7):
    images = normalize_pixels(NAME, keras.ops.cast(image[None], backbone.compute_dtype))
    maps = keras.Model(backbone.input, backbone.get_layer("features").output)(images).numpy()
    for found, name in ((maps[0, 3, 4, :64], "features[0, 3, 4, :64]"), (backbone(images).numpy()[0], "feature")):
        values = np.array(expected[name])
        assert found == pytest.approx(values, rel=0, abs=tolerance * abs(values).max())


@pytest.mark.parametrize(("kind", "tolerance"), [("double", 1e-7), ("backbone", 1e-5)])
def test_computes_what_the_published_network_computes(kind, tolerance, lite0, request):
    backbone = request.getfixturevalue(kind)
    # The published file also holds the ImageNet classifier and counters.
    more = {"_fc.weight": np.zeros((1000, 1280)), "_fc.bias": np.zeros(1000), "_bn0.num_batches_tracked": np.array(7)}
    assign_published(backbone, lite0.weights | more, "drawn weights")
    assert_computes(backbone, lite0.image, lite0.content["drawn"], tolerance)


def test_imagenet_weights_compute_what_the_published_network_computes(lite0, double):
    try:
        path = weights_file()
    except InputError as error:
        pytest.skip(str(error))
    load_published(double, path)
    assert_computes(double, lite0.image, lite0.content["imagenet"])


def test_it_has_the_published_size(lite0, backbone):
    assert backbone.count_params() == 3_413_024
    assert {published_name(NAME, v.path) for v in backbone.variables} == set(lite0.weights)


@pytest.mark.parametrize(("size", "side"), [(32, 1), (160, 5), (225, 8)])
def test_takes_any_size(size, side):
    backbone = create_backbone(NAME, size)
    assert backbone.get_layer("features").output.shape == (None, side, side, 1280)
    assert backbone.output_shape == (None, 1280)


def test_no_convolution_has_a_bias_and_activations_end_at_six(backbone):
    kinds = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    convolutions = [layer for layer in backbone.layers if isinstance(layer, kinds)]
    assert len(convolutions) == 49 and not any(layer.use_bias for layer in convolutions)
    assert {layer.max_value for layer in backbone.layers if isinstance(layer, keras.layers.ReLU)} == {6}
    norms = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(norm.epsilon, norm.momentum, norm.synchronized) for norm in norms} == {(1e-3, 0.99, False)}


def test_synchronized_reaches_every_norm():
    layers = create_backbone(NAME, 32, synchronized=True).layers
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 49 and all(norm.synchronized for norm in norms)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("stem_conv/kernel", "_conv_stem.weight"),
        ("stem_bn/beta", "_bn0.bias"),
        ("block0_depthwise_conv/kernel", "_blocks.0._depthwise_conv.weight"),
        ("block12_expand_bn/moving_mean", "_blocks.12._bn0.running_mean"),
        ("block3_depthwise_bn/gamma", "_blocks.3._bn1.weight"),
        ("block15_project_bn/moving_variance", "_blocks.15._bn2.running_var"),
        ("head_conv/kernel", "_conv_head.weight"),
        ("head_bn/gamma", "_bn1.weight"),
    ],
)
def test_published_names(ours, theirs):
    assert published_name(NAME, ours) == theirs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_bn0.weight": None}, r"lacks _bn0\.weight"),
        ({"_bn0.weight": np.zeros(3)}, r"has another shape of _bn0\.weight \(3,\) for \(32,\)"),
        ({"_blocks.16._bn0.weight": np.zeros(3)}, r"holds weights of another network: _blocks\.16\._bn0\.weight"),
    ],
)
def test_weights_that_do_not_fit_change_nothing(lite0, backbone, changes, message):
    before = backbone.get_weights()
    tensors = {key: value for key, value in (lite0.weights | changes).items() if value is not None}
    with pytest.raises(InputError, match=f"drawn weights {message}"):
        assign_published(backbone, tensors, "drawn weights")
    for one, other in zip(before, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
