"""SavedModels of this project: where they lie, their digest, and their signatures."""

import contextlib
import hashlib
import os
import threading

import tensorflow as tf

from artifacts.errors import InputError
from model.card import EXTRA

SERVED = ("fake_probability", "logit", "center_similarity", "embedding")  # outputs of a signature


def find_saved_model(folder):
    """Find the SavedModel that a folder stands for.

    Args:
        folder: a SavedModel, the `model` artifact that holds it in `Format-Serving/`, or the folder of a model server
            with its versions, of which the newest that is ready counts.

    Raises:
        InputError: there is none.
    """
    for path in (folder, os.path.join(folder, "Format-Serving"), *(path for _, path in versions(folder)[:1])):
        if os.path.isfile(os.path.join(path, "saved_model.pb")):
            return path
    raise InputError(
        f"{folder}: holds no SavedModel (no saved_model.pb in it, in Format-Serving/ or in a numbered version). Name a "
        "`model` folder that Trainer wrote, or the folder that Pusher pushes to"
    )


def versions(serving_dir):
    """The versions of a model server's folder that are ready: [(number, path)], the newest first."""
    try:
        numbers = sorted((int(name) for name in os.listdir(serving_dir) if name.isdecimal()), reverse=True)
    except OSError:
        return []
    paths = [(number, os.path.join(serving_dir, str(number))) for number in numbers]
    return [(number, path) for number, path in paths if os.path.isfile(os.path.join(path, "saved_model.pb"))]


def digest(saved_model):
    """Digest of a SavedModel's graph and weights, not of what else travels with it: equal for a model and its pushed copy."""
    total = hashlib.blake2b(digest_size=16)
    for parent, folders, names in os.walk(saved_model):
        folders[:] = sorted(set(folders) - {EXTRA})
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open(path, "rb") as stream:
                of_file = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(f"{os.path.relpath(path, saved_model)}\0{of_file}\n".encode())
    return total.hexdigest()


def load_signature(folder, name="crops"):
    """Load one signature of a SavedModel of ours as a function of a tensor that returns a dict.

    Raises:
        InputError: the folder holds no SavedModel, or one without that signature.
    """
    try:
        loaded = tf.saved_model.load(str(folder))
    except OSError as error:
        raise InputError(
            f"{folder}: holds no SavedModel that can be read. Name a model's Format-Serving folder"
        ) from error
    if name not in loaded.signatures:
        raise InputError(f"{folder}: its SavedModel has no signature {name!r}, only {sorted(loaded.signatures)}")
    signature = loaded.signatures[name]
    argument = next(iter(signature.structured_input_signature[1]))

    def predict(tensor):
        return signature(**{argument: tensor})

    predict.loaded = loaded  # a signature holds its model weakly only
    return predict


_lock = threading.Lock()
_loaded = {}  # digest -> the function; one model per process


def load_model(folder):
    """Load a model's `crops` signature once per process: uint8 [n, 256, 256, 3] -> dict of `SERVED`.

    Args:
        folder: see `find_saved_model`.

    Raises:
        InputError: there is no SavedModel, or one without that signature.
    """
    path = find_saved_model(folder)
    key = digest(path)
    with _lock:
        if key not in _loaded:
            for device in tf.config.list_physical_devices("GPU"):
                with contextlib.suppress(RuntimeError):  # in use already
                    tf.config.experimental.set_memory_growth(device, True)  # leave room for other workers
            predict = load_signature(path)
            _loaded.clear()
            _loaded[key] = predict
        return _loaded[key]
