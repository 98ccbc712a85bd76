"""Open `.keras` and HDF5 files that come from elsewhere: by what they declare first, before any of it takes memory."""

import json
import shutil
import tempfile
import zipfile
from typing import IO

import h5py
import keras
import numpy as np
from keras.src.backend.common import global_state  # its list of variables without values has no public name

from artifacts.errors import InputError

LARGEST = 1 << 29  # bytes of all weights; the largest network here has 84 MB, and 250 MB with Adam's momenta
CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # members of a `.keras` file
LARGEST_CONFIG = 16 << 20  # bytes


def load_keras(path: str) -> keras.Model:
    """Load a `.keras` file without its optimizer; Python code in it is refused.

    Raises:
        InputError: it is damaged, of another kind, holds code, or its weights would take more than `LARGEST`.
    """
    try:
        check_declared(path)
        model = keras.saving.load_model(path, compile=False)
    except InputError:
        raise
    except (Exception, RecursionError) as error:  # zip, JSON, h5py and Keras errors
        raise InputError(f"{path}: not a usable .keras file ({first_line(error)})") from None
    if not isinstance(model, keras.Model):
        raise InputError(f"{path}: not a usable .keras file (it holds a {type(model).__name__}, not a model)")
    return model


def check_declared(path: str) -> None:
    """Make sure that the weights that a `.keras` file declares are of a size that a network here can have.

    Raises:
        InputError: they are not; says how large they are.
        Exception: the file is damaged; of any class.
    """
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if sizes[CONFIG] > LARGEST_CONFIG:
            raise InputError(f"{path}: its {CONFIG} has {sizes[CONFIG]:,} bytes, more than any network's here")
        _refuse_size(path, sizes.get(WEIGHTS, 0))
        config = json.loads(archive.read(CONFIG))
        if WEIGHTS in sizes:
            with archive.open(WEIGHTS) as member, tempfile.TemporaryFile() as weights:
                shutil.copyfileobj(member, weights)
                check_hdf5(weights, path)
    _refuse_size(path, _declared_bytes(config))


def check_hdf5(file: str | IO[bytes], path: str) -> None:
    """Make sure that the arrays of an HDF5 file are of a size that a network here can have: it may compress zeros.

    Raises:
        InputError: they are not.
        OSError: it is no whole HDF5 file.
    """
    total = 0

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset):
            total += int(np.prod(item.shape, dtype=object)) * item.dtype.itemsize

    with h5py.File(file) as content:
        content.visititems(add)
    _refuse_size(path, total)


def _declared_bytes(config: object) -> int:
    """Return the size of the variables that a model's config makes, without making their values."""
    if isinstance(config, dict):
        config = {**config, "compile_config": None}
    scope = keras.StatelessScope(initialize_variables=False)
    try:
        with scope:
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
            return sum(4 * int(np.prod(variable.shape, dtype=object)) for variable in model.variables)
    finally:
        global_state.set_global_attribute("uninitialized_variables", [])


def _refuse_size(path: str, size: int) -> None:
    if size > LARGEST:
        raise InputError(
            f"{path}: its weights would take {size / (1 << 30):.1f} GiB, and {LARGEST >> 20} MiB are more than any "
            "network here needs"
        )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
