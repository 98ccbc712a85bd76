"""Meso-4 and MesoInception-4 (Afchar et al., "MesoNet: a compact facial video forgery detection network", 2018)."""

from collections.abc import Sequence

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers

from model.batch_normalization import BatchNormalization

MESO4, MESO_INCEPTION4 = "meso4", "mesoinception4"
MESONETS = (MESO4, MESO_INCEPTION4)

# Width and kernel of each stage of Meso-4, and the side of the pooling behind it. MesoInception-4 has Inception modules
# for the first two stages.
STAGES = ((8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4))
# Widths of the four branches of an Inception module.
INCEPTIONS = ((1, 4, 4, 2), (2, 4, 4, 2))
HIDDEN, DROPOUT, SLOPE = 16, 0.5, 0.1


def mesonet(name: str, images: Tensor, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Apply a MesoNet with random weights up to the input of its last layer, which has one output.

    Args:
        name: one of `MESONETS`.
        images: float [n, size, size, 3], a Keras input, 0..1; published at 256.
        synchronized: take batch statistics over all replicas.

    Returns:
        (feature map, feature): float [n, size / 32, size / 32, 16] and [n, 16].
    """
    x = images
    for number, (width, kernel, pool) in enumerate(STAGES, start=1):
        if name == MESO_INCEPTION4 and number <= len(INCEPTIONS):
            x = _inception(x, INCEPTIONS[number - 1], name=f"inception{number}")
        else:
            x = _conv(x, width, kernel, name=f"conv{number}")
        # ReLU stands before the normalisation, not behind it.
        x = BatchNormalization(synchronized=synchronized, name=f"bn{number}")(x)
        x = layers.MaxPooling2D(pool, padding="same", name=f"pool{number}")(x)
    feature_map = layers.Activation("linear", name="features")(x)
    x = layers.Dropout(DROPOUT, name="dropout1")(layers.Flatten(name="flatten")(feature_map))
    x = layers.LeakyReLU(negative_slope=SLOPE, name="hidden_relu")(layers.Dense(HIDDEN, name="hidden")(x))
    return feature_map, layers.Dropout(DROPOUT, name="dropout2")(x)


def _inception(x: Tensor, widths: Sequence[int], name: str) -> Tensor:
    """Four branches side by side: 1x1; 1x1 and 3x3; and the same with the 3x3 dilated by 2, and by 3."""
    first, *others = widths
    branches = [_conv(x, first, 1, name=f"{name}_1")]
    for number, width in enumerate(others, start=2):
        narrow = _conv(x, width, 1, name=f"{name}_{number}_1x1")
        branches.append(_conv(narrow, width, 3, dilation=number - 1, name=f"{name}_{number}_3x3"))
    return layers.Concatenate(name=name)(branches)


def _conv(x: Tensor, width: int, kernel: int, dilation: int = 1, *, name: str) -> Tensor:
    conv: keras.Layer = layers.Conv2D(
        width, kernel, padding="same", dilation_rate=dilation, activation="relu", name=name
    )
    return conv(x)
