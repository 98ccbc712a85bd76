"""Weights in the HDF5 files of Keras 2, read by the kinds and numbers of their layers."""

import re
from typing import NamedTuple

import h5py
import numpy as np

from artifacts.errors import InputError
from model.keras_file import check_hdf5

SUFFIX = re.compile(r"(.*?)(?:_(\d+))?")  # conv2d_12: the kind and the number


class Layer(NamedTuple):
    """A layer with weights.

    Attributes:
        kind: its name without its number, such as "conv2d" or "batch_normalization".
        number: of its name; layers of a kind are numbered in the order in which they were made. 0 without one.
        weights: such as "kernel", "gamma" -> array.
    """

    kind: str
    number: int
    weights: dict[str, np.ndarray]


def read_layers(path: str) -> list[Layer]:
    """Read all layers with weights of a file of weights, or of a whole saved model.

    Args:
        path: of the file.

    Returns:
        The layers by kind and number.

    Raises:
        InputError: it is not such a file, or its weights would take more memory than any network here needs.
    """
    try:
        check_hdf5(path, path)
        with h5py.File(path) as file:
            found = _layers(file.get("model_weights", file))
    except InputError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a whole HDF5 file of Keras weights ({error}). Download it again") from None
    if not found:
        raise InputError(f"{path}: holds no layer with weights in the form of Keras 2")
    return sorted(found, key=lambda layer: (layer.kind, layer.number))


def _layers(group: h5py.Group) -> list[Layer]:
    weights: dict[str, dict[str, np.ndarray]] = {}

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        parts = name.split("/")
        if isinstance(item, h5py.Dataset) and len(parts) > 1 and parts[-1].endswith(":0"):
            weights.setdefault(parts[-2], {})[parts[-1].removesuffix(":0")] = item[()]

    group.visititems(add)
    layers = []
    for name, of_layer in weights.items():
        match = SUFFIX.fullmatch(name)
        assert match is not None  # every name fits
        layers.append(Layer(match[1], int(match[2] or 0), of_layer))
    return layers
