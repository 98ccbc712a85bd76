"""The faces behind prediction rows: their crops and their embeddings."""

import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from artifacts import face_examples, predictions
from artifacts.digests import examples_digest
from artifacts.errors import InputError
from commands import progress
from model.input_pipeline import load_crop
from model.served import load_model

THUMBNAIL = 64  # pixels


def crops_of(files: Sequence[str], folder: str, split: str, rows: np.ndarray) -> tf.data.Dataset:
    """Read the crops of some rows, each decoded when it is needed.

    Args:
        files: the TFRecord files that the split's predictions in `folder` were written from.
        folder: of the predictions.
        split: of the predictions.
        rows: row numbers, int [n], ascending.

    Returns:
        A data set of n crops, uint8 [256, 256, 3], in the order of `rows`.

    Raises:
        InputError: the predictions are not of these files.
    """
    number, offset = predictions.locate(folder, split, rows)
    written = predictions.find_predictions(folder, split)
    for k in np.unique(number):
        if len(written) != len(files) or not predictions.is_of(written[k], {"examples": examples_digest(files[k])}):
            raise InputError(f"{written[k]}: was not made from {os.path.dirname(files[0])}. Evaluate again")

    def read(k: int) -> bytes:
        return face_examples.read_record(files[number[k]], offset[k])

    def load(k: tf.Tensor) -> tf.Tensor:
        record = tf.ensure_shape(tf.numpy_function(read, [k], tf.string, stateful=False), [])
        return load_crop(face_examples.parse(record)["image/encoded"])

    return tf.data.Dataset.range(len(number)).map(load, num_parallel_calls=tf.data.AUTOTUNE)


def read_crops(files: Sequence[str], folder: str, split: str, rows: np.ndarray) -> np.ndarray:
    """Read the crops of some rows, as `crops_of` does, into one array: uint8 [n, 256, 256, 3]."""
    crops = list(crops_of(files, folder, split, rows).as_numpy_iterator())
    return np.stack(crops) if crops else np.zeros((0, 256, 256, 3), np.uint8)


def embeddings(
    files: Sequence[str], folder: str, split: str, rows: np.ndarray, model_dir: str, batch_size: int = 32
) -> tuple[np.ndarray, np.ndarray]:
    """Embed the faces of some rows.

    Args:
        files: see `crops_of`.
        folder: of the predictions.
        split: of the predictions.
        rows: row numbers, int [n], ascending.
        model_dir: a SavedModel of this project, or what holds one; see `model.saved_model.find_saved_model`.
        batch_size: faces per forward pass.

    Returns:
        (embeddings float32 [n, d], thumbnails uint8 [n, 64, 64, 3]).

    Raises:
        InputError: the predictions are not of these files, or there is no SavedModel.
    """
    predict = load_model(model_dir)
    batches = crops_of(files, folder, split, rows).batch(batch_size).prefetch(2)
    vectors, thumbnails = [], []
    for crops in progress.bar(batches, desc="embedding", unit="batch", leave=False):
        vectors.append(predict(crops)["embedding"].numpy())
        small = tf.image.resize(crops, (THUMBNAIL, THUMBNAIL), method="area").numpy()
        thumbnails.append(small.round().astype(np.uint8))
    return np.concatenate(vectors), np.concatenate(thumbnails)
