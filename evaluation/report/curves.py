"""The numbers behind the report's plots: ROC curves, score histograms, reliability; exact, and few whatever the rows."""

import numpy as np

BINS = 15  # of the reliability diagram and the calibration error
_AT_ONCE = 1 << 20  # rows


def roc(label, score, *, points=400, log=False):
    """Return the ROC curve as false- and true-positive rates, both rising from 0 to 1; [k], k <= `points` + 2.

    Every returned point lies on the exact curve. They are chosen at even steps along it (rise plus run, as drawn), so
    that the chords between them stray by less than sqrt(2) / `points` of an axis, on smooth curves by far less.

    Args:
        label: 0 or 1, [n]; both occur.
        score: higher for fakes, [n], without NaN.
        log: choose the steps for a logarithmic false-positive axis.
    """
    real, fake = (np.sort(score[label == value]) for value in (0, 1))
    thresholds = np.unique(np.concatenate([_spread(real), _spread(fake)]))[::-1]
    false_rate, true_rate = (
        np.r_[0, (len(of) - np.searchsorted(of, thresholds, "left")) / len(of)] for of in (real, fake)
    )
    along = true_rate + (_decades(false_rate, len(real)) if log else false_rate)
    steps = np.searchsorted(along, np.linspace(0, along[-1], points // 2)).clip(max=len(along) - 1)
    # The point before a step, too: a long straight piece, of equal scores, may end there.
    kept = np.unique(np.r_[0, np.maximum(steps - 1, 0), steps, len(along) - 1])
    return false_rate[kept], true_rate[kept]


def _spread(values, most=5000):
    """All values if they are few; else order statistics from both ends on, densely where rates are small."""
    if len(values) <= 2 * most:
        return values
    from_top = np.unique(np.r_[np.geomspace(1, len(values), most), np.linspace(1, len(values), most)].astype(int))
    return values[-from_top]


def _decades(rate, reals):
    """Position on a logarithmic axis from 1 / (2 reals) to 1, as a share of its length."""
    least = 0.5 / reals
    return 1 - np.log(np.maximum(rate, least)) / np.log(least)


def histogram(score, edges):
    """Count the finite scores between the edges; int [k]."""
    return np.histogram(score[np.isfinite(score)], edges)[0]


def edges_of(score, bins=30):
    """Even edges over the range of the finite scores, [bins + 1]; None if there are none."""
    finite = score[np.isfinite(score)]
    return np.histogram_bin_edges(finite, bins) if len(finite) else None


def reliability(label, probability):
    """Say how often the fake-probability is right, in `BINS` even bins.

    Args:
        label: 0 or 1, [n].
        probability: of fake, 0..1, [n].

    Returns:
        dict of arrays [BINS]: `count`, and of the bins that hold something, else NaN, `predicted` (the mean
        probability) and `observed` (the share of fakes).
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
