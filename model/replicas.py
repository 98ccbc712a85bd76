"""What the replicas of a distributed training tell each other."""

import keras
import tensorflow as tf
from keras import ops


def count() -> int:
    """Return how many replicas take part in a step; 1 outside a strategy."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def gather(*tensors: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Concatenate each tensor over all replicas along the batch; gradients flow back to each replica's own rows."""
    if count() == 1:
        return tensors
    context = tf.distribute.get_replica_context()
    return tuple(context.all_gather(tensor, axis=0) for tensor in tensors)


def average_moving_statistics(network: keras.Model) -> None:
    """Give every replica the mean of their moving statistics; Keras leaves each its own, and saves the first's."""
    moving = [v for v in network.non_trainable_variables if v.name.startswith("moving_")]
    context = tf.distribute.get_replica_context()
    means = context.all_reduce(tf.distribute.ReduceOp.MEAN, [ops.convert_to_tensor(v) for v in moving])
    for variable, mean in zip(moving, means, strict=True):
        variable.assign(mean)
