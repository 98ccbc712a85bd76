"""The logit of a detector whose classifier is not trained: a read-out of its embeddings.

A recipe without cross-entropy gives its classifier no gradient, so that its logit would be that of random weights. What
such a training learns is in the embeddings, and a read-out of these takes the classifier's place, so that whatever uses
the exported model finds a logit where it finds that of any other.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from model.detector import DeepfakeDetector
from model.input_pipeline import crops_at
from model.losses import FAKE, REAL
from model.record_index import RecordIndex
from model.served import Predict

MOST = 1024  # faces of each class that a read-out is fitted on; more cost time at every validation and change little
HIGHEST = 20.0  # logit of the mean fake, where the classes hardly overlap: sigmoid(20) is 1 in float32


class Readout(NamedTuple):
    """A logit, linear in the embedding x: weights · x + bias.

    Attributes:
        weights: float64 [d].
        bias: the logit of the embedding 0.
    """

    weights: np.ndarray
    bias: float


def fit(embedding: np.ndarray, label: Sequence[int] | np.ndarray) -> Readout:
    """Fit the class-mean read-out: logit(x) = (x - m) · δ / s².

    δ is the mean of the fakes minus that of the reals, m the midpoint of both, and s² the variance of x · δ / |δ|
    within a class, the mean of both. This is the log-odds of two normal distributions along δ with equal variance and
    equally frequent classes: linear discriminant analysis for a covariance that is the same in every direction. The
    whole covariance is not inverted, because in 128 dimensions, most of which the metric losses leave almost empty, its
    inverse would be that of noise. The order that a read-out gives, and so its AUC, depends on δ only; the scale is
    corrected by the temperature that `model.calibration` fits on other faces than these.

    Args:
        embedding: as the metric losses see it, float [n, d].
        label: 0 real, 1 fake, [n]; both occur.

    Returns:
        A `Readout`. Where both classes have the same mean, every logit is 0. Where the classes hardly overlap, s² is so
        large that the means get logits of ±`HIGHEST`.

    Example:
        >>> weights, bias = fit(np.array([[0.0], [2.0], [3.0], [5.0]]), [0, 0, 1, 1])
        >>> weights.tolist(), bias  # means 1 and 4, variance 1
        ([3.0], -7.5)
    """
    embedding, label = np.asarray(embedding, np.float64), np.asarray(label)
    means = np.stack([embedding[label == kind].mean(axis=0) for kind in (REAL, FAKE)])
    delta, middle = means[FAKE] - means[REAL], means.mean(axis=0)
    distance = float(np.linalg.norm(delta))
    if distance == 0:
        return Readout(np.zeros_like(delta), 0.0)
    along = embedding @ delta / distance
    variance = float(np.mean([along[label == kind].var() for kind in (REAL, FAKE)]))
    weights = delta / max(variance, distance**2 / (2 * HIGHEST))
    return Readout(weights, -float(weights @ middle))


def fit_logistic(embedding: np.ndarray, label: Sequence[int] | np.ndarray) -> Readout:
    """Fit a logistic regression to standardised embeddings, as a classifier above frozen features is.

    Args:
        embedding: float [n, d].
        label: 0 real, 1 fake, [n]; both occur.

    Returns:
        A `Readout` of the embeddings as they are; a dimension in which they are all equal has the weight 0.

    Example:
        >>> weights, bias = fit_logistic(np.array([[0.0], [2.0], [3.0], [5.0]]), [0, 0, 1, 1])
        >>> round(float(-bias / weights[0]), 3)  # where the logit is 0
        2.5
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to import

    embedding = np.asarray(embedding, np.float64)
    mean, deviation = embedding.mean(axis=0), embedding.std(axis=0)
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    fitted = LogisticRegression(max_iter=1000).fit((embedding - mean) * scale, np.asarray(label))
    weights = fitted.coef_[0] * scale
    return Readout(weights, float(fitted.intercept_[0] - weights @ mean))


FITS: dict[str, Callable[[np.ndarray, np.ndarray], Readout]] = {"class_means": fit, "logistic": fit_logistic}


def fit_on_examples(predict: Predict, index: RecordIndex, kind: str = "class_means") -> Readout:
    """Fit a read-out on at most `MOST` faces of each class, evenly spaced over the training examples.

    Args:
        predict: uint8 crops to a dict with `embedding`, float [n, d]; see `model.scoring.predictor`.
        index: of the training examples.
        kind: of `FITS`; the recipe's `readout`.
    """
    chosen = np.sort(np.concatenate([_evenly(np.flatnonzero(index.label == kind)) for kind in (REAL, FAKE)]))
    parts = [np.asarray(predict(crops)["embedding"], np.float64) for crops in crops_at(index, chosen)]
    return FITS[kind](np.concatenate(parts), index.label[chosen])


def _evenly(positions: np.ndarray) -> np.ndarray:
    """At most `MOST` of the positions, int64 [k]."""
    if len(positions) <= MOST:
        return positions
    return positions[np.arange(MOST) * len(positions) // MOST]


def apply(predict: Predict, readout: Readout) -> Predict:
    """Return `predict` with the read-out's logit in place of its own; it must return `embedding`."""
    weights = tf.constant(readout.weights, keras.config.floatx())

    def predict_with_readout(crops: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = predict(crops)
        return {**outputs, "logit": tf.linalg.matvec(outputs["embedding"], weights) + readout.bias}

    return predict_with_readout


def install(detector: DeepfakeDetector, readout: Readout) -> None:
    """Make the read-out the detector's classifier, half of the logit to each class, with opposite signs."""
    halves = np.array([-0.5, 0.5])
    detector.classifier.kernel.assign(readout.weights[:, None] * halves)
    detector.classifier.bias.assign(readout.bias * halves)
