"""Keras and HDF5 files from elsewhere: refused by what they declare, before it takes memory."""

import json
import resource
import zipfile

import h5py
import keras
import numpy as np
import pytest

from artifacts.errors import InputError
from model import keras_file
from model.keras_file import check_hdf5, load_keras


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A `.keras` file with a dense layer of 4 units on 16 inputs."""
    path = tmp_path_factory.mktemp("keras") / "small.keras"
    inputs = keras.Input((16,))
    keras.Model(inputs, keras.layers.Dense(4)(inputs)).save(path)
    return path


def _changed(source, path, members):
    """Copy a `.keras` file with other members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, members.get(name, old.read(name)))
    return str(path)


def _larger(source, units, inputs):
    config = zipfile.ZipFile(source).read("config.json").decode()
    return config.replace('"units": 4', f'"units": {units}').replace("[null, 16]", f"[null, {inputs}]")


def test_a_small_file_is_loaded(small):
    model = load_keras(str(small))
    assert [w.shape for w in model.weights] == [(16, 4), (4,)]
    assert keras.layers.Dense(3).build((None, 2)) is None, "variables get values again"


def test_a_config_that_declares_gigabytes_is_refused_before_it_takes_them(small, tmp_path):
    path = _changed(small, tmp_path / "huge.keras", {"config.json": _larger(small, 40_000, 48_000)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        InputError, match=r"huge\.keras: its weights would take 7\.2 GiB, and 512 MiB are more than any"
    ):
        load_keras(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    load_keras(str(small))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "nor later"


def test_weights_that_a_zip_or_hdf5_has_compressed_are_refused(small, tmp_path, monkeypatch):
    monkeypatch.setattr(keras_file, "LARGEST", 1 << 20)
    path = _changed(small, tmp_path / "zipped.keras", {"model.weights.h5": bytes(2 << 20)})
    with pytest.raises(InputError, match=r"zipped\.keras: its weights would take"):
        load_keras(path)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.create_dataset("layers/a", (1000, 1000), "f4", compression="gzip", fillvalue=0, chunks=(1000, 10))
    assert (tmp_path / "w.h5").stat().st_size < 1 << 20
    with pytest.raises(InputError, match=r"w\.h5: its weights would take"):
        check_hdf5(str(tmp_path / "w.h5"), str(tmp_path / "w.h5"))
    path = _changed(small, tmp_path / "inner.keras", {"model.weights.h5": (tmp_path / "w.h5").read_bytes()})
    with pytest.raises(InputError, match=r"inner\.keras: its weights would take"):
        load_keras(path)


def _spoilt(small, tmp_path):
    config = json.loads(zipfile.ZipFile(small).read("config.json"))
    yield "no zip", b"PK\x03\x04 no zip"
    for name, text in (
        ("deep", "[" * 100_000),
        ("no object", "[]"),
        ("unknown class", json.dumps({**config, "class_name": "Unknown", "module": "other", "registered_name": "x>y"})),
        ("a layer", json.dumps(keras.saving.serialize_keras_object(keras.layers.ReLU()))),
        ("no UTF-8", b"\xff"),
    ):
        yield name, _changed(small, tmp_path / "x.keras", {"config.json": text})
    yield "no weights", _changed(small, tmp_path / "y.keras", {"model.weights.h5": b""})


def test_a_foreign_file_is_named(small, tmp_path):
    for name, path in _spoilt(small, tmp_path):
        if isinstance(path, bytes):
            (tmp_path / "z.keras").write_bytes(path)
            path = str(tmp_path / "z.keras")
        with pytest.raises(InputError, match=rf"^{path}: not a usable \.keras file \("):
            load_keras(path)
            pytest.fail(name)
    assert np.isfinite(load_keras(str(small)).get_weights()[0]).all()
