"""EfficientNet-B4 with an attention map (Bonettini et al., "Video Face Manipulation Detection ...", 2020)."""

import functools
from typing import Any

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers

ATTENTIVE_B4 = "efficientnetb4att"
# The end of EfficientNet-B4's third stage: 28x28x56 at 224.
ATTENDED = "block3d_add"


def with_attention(network: keras.Model, clone_layer: Any) -> keras.Model:
    """Copy an EfficientNet-B4 and weigh the places of its third stage's map by an attention map.

    The attention map is the sigmoid of a 1x1 convolution of that map, and is multiplied into all of its channels.

    Args:
        network: of `keras.applications`, without its top.
        clone_layer: makes a new layer of a layer.
    """
    return keras.models.clone_model(network, clone_function=clone_layer, call_function=functools.partial(_attend))


def _attend(layer: layers.Layer, *inputs: Any, **options: Any) -> Tensor:
    x = layer(*inputs, **options)
    if layer.name != ATTENDED:
        return x
    attention = layers.Conv2D(1, 1, activation="sigmoid", name="attention")(x)
    return layers.Multiply(name="attended")([x, attention])
