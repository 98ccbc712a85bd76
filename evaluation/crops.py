"""Faces of prediction rows: their crops, their embeddings."""

import os

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from artifacts import face_examples, predictions
from artifacts.digests import content_digest
from artifacts.errors import InputError
from model.input_pipeline import load_crop
from model.saved_model import load_model

THUMBNAIL = 64  # pixels


def take(columns, rows):
    """Some rows of `predictions.read_predictions`, with texts as NumPy object arrays."""
    chosen = {}
    for name, values in columns.items():
        is_text = name in predictions.TEXTS
        chosen[name] = np.array(values.take(rows).to_pylist(), object) if is_text else values[rows]
    return chosen


def crops_of(files, folder, split, rows):
    """The crops of some rows, decoded as they are asked for.

    Args:
        files: the TFRecord files that the split's predictions in `folder` were written from.
        rows: rising row numbers.

    Returns:
        A `tf.data.Dataset` of uint8 [256, 256, 3], in the order of `rows`.

    Raises:
        InputError: the predictions are not of these files.
    """
    number, offset = predictions.locate(folder, split, rows)
    written = predictions.find_predictions(folder, split)
    for k in np.unique(number):
        if len(written) != len(files) or not predictions.is_of(written[k], {"examples": content_digest(files[k])}):
            raise InputError(f"{written[k]}: was not made from {os.path.dirname(files[0])}. Evaluate again")

    def read(k):
        return face_examples.read_record(files[number[k]], offset[k])

    def load(k):
        record = tf.ensure_shape(tf.numpy_function(read, [k], tf.string, stateful=False), [])
        return load_crop(face_examples.parse(record)["image/encoded"])

    return tf.data.Dataset.range(len(number)).map(load, num_parallel_calls=tf.data.AUTOTUNE)


def read_crops(files, folder, split, rows):
    """`crops_of` in one array, uint8 [n, 256, 256, 3]."""
    crops = list(crops_of(files, folder, split, rows).as_numpy_iterator())
    return np.stack(crops) if crops else np.zeros((0, 256, 256, 3), np.uint8)


def embeddings(files, folder, split, rows, model_dir, batch_size=32):
    """Embed the faces of some rows.

    Args:
        files, folder, split, rows: as for `crops_of`.
        model_dir: a SavedModel of ours, or what holds one; see `model.saved_model.find_saved_model`.

    Returns:
        (embeddings float32 [n, d], thumbnails uint8 [n, 64, 64, 3]).

    Raises:
        InputError: the predictions are not of these files, or there is no SavedModel.
    """
    predict = load_model(model_dir)
    batches = crops_of(files, folder, split, rows).batch(batch_size).prefetch(2)
    found, small = [], []
    for crops in tqdm(batches, desc="embedding", unit="batch", leave=False, disable=None):
        found.append(predict(crops)["embedding"].numpy())
        small.append(tf.image.resize(crops, (THUMBNAIL, THUMBNAIL), method="area").numpy().round().astype(np.uint8))
    return np.concatenate(found), np.concatenate(small)
