"""Score face examples with a detector, and measure the scores: ACC and AUC, exact."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from artifacts import face_examples
from artifacts.crop_size import CROP_SIZE
from artifacts.errors import InputError
from artifacts.manifest import LABELS
from model.detector import DeepfakeDetector
from model.input_pipeline import evaluation_batches
from model.served import Predict

OUTPUTS = ("logit", "center_similarity")
TEXTS = ("video_id", "dataset", "method")
KEYS = ("video_id", "dataset", "method", "label", "frame/index", "face/track")

# Arrays of equal length by name, one row per face.
Columns = dict[str, np.ndarray]


class AccuracyAndAuc(TypedDict):
    """Figures of binary scores.

    Attributes:
        acc: share of rows on the right side of logit 0; None if it cannot be computed.
        auc: area under the ROC curve; None if it cannot be computed.
        reason: None, or why a figure is None.
    """

    acc: float | None
    auc: float | None
    reason: str | None


def predictor(detector: DeepfakeDetector, names: Sequence[str] = OUTPUTS) -> Predict:
    """Compile a detector to a function of uint8 crops [n, 256, 256, 3] that returns its outputs of these names."""
    crops = tf.TensorSpec([None, CROP_SIZE, CROP_SIZE, 3], tf.uint8)

    def predict(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = detector(crops, training=False)
        return {name: outputs[name] for name in names}

    compiled: Predict = tf.function(predict, input_signature=[crops])
    return compiled


def score_examples(
    predict: Predict,
    files: Sequence[str],
    batch_size: int = 32,
    keys: Sequence[str] = KEYS,
    outputs: Sequence[str] = OUTPUTS,
) -> Iterator[Columns]:
    """Score every example of some files, in order.

    Args:
        predict: uint8 crops [n, 256, 256, 3] to a dict with `outputs`, n rows each.
        files: TFRecord files of face examples.
        batch_size: faces per call of `predict`.
        keys: of the examples, to be passed through; see `evaluation_batches`.
        outputs: of the model.

    Yields:
        One `Columns` per batch, with `keys` and `outputs`; texts as objects, outputs as float32.

    Raises:
        InputError: a file is truncated or damaged, or a record has a label other than 0 and 1 or a text that is not
            UTF-8; names file and record.
    """
    waiting = None
    for batch in _batches(files, batch_size):
        # An accelerator already works on this batch while the one before it is fetched and used.
        scored = {key: batch[key] for key in keys}, predict(batch["crop"])
        if waiting:
            yield _columns(*waiting, outputs)
        waiting = scored
    if waiting:
        yield _columns(*waiting, outputs)


def _batches(files: Sequence[str], batch_size: int) -> Iterator[dict[str, tf.Tensor]]:
    done = 0
    try:
        for batch in evaluation_batches(files, batch_size):
            for row, problem in _problems(batch):
                raise InputError(f"{_place(files, done + row)}: {problem}. Write these face examples again")
            done += len(batch["label"])
            yield batch
    except tf.errors.OpError as error:
        for path in files:  # to name the file: this raises at the damaged one
            for _ in face_examples.read_records(path):
                pass
        raise InputError(f"{files[0]} or one of the files beside it: {error.message}") from error


def _problems(batch: Mapping[str, tf.Tensor]) -> Iterator[tuple[int, str]]:
    """Yield (row, what is wrong with it) of the records that cannot be scored."""
    for row, label in enumerate(batch["label"].numpy()):
        if label not in LABELS:
            yield row, f"label is {label}; 0 is real and 1 is fake"
    for key in TEXTS:
        for row, text in enumerate(batch[key].numpy()):
            try:
                text.decode()
            except UnicodeDecodeError as error:
                yield row, f"{key} is not UTF-8 ({error.reason} at byte {error.start})"


def _place(files: Sequence[str], number: int) -> str:
    """Return the file and the record of an example, by its number over all files."""
    for path in files:
        for record, _ in enumerate(face_examples.read_records(path)):
            if number == 0:
                return f"{path}: record {record}"
            number -= 1
    return f"{files[0]} or one of the files beside it"


def _columns(batch: Mapping[str, tf.Tensor], scores: Mapping[str, Any], outputs: Sequence[str]) -> Columns:
    columns = {key: _decoded(values.numpy()) for key, values in batch.items()}
    return columns | {name: np.asarray(scores[name], np.float32) for name in outputs}


def _decoded(values: np.ndarray) -> np.ndarray:
    """TensorFlow's byte strings as texts; other types as they are."""
    return np.array([v.decode() for v in values], object) if values.dtype == object else values


def join_batches(batches: Iterable[Columns]) -> Columns:
    """Concatenate the batches of `score_examples`; without a batch the columns are empty."""
    batches = list(batches)
    if not batches:
        return {key: np.array([]) for key in (*KEYS, *OUTPUTS)}
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def accuracy_and_auc(label: Sequence[int] | np.ndarray, logit: Sequence[float] | np.ndarray) -> AccuracyAndAuc:
    """Compute ACC at probability 0.5 and AUC, exactly, from logits.

    Args:
        label: 0 real, 1 fake, [n].
        logit: fake minus real, [n].

    Example:
        >>> accuracy_and_auc([0, 0, 1, 1], [-2.0, 1.0, 0.5, 3.0])
        {'acc': 0.75, 'auc': 0.75, 'reason': None}
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
