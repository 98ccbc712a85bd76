"""The attention map of Bonettini et al. in EfficientNet-B4."""

import keras
import numpy as np
import pytest

from model.backbones import application, create_backbone

pytestmark = pytest.mark.slow  # they build EfficientNet-B4


@pytest.fixture(scope="module")
def networks():
    """(attentive, plain) with the same weights, but for the attention map's own."""
    attentive, plain = create_backbone("efficientnetb4att", 64), create_backbone("efficientnetb4", 64)
    own = [v for v in attentive.weights if not v.path.startswith("attention/")]
    for variable, value in zip(own, plain.get_weights(), strict=True):
        variable.assign(value)
    return attentive, plain


def test_a_map_of_ones_changes_nothing(networks):
    attentive, plain = networks
    attention = attentive.get_layer("attention")
    before = attention.get_weights()
    attention.set_weights([np.zeros_like(before[0]), np.full_like(before[1], 50)])
    x = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    assert attentive(x).numpy() == pytest.approx(plain(x).numpy(), abs=1e-6)
    attention.set_weights(before)


def test_the_map_weighs_the_places_of_the_third_stage():
    at_224 = application("efficientnetb4", 224).get_layer("block3d_add").output
    assert at_224.shape == (None, 28, 28, 56)


def test_the_map_is_a_sigmoid_of_one_convolution(networks):
    attentive, _ = networks
    x = np.random.default_rng(1).normal(size=(1, 64, 64, 3)).astype(np.float32)
    names = ("block3d_add", "attention", "attended")
    stage, weights, attended = keras.Model(attentive.input, [attentive.get_layer(name).output for name in names])(x)
    kernel, bias = attentive.get_layer("attention").get_weights()
    expected = 1 / (1 + np.exp(-(stage.numpy() @ kernel[0, 0] + bias)))
    assert weights.numpy() == pytest.approx(expected, abs=1e-5)
    assert attended.numpy() == pytest.approx(stage.numpy() * expected, abs=1e-4)
