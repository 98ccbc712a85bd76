"""Write a trained detector as a SavedModel with preprocessing inside the graph."""

import hashlib
import os

import keras
import tensorflow as tf

from model import examples, explain
from model.card import EXTRA
from model.detector import DeepfakeDetector
from model.input_pipeline import load_crop
from model.losses import FAKE
from model.recipes import CROP_SIZE

SERVED = ("fake_probability", "logit", "center_similarity", "embedding")


def export_saved_model(detector, folder):
    """Write `detector` to `folder` as a SavedModel.

    Signatures for n faces, n >= 0. The first two return the float32 outputs `SERVED`:
        serving_default: `image_bytes`, string [n]: JPEG, PNG, BMP or GIF bytes of face crops of any size. Transparency is
            dropped, grey becomes RGB, 16 bits become the upper 8, and of an animation the first picture counts.
        crops: `crops`, uint8 [n, 256, 256, 3].
        heat_maps: `crops`, likewise; returns `heat_map`, float32 [n, 256, 256], 0..1: `explain.grad_cam` of the class
            fake, so that whoever serves the model can also show where it looked.
    """

    def some(crops):
        # Without a row the convolution fails on CPUs: then a black face stands in, and its outputs are cut off again.
        return tf.cond(tf.shape(crops)[0] > 0, lambda: crops, lambda: tf.zeros([1, *crops.shape[1:]], tf.uint8))

    def serve_crops(crops):
        outputs = detector(some(crops), training=False)
        return {name: tf.cast(outputs[name], tf.float32)[: tf.shape(crops)[0]] for name in SERVED}

    def serve_heat_maps(crops):
        return {"heat_map": explain.heat_maps(detector, some(crops), FAKE)[: tf.shape(crops)[0]]}

    def serve_bytes(image_bytes):
        # Not WebP: older servers lack the operation, and would refuse the whole model.
        crops = tf.map_fn(
            lambda encoded: load_crop(encoded, examples.decode_common),
            image_bytes,
            fn_output_signature=tf.TensorSpec([CROP_SIZE, CROP_SIZE, 3], tf.uint8),
        )
        return serve_crops(crops)

    crops = [tf.TensorSpec([None, CROP_SIZE, CROP_SIZE, 3], tf.uint8, name="crops")]
    archive = keras.export.ExportArchive()
    archive.track(detector)
    archive.add_endpoint("serving_default", serve_bytes, [tf.TensorSpec([None], tf.string, name="image_bytes")])
    archive.add_endpoint("crops", serve_crops, crops)
    archive.add_endpoint("heat_maps", serve_heat_maps, crops)
    archive.write_out(str(folder), verbose=False)


def from_keras_file(path):
    """Load a detector from its `Format-Keras/model.keras`.

    Raises:
        ValueError: no such file, or not a whole one of a detector of this project.
    """
    try:
        detector = keras.saving.load_model(str(path), compile=False)
    except Exception as error:  # zip, JSON, h5py and Keras errors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(f"{path}: not a whole model.keras ({reason}). Trainer writes it into Format-Keras/") from error
    if not isinstance(detector, DeepfakeDetector):
        raise ValueError(f"{path}: a {type(detector).__name__}, not a detector of this project")
    return detector


def find_saved_model(folder):
    """Find the SavedModel that a folder stands for.

    Args:
        folder: a SavedModel, the `model` artifact that holds it in `Format-Serving/`, or the folder of a model server
            with its versions, of which the newest that is ready counts.

    Raises:
        ValueError: there is none.
    """
    for path in (folder, os.path.join(folder, "Format-Serving"), *(path for _, path in versions(folder)[:1])):
        if os.path.isfile(os.path.join(path, "saved_model.pb")):
            return path
    raise ValueError(
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
        ValueError: the folder holds no SavedModel, or one without that signature.
    """
    try:
        loaded = tf.saved_model.load(str(folder))
    except OSError as error:
        raise ValueError(
            f"{folder}: holds no SavedModel that can be read. Name a model's Format-Serving folder"
        ) from error
    if name not in loaded.signatures:
        raise ValueError(f"{folder}: its SavedModel has no signature {name!r}, only {sorted(loaded.signatures)}")
    signature = loaded.signatures[name]
    argument = next(iter(signature.structured_input_signature[1]))

    def predict(tensor):
        return signature(**{argument: tensor})

    predict.loaded = loaded  # a signature holds its model weakly only
    return predict
