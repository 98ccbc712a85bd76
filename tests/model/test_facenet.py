"""Kumar et al.'s network: the published counts, and what of it learns."""

import keras
import numpy as np
import pytest

from model import facenet
from model.backbones import create_backbone


def parameters(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.slow
def test_the_published_numbers_of_parameters():
    backbone = create_backbone("kumar", 160)
    assert parameters(backbone.trainable_variables) == 238_272
    frozen = [v for v in backbone.variables if "metric" not in v.path and "seed" not in v.path]
    assert parameters(frozen) == 23_497_424  # FaceNet 20180402-114759
    assert backbone.get_layer("features").output.shape == (None, 3, 3, 1792)


def test_the_layers_above_are_relus_and_a_linear_one():
    x = keras.Input((facenet.EMBEDDING,))
    network = keras.Model(x, facenet.metric_layers(x))
    values = np.random.default_rng(0).normal(size=(3, facenet.EMBEDDING)).astype(np.float32)
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    expected = values
    for layer in dense[:-1]:
        expected = np.maximum(expected @ layer.get_weights()[0], 0)
    assert network(values).numpy() == pytest.approx(expected @ dense[-1].get_weights()[0], abs=1e-5)
