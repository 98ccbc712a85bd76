"""Batch normalisation by TensorFlow's fused kernel, which Keras 3 does not use."""

from typing import Any

import keras
from keras import layers, ops

Tensor = Any  # of Keras's backend


@keras.saving.register_keras_serializable(package="multi_metric")
class BatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # Keras has no type hints
    """`keras.layers.BatchNormalization` with the same results, to rounding, and less time in training.

    Keras composes a training step's normalisation of a dozen operations, each of which passes over the feature map
    again; on CPUs they take as long as the convolutions do. The fused kernel knows 32-bit channels-last maps and
    statistics of one replica alone. Everything else goes Keras's way: inference, statistics over all replicas, frozen
    layers, other ranks and types.

    The class bears the name of its parent, since saved weights are found by the names of classes.
    """

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """Normalise a feature map [n, h, w, channels], and in training move the moving statistics."""
        maps = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))  # as Keras does it for half types
        if not (training and self.trainable and self._can_fuse(maps, mask)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf  # this file serves Keras's other backends, too

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=maps,
            scale=ops.cast(self.gamma, maps.dtype),
            offset=ops.cast(self.beta, maps.dtype),
            mean=tf.zeros([0], maps.dtype),  # none: there is no running mean for the kernel to move
            variance=tf.zeros([0], maps.dtype),
            epsilon=self.epsilon,
            is_training=True,
        )
        values = tf.cast(tf.size(maps) // tf.shape(maps)[-1], maps.dtype)  # of each channel
        biased = variance * (values - 1) / values  # the kernel returns the unbiased variance, Keras moves the biased
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, biased)):
            old = ops.cast(moving, maps.dtype)
            moving.assign(old * self.momentum + batch * (1 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    def _can_fuse(self, maps: Tensor, mask: Tensor | None) -> bool:
        plain = mask is None and self.scale and self.center and not self.synchronized and not self.renorm
        known = keras.backend.standardize_dtype(maps.dtype) == "float32" and len(maps.shape) == 4
        return keras.backend.backend() == "tensorflow" and plain and known and self.axis in (-1, 3)
