"""Run a detector over face examples and judge the logits; exact metrics by scikit-learn."""

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from artifacts import face_examples
from model.input_pipeline import evaluation_batches
from model.recipes import CROP_SIZE

OUTPUTS = ("logit", "center_similarity")
KEYS = ("video_id", "dataset", "method", "label", "frame/index")


def predictor(detector):
    """Wrap a detector as the `predict` that `score_examples` wants."""
    crops = tf.TensorSpec([None, CROP_SIZE, CROP_SIZE, 3], tf.uint8)

    @tf.function(input_signature=[crops])
    def predict(crops):
        outputs = detector(crops, training=False)
        return {name: outputs[name] for name in OUTPUTS}

    return predict


def score_examples(predict, files, batch_size=32, keys=KEYS, outputs=OUTPUTS):
    """Yield one dict of NumPy columns per batch: `keys` of the examples and `outputs` of the model.

    Args:
        predict: uint8 crops [n, 256, 256, 3] -> dict with `outputs`, each [n].
        files: TFRecord files of face examples.

    Raises:
        ExamplesError: a file is cut or damaged.
    """
    before = None
    for batch in _batches(files, batch_size):
        # An accelerator works on this batch already while the one before it is fetched and used.
        scored = {key: batch[key] for key in keys}, predict(batch["crop"])
        if before:
            yield _columns(*before, outputs)
        before = scored
    if before:
        yield _columns(*before, outputs)


def _batches(files, batch_size):
    try:
        yield from evaluation_batches(files, batch_size)
    except tf.errors.OpError as error:
        for path in files:  # find the one to name
            for _ in face_examples.read_records(path):
                pass
        raise face_examples.ExamplesError(f"{files[0]} and its like: {error.message}") from error


def _columns(batch, scores, outputs):
    columns = {key: _as_text(values.numpy()) for key, values in batch.items()}
    return columns | {name: np.asarray(scores[name], np.float32) for name in outputs}


def _as_text(values):
    return np.array([v.decode() for v in values], object) if values.dtype == object else values


def join_batches(batches):
    """Concatenate the batches of `score_examples` into one dict of columns; empty columns for no batch."""
    batches = list(batches)
    if not batches:
        return {key: np.array([]) for key in (*KEYS, *OUTPUTS)}
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def mean_by_video(columns):
    """Video level: one row per video, its logit and similarity the means over its frames."""
    videos, first, inverse = np.unique(columns["video_id"].astype(str), return_index=True, return_inverse=True)
    frames = np.bincount(inverse)
    result = {key: columns[key][first] for key in ("dataset", "method", "label")}
    means = {name: np.bincount(inverse, columns[name].astype(np.float64)) / frames for name in OUTPUTS}
    return result | means | {"video_id": videos, "frames": frames}


def accuracy_and_auc(label, logit):
    """ACC at probability 0.5 and AUC, exact, on logits.

    Args:
        label: 0 or 1, [n].
        logit: fake minus real, [n].

    Returns:
        dict with `acc`, `auc` (None where it cannot be computed), and `reason` (None, or why not).
    """
    label, logit = np.asarray(label), np.asarray(logit, np.float64)
    if not len(label):
        return {"acc": None, "auc": None, "reason": "no examples"}
    if not np.isfinite(logit).all():
        return {"acc": None, "auc": None, "reason": "the model gave NaN or infinite logits"}
    accuracy = float(np.mean((logit > 0) == (label == 1)))
    if label.min() == label.max():
        return {"acc": accuracy, "auc": None, "reason": f"only {'fake' if label[0] else 'real'} examples"}
    return {"acc": accuracy, "auc": float(roc_auc_score(label, logit)), "reason": None}
