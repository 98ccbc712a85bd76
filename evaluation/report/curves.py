"""The numbers behind the report's plots: ROC curves, score histograms, reliability; exact, and few."""

from typing import TypedDict

import numpy as np

from evaluation.vocabulary import BINS

_AT_ONCE = 1 << 20  # rows


class Reliability(TypedDict):
    """How often the fake probability is correct, by bin.

    Attributes:
        count: rows in each bin, int64 [BINS].
        predicted: mean fake probability of each bin, float64 [BINS]; NaN where a bin is empty.
        observed: share of fakes in each bin, float64 [BINS]; NaN where a bin is empty.
    """

    count: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray


def roc(label: np.ndarray, score: np.ndarray, *, points: int = 400, log: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the ROC curve.

    Every returned point lies on the exact curve. They are chosen at even steps along it (rise plus run, as drawn), so
    that the chords between them deviate by less than sqrt(2) / `points` of an axis, on smooth curves by far less.

    Args:
        label: 0 or 1, [n]; both occur.
        score: higher for fakes, float [n], without NaN.
        points: about how many are returned at most.
        log: whether to choose the steps for a logarithmic false-positive axis.

    Returns:
        (false-positive rates, true-positive rates), both rising from 0 to 1; float [k], k <= `points` + 2.
    """
    real, fake = (np.sort(score[label == value]) for value in (0, 1))
    thresholds = np.unique(np.concatenate([_order_statistics(real), _order_statistics(fake)]))[::-1]
    false_rate, true_rate = (
        np.r_[0, (len(of) - np.searchsorted(of, thresholds, "left")) / len(of)] for of in (real, fake)
    )
    along = true_rate + (_decades(false_rate, len(real)) if log else false_rate)
    steps = np.searchsorted(along, np.linspace(0, along[-1], points // 2)).clip(max=len(along) - 1)
    # Also the point before each step: a long straight piece, of equal scores, may end there.
    kept = np.unique(np.r_[0, np.maximum(steps - 1, 0), steps, len(along) - 1])
    return false_rate[kept], true_rate[kept]


def _order_statistics(values: np.ndarray, most: int = 5000) -> np.ndarray:
    """Return all values if they are few; otherwise some of them from both ends, densely where rates are small."""
    if len(values) <= 2 * most:
        return values
    from_top = np.unique(np.r_[np.geomspace(1, len(values), most), np.linspace(1, len(values), most)].astype(int))
    chosen: np.ndarray = values[-from_top]
    return chosen


def _decades(rate: np.ndarray, reals: int) -> np.ndarray:
    """Return positions on a logarithmic axis from 1 / (2 reals) to 1, as shares of its length."""
    lowest = 0.5 / reals
    position: np.ndarray = 1 - np.log(np.maximum(rate, lowest)) / np.log(lowest)
    return position


def histogram(score: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count the finite scores between the edges; float [k + 1] -> int [k]."""
    counts: np.ndarray = np.histogram(score[np.isfinite(score)], edges)[0]
    return counts


def edges_of(score: np.ndarray, bins: int = 30) -> np.ndarray | None:
    """Return equally spaced edges over the range of the finite scores, float [bins + 1]; None if no score is finite."""
    finite = score[np.isfinite(score)]
    return np.histogram_bin_edges(finite, bins) if len(finite) else None


def reliability(label: np.ndarray, probability: np.ndarray) -> Reliability:
    """Compare the fake probability with the share of fakes, in `BINS` equal-width bins.

    Args:
        label: 0 or 1, [n].
        probability: of fake, 0..1, float [n].
    """
    count, predicted, observed = np.zeros(BINS, np.int64), np.zeros(BINS), np.zeros(BINS)
    for start in range(0, len(label), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        of = probability[rows].astype(np.float64)
        bin_of = np.minimum((of * BINS).astype(np.int64), BINS - 1)
        count += np.bincount(bin_of, minlength=BINS)
        predicted += np.bincount(bin_of, of, minlength=BINS)
        observed += np.bincount(bin_of, label[rows], minlength=BINS)
    with np.errstate(invalid="ignore"):
        return {"count": count, "predicted": predicted / count, "observed": observed / count}
