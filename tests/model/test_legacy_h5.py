"""Weights in HDF5 files of Keras 2."""

import h5py
import numpy as np
import pytest

from artifacts.errors import InputError
from model.legacy_h5 import read_layers


def test_layers_come_in_the_order_in_which_they_were_numbered(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("conv2d_10", "conv2d_9", "dense", "conv2d_11"):
            file[f"model_weights/{name}/{name}/kernel:0"] = np.full(2, int(name.split("_")[-1]) if "_" in name else 0)
            file[f"model_weights/{name}/{name}/bias:0"] = np.zeros(1)
        file["optimizer_weights/Adam/iterations:0"] = 3
    layers = read_layers(str(tmp_path / "a.h5"))
    assert [(layer.kind, layer.number) for layer in layers] == [
        ("conv2d", 9), ("conv2d", 10), ("conv2d", 11), ("dense", 0),
    ]  # fmt: skip
    assert [layer.weights["kernel"][0] for layer in layers] == [9, 10, 11, 0]
    assert set(layers[0].weights) == {"kernel", "bias"}


@pytest.mark.parametrize(
    "content, words",
    [(b"", "not a whole HDF5 file"), (b"nothing of the kind", "not a whole HDF5 file"), (None, "holds no layer")],
)
def test_other_files_are_named(content, words, tmp_path):
    path = tmp_path / "a.h5"
    if content is None:
        h5py.File(path, "w").close()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.h5: {words}"):
        read_layers(str(path))
