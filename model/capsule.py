"""Capsule-Forensics (Nguyen et al., "Use of a Capsule Network to Detect Fake Images and Videos", 2019).

Primary capsules look at the feature maps of a VGG19 that does not learn; dynamic routing joins their opinions to two
output capsules, real and fake. The second version has ten primary capsules, the first three.
"""

from typing import Any

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers, ops

from model.batch_normalization import BatchNormalization

CAPSULES = {"capsule": 10, "capsule_v1": 3}  # backbone -> number of primary capsules
CUT = "block3_pool"  # of VGG19: 256 channels, an eighth of the side
PRIMARY, OUTPUT = 8, 4  # dimensions of a primary and of an output capsule
ITERATIONS = 2  # of routing
NOISE, DROPPED = 0.01, 0.05  # in training: standard deviation added to the routing weights; share of votes left out


def capsule_network(name: str, images: Tensor, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Apply VGG19 up to its third pooling, and the primary capsules, with random weights.

    Args:
        name: one of `CAPSULES`.
        images: float [n, size, size, 3], a Keras input, normalised by ImageNet's mean and deviation; published at 300
            (the first version at 128).
        synchronized: take batch statistics over all replicas.

    Returns:
        (feature map, feature): float [n, size / 8, size / 8, 256] of VGG19, whose weights are not trained, and the
        primary capsules [n, capsules * 8].
    """
    vgg = keras.applications.VGG19(include_top=False, weights=None, input_tensor=images)
    below = keras.Model(images, vgg.get_layer(CUT).output)
    below.trainable = False
    feature_map = layers.Activation("linear", name="features")(below.output)
    capsules = [_primary_capsule(feature_map, synchronized, f"capsule{k}") for k in range(CAPSULES[name])]
    return feature_map, Squash(name="capsules")(layers.Concatenate(axis=1, name="stack")(capsules))


def _primary_capsule(maps: Tensor, synchronized: bool, name: str) -> Tensor:
    """One capsule, float [n, 1, 8], of feature maps [n, h, w, 256]: what it finds, described by mean and deviation."""
    x = maps
    for number, width in enumerate((64, 16), start=1):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(0, 0.02),
            name=f"{name}_conv{number}",
        )(x)
        gain = keras.initializers.RandomNormal(1, 0.02)
        norm = BatchNormalization(
            momentum=0.9, epsilon=1e-5, gamma_initializer=gain, synchronized=synchronized, name=f"{name}_bn{number}"
        )
        x = layers.ReLU(name=f"{name}_relu{number}")(norm(x))
    x = Statistics(name=f"{name}_statistics")(x)
    x = layers.ZeroPadding1D(2, name=f"{name}_pad")(x)  # "same" would pad one side more than the other
    for number, (width, kernel, stride, padding) in enumerate(((8, 5, 2, "valid"), (1, 3, 1, "same")), start=3):
        x = layers.Conv1D(width, kernel, stride, padding, name=f"{name}_conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=synchronized, name=f"{name}_bn{number}")(
            x
        )
    return layers.Reshape((1, PRIMARY), name=name)(x)


@keras.saving.register_keras_serializable(package="multi_metric")
class Statistics(layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Mean and unbiased standard deviation of each channel over all places: [n, h, w, c] to [n, c, 2]."""

    def call(self, maps: Tensor) -> Tensor:
        """See the class."""
        count = maps.shape[1] * maps.shape[2]
        mean = ops.mean(maps, axis=(1, 2), keepdims=True)
        variance = ops.sum(ops.square(maps - mean), axis=(1, 2)) / (count - 1)
        # A channel without variance would have a gradient without end.
        deviation = ops.sqrt(ops.maximum(variance, 1e-12))
        return ops.stack([ops.squeeze(mean, axis=(1, 2)), deviation], axis=-1)


def squash(x: Tensor, axis: int) -> Tensor:
    """Scale vectors to a length below 1: |x|² / (1 + |x|²) · x / |x|.

    The published form divides by |x|; here a zero vector stays zero, with a finite gradient.
    """
    square = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x * ops.sqrt(ops.maximum(square, 1e-12)) / (1 + square)


@keras.saving.register_keras_serializable(package="multi_metric")
class Squash(layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Squash primary capsules [n, capsules, 8] over the capsules, as published, and lay them side by side."""

    def call(self, capsules: Tensor) -> Tensor:
        """Return float [n, capsules * 8]."""
        return ops.reshape(squash(capsules, axis=1), (-1, capsules.shape[1] * capsules.shape[2]))


@keras.saving.register_keras_serializable(package="multi_metric")
class DynamicRouting(layers.Layer):  # type: ignore[misc]  # Keras has no type hints
    """Dynamic routing from the primary capsules to two output capsules of four dimensions, real and fake.

    Each primary capsule votes on each output capsule. A vote counts the more, the better it agrees with the others,
    where agreement is taken for each dimension by itself, as in the published code. In training the weights get some
    noise, and some votes are left out, without the others being raised.

    Call it with primary capsules, float [n, capsules * 8]. The result is float [n, 4, 2]: each of the four dimensions
    is a pair of logits, real and fake; see `losses.capsule_loss`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()

    def build(self, shape: tuple[int | None, int]) -> None:
        """Create the weights, [2, capsules, 4, 8]."""
        self.kernel = self.add_weight(
            name="votes",
            shape=(2, shape[-1] // PRIMARY, OUTPUT, PRIMARY),
            initializer=keras.initializers.RandomNormal(0, 1),
        )

    def call(self, feature: Tensor, training: bool = False) -> Tensor:
        """See the class."""
        kernel = ops.convert_to_tensor(self.kernel)
        capsules = ops.reshape(feature, (-1, kernel.shape[1], PRIMARY))
        if training:
            kernel = kernel + NOISE * keras.random.normal(kernel.shape, dtype=kernel.dtype, seed=self.seeds)
        votes = ops.einsum("jide,nie->njid", kernel, capsules)  # [n, 2, capsules, 4]
        if training:
            kept = keras.random.uniform(ops.shape(votes), dtype=votes.dtype, seed=self.seeds) >= DROPPED
            votes = votes * ops.cast(kept, votes.dtype)
        agreement = ops.zeros_like(votes)
        for iteration in range(ITERATIONS):
            shares = ops.softmax(agreement, axis=2)
            outputs = squash(ops.sum(shares * votes, axis=2, keepdims=True), axis=3)
            if iteration < ITERATIONS - 1:
                agreement = agreement + votes * outputs
        return ops.transpose(ops.squeeze(outputs, axis=2), (0, 2, 1))
