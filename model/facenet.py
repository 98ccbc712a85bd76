"""The network of Kumar et al. ("Detecting Deepfakes with Metric Learning", 2020): layers above FaceNet's embedding.

FaceNet is Inception-ResNet-v1 with 512 dimensions, as the weights `20180402-114759` have it. It is not trained here.
"""

from collections.abc import Sequence

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers

KUMAR = "kumar"
EMBEDDING = 512  # dimensions of FaceNet's
WIDTHS, OUTPUT, DROPOUT = (256, 256, 128), 64, 0.1  # of the layers above it

# Branches of the modules: each a sequence of (width, kernel); of a reduction the last one of each has stride 2.
BLOCK_35 = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (32, 3), (32, 3)))
BLOCK_17 = (((128, 1),), ((128, 1), (128, (1, 7)), (128, (7, 1))))
BLOCK_8 = (((192, 1),), ((192, 1), (192, (1, 3)), (192, (3, 1))))
REDUCTION_A = (((384, 3),), ((192, 1), (192, 3), (256, 3)))
REDUCTION_B = (((256, 1), (384, 3)), ((256, 1), (256, 3)), ((256, 1), (256, 3), (256, 3)))

Branch = Sequence[tuple[int, int | tuple[int, int]]]


def kumar(images: Tensor) -> tuple[Tensor, Tensor]:
    """Apply FaceNet and the layers above it, with random weights.

    Args:
        images: float [n, size, size, 3], a Keras input, -1..1; published at 160.

    Returns:
        (feature map, feature): the last map of FaceNet, whose weights are not trained, and float [n, 64].
    """
    feature_map, embedding = facenet(images)
    keras.Model(images, embedding).trainable = False
    return feature_map, metric_layers(embedding)


def metric_layers(embedding: Tensor) -> Tensor:
    """Apply the four layers that Kumar et al. train, 238,272 parameters: [n, 512] of unit length to [n, 64]."""
    x = embedding
    for number, width in enumerate(WIDTHS, start=1):
        x = layers.Dense(width, "relu", kernel_initializer="he_uniform", name=f"metric{number}")(x)
        x = layers.Dropout(DROPOUT, name=f"metric{number}_dropout")(x)
    return layers.Dense(OUTPUT, name="metric_output")(x)


def facenet(images: Tensor) -> tuple[Tensor, Tensor]:
    """Apply Inception-ResNet-v1 with random weights, 23,497,424 parameters.

    Returns:
        (feature map, embedding): float [n, h, w, 1792], and float [n, 512] of unit length.
    """
    x = images
    for number, (width, kernel, stride, padding) in enumerate(
        ((32, 3, 2, "valid"), (32, 3, 1, "valid"), (64, 3, 1, "same")), start=1
    ):
        x = _conv(x, width, kernel, stride, padding, name=f"stem{number}")
    x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for number, (width, kernel, stride) in enumerate(((80, 1, 1), (192, 3, 1), (256, 3, 2)), start=4):
        x = _conv(x, width, kernel, stride, "valid", name=f"stem{number}")
    for number in range(5):
        x = _residual(x, BLOCK_35, 0.17, name=f"block35_{number}")
    x = _reduction(x, REDUCTION_A, name="reduction_a")
    for number in range(10):
        x = _residual(x, BLOCK_17, 0.1, name=f"block17_{number}")
    x = _reduction(x, REDUCTION_B, name="reduction_b")
    for number in range(5):
        x = _residual(x, BLOCK_8, 0.2, name=f"block8_{number}")
    x = _residual(x, BLOCK_8, 1.0, activation=False, name="block8_5")
    feature_map = layers.Activation("linear", name="features")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(feature_map)
    x = _norm("bottleneck_bn")(layers.Dense(EMBEDDING, use_bias=False, name="bottleneck")(x))
    return feature_map, layers.UnitNormalization(name="unit")(x)


def _residual(x: Tensor, branches: Sequence[Branch], scale: float, activation: bool = True, *, name: str) -> Tensor:
    """Add a share of what the branches see, brought to the width of the input, to the input."""
    seen = layers.Concatenate(name=f"{name}_mixed")(
        [_branch(x, branch, f"{name}_{k}") for k, branch in enumerate(branches)]
    )
    up = layers.Conv2D(x.shape[-1], 1, name=f"{name}_up")(seen)
    x = layers.Add(name=f"{name}_add")([x, layers.Rescaling(scale, name=f"{name}_scale")(up)])
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _reduction(x: Tensor, branches: Sequence[Branch], name: str) -> Tensor:
    """Halve the side; the branches and a pooling stand side by side."""
    parts = [_branch(x, branch, f"{name}_{k}", reduces=True) for k, branch in enumerate(branches)]
    return layers.Concatenate(name=name)([*parts, layers.MaxPooling2D(3, 2, name=f"{name}_pool")(x)])


def _branch(x: Tensor, branch: Branch, name: str, reduces: bool = False) -> Tensor:
    for number, (width, kernel) in enumerate(branch):
        last = reduces and number == len(branch) - 1
        x = _conv(x, width, kernel, 2 if last else 1, "valid" if last else "same", name=f"{name}_{number}")
    return x


def _conv(x: Tensor, width: int, kernel: int | tuple[int, int], stride: int, padding: str, name: str) -> Tensor:
    x = layers.Conv2D(width, kernel, stride, padding, use_bias=False, name=f"{name}_conv")(x)
    return layers.ReLU(name=f"{name}_relu")(_norm(f"{name}_bn")(x))


def _norm(name: str) -> layers.Layer:
    return layers.BatchNormalization(momentum=0.995, epsilon=1e-3, scale=False, name=name)
