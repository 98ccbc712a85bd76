"""Weights of a network that anybody can redraw, instead of a file that holds them."""

import zlib

import numpy as np


def draw_weights(shapes):
    """Weights by name and shape, float32, each seeded by its name: of a size that keeps activations in range."""
    weights = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        if len(shape) == 4:  # convolution [out, in, h, w]
            values = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[1:]))
        elif name.endswith(("bias", "running_mean")):
            values = rng.normal(size=shape) * 0.1
        elif name.endswith("running_var"):
            values = rng.uniform(0.5, 1.5, size=shape)
        else:
            values = rng.uniform(0.2, 1.0, size=shape)
        weights[name] = values.astype(np.float32)
    return weights
