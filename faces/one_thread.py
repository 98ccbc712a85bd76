"""TensorFlow graphs that run on one thread, however many threads the rest of the process has.

A sum of floats depends on its order, and TensorFlow orders some sums by the number of its threads: products of matrices
with few rows, for one. On one thread the same input gives the same bits in every process, beside any training.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

Compiled = Callable[..., list[np.ndarray]]


class OneThread:
    """Compiles functions to graphs that run on one thread of the CPU, also where there is a GPU.

    It is a session with a thread pool of its own, for which `faces/__init__.py` sets an environment variable. Build it
    in the process that uses it: it does not survive a fork.
    """

    def __init__(self) -> None:
        self._graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(
            device_count={"GPU": 0},
            intra_op_parallelism_threads=1,
            inter_op_parallelism_threads=1,
            use_per_session_threads=True,
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)

    def compile(self, function: Callable[..., Sequence[tf.Tensor]], *inputs: tf.TensorSpec) -> Compiled:
        """Compile a function of tensors to a function of NumPy arrays.

        Args:
            function: takes tensors of the `inputs`' dtypes and shapes; returns tensors.
            inputs: what it takes.

        Returns:
            A function of arrays that returns the list of the function's results. An array whose memory is aligned to 64
            bytes is used without a copy.
        """
        with self._graph.as_default():
            fed = [tf.compat.v1.placeholder(spec.dtype, spec.shape, spec.name) for spec in inputs]
            results = list(function(*fed))
        compiled: Compiled = self._session.make_callable(results, feed_list=fed)
        return compiled
