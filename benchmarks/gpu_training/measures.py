"""Figures of scores and embeddings in NumPy alone: the machine with the GPU has no TensorFlow."""

from collections.abc import Sequence

import numpy as np

Vector = np.ndarray | Sequence[float]


def auc(label: Vector, score: Vector) -> float:
    """Return the area under the ROC curve by ranks, where ties count half.

    Args:
        label: 0 or 1, [n].
        score: higher for fakes, float [n].

    Returns:
        NaN if a score is not finite or a class is absent.
    """
    label, score = np.asarray(label), np.asarray(score, np.float64)
    positive = int((label == 1).sum())
    negative = len(label) - positive
    if not np.isfinite(score).all() or not positive or not negative:
        return float("nan")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    rank = (last - (counts - 1) / 2)[inverse]
    return float((rank[label == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def best_threshold(label: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """Return the threshold above which "fake" is right most often, and that accuracy; arguments as in `auc`."""
    order = np.argsort(score)
    score, label = np.asarray(score)[order], np.asarray(label)[order]
    reals_below = np.concatenate([[0], np.cumsum(label == 0)])
    fakes_above = np.concatenate([np.cumsum((label == 1)[::-1])[::-1], [0]])
    # A threshold cannot lie between two equal scores.
    allowed = np.concatenate([[True], score[1:] > score[:-1], [True]])
    below = int(np.argmax(np.where(allowed, reals_below + fakes_above, -1)))
    between = [score[0] - 1e-6, *((score[1:] + score[:-1]) / 2), score[-1] + 1e-6]
    return float(between[below]), float((reals_below + fakes_above)[below] / len(label))


def true_positive_rate(label: np.ndarray, score: np.ndarray, false_positive_rate: float = 0.01) -> float:
    """Return the share of fakes above the threshold that at most that share of the reals exceeds."""
    real = np.sort(score[label == 0])[::-1]
    threshold = real[int(np.floor(false_positive_rate * len(real)))]
    return float((score[label == 1] > threshold).mean())


def equal_error_rate(label: np.ndarray, score: np.ndarray) -> float:
    """Return the rate at which false alarms and misses are equally frequent, linear between two thresholds."""
    order = np.argsort(-np.asarray(score), kind="stable")
    label = np.asarray(label)[order]
    fpr = np.concatenate([[0], np.cumsum(label == 0) / (label == 0).sum()])
    fnr = 1 - np.concatenate([[0], np.cumsum(label == 1) / (label == 1).sum()])
    k = int(np.argmax(fpr >= fnr))
    gap_before, gap = fnr[k - 1] - fpr[k - 1], fpr[k] - fnr[k]
    share = gap_before / max(gap_before + gap, 1e-12)
    return float(fpr[k - 1] + share * (fpr[k] - fpr[k - 1]))


def spread(label: np.ndarray, embedding: np.ndarray) -> dict[str, float]:
    """Measure how the classes lie.

    Args:
        label: 0 or 1, [n].
        embedding: float [n, d].

    Returns:
        `real_spread` and `fake_spread`, the traces of the covariance within each class; `delta2`, the squared distance
        of their means; `rho`, its ratio to the mean spread.
    """
    means, traces = [], []
    for value in (0, 1):
        rows = np.asarray(embedding[label == value], np.float64)
        means.append(rows.mean(0))
        traces.append(float(((rows - rows.mean(0)) ** 2).sum(1).mean()))
    delta2 = float(((means[1] - means[0]) ** 2).sum())
    rho = delta2 / max(float(np.mean(traces)), 1e-12)
    return {"real_spread": traces[0], "fake_spread": traces[1], "delta2": delta2, "rho": rho}
