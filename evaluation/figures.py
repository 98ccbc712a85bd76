"""Exact figures of scores against labels, computed from the ranking itself: no score is rounded into buckets.

Rows belong to units that are counted as a whole: at frame level a unit is a video. So the same code gives the figures
of all rows, where each unit counts once, and of a bootstrap resample, where a unit counts as often as it was drawn.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from evaluation.vocabulary import BINS, FIGURE_KEYS, FigureKey, figures_of

OF_RANKING = figures_of("ranking")
OF_BOTH_CLASSES = (*OF_RANKING, "balanced_acc", "balanced_acc_val")
REALS_NEEDED: dict[FigureKey, int] = {"tpr_1": 100, "tpr_01": 1000}  # for a false-positive rate of 1 in so many

NO_ROWS = "no examples"
NOT_FINITE = "the model gave NaN or infinite scores"
NO_PROBABILITY = "a similarity is not a probability"
NO_THRESHOLD = "no threshold was fixed on a validation split"
_CHUNK = 1 << 13  # rows of the ranking that are processed together; their counts stay in the processor's cache
_BLOCK = 1 << 20  # rows that are summed together


def compute(
    label: np.ndarray, score: np.ndarray, probability: np.ndarray | None = None, threshold: float | None = None
) -> dict[FigureKey, tuple[float | None, str | None]]:
    """Compute every figure, each row counting once.

    Args:
        label: 0 (real) or 1 (fake), [n].
        score: higher for fakes, float [n].
        probability: of fake, 0..1, float [n]; None where the score has none.
        threshold: scores above it are called fake; None if there is none.

    Returns:
        For each figure (value, None) or (None, why there is none):

        acc, balanced_acc: of calling fake every row with a probability above 0.5; acc_val, balanced_acc_val: every row
            with a score above the threshold. The balanced accuracy is the mean of the shares of reals and of fakes
            called correctly.
        auc: the share of pairs of a real and a fake in which the fake scores higher, ties counting half.
        ap: average precision, the sum over distinct scores of precision times the step in recall; fake is positive.
        eer: the false-positive rate at which it equals the false-negative rate. Where no score gives equality, it lies
            on the chord between the two adjacent points of the ROC curve.
        tpr_1, tpr_01: the highest true-positive rate of a threshold with a false-positive rate of at most 1 % and
            0.1 %; nothing is interpolated.
        brier: the mean of (probability - label)².
        ece: the sum over `BINS` equal-width bins of the probability, [k/15, (k+1)/15), the last one closed, of
            |observed share of fakes - mean probability| times the bin's share of the rows.
    """
    label = np.asarray(label)
    rows = rank(label.astype(np.int32), np.array([False, True]), score, probability, threshold)
    reasons = rows.reasons()
    values = rows.figures(np.ones(2, np.int32))
    return {key: (None, reasons[key]) if key in reasons else (values[key], None) for key in FIGURE_KEYS}


def best_threshold(label: np.ndarray, score: np.ndarray) -> float | None:
    """Find the threshold with the best balanced accuracy when scores above it are called fake.

    It lies midway between two neighbouring scores; of several equally good ones it is the highest. Where none is
    better than calling nothing fake, it is the highest score.

    Args:
        label: 0 (real) or 1 (fake), [n].
        score: higher for fakes, float [n].

    Returns:
        The threshold; None if a class is missing or a score is not finite.
    """
    label, score = np.asarray(label), np.asarray(score)
    if not len(label) or label.min() == label.max() or not np.isfinite(score).all():
        return None
    order = np.argsort(score)[::-1]
    true = np.cumsum(label[order] == 1)
    score = score[order]
    ends = np.flatnonzero(score[1:] != score[:-1])  # everything up to there may be called fake
    fakes, reals = int(true[-1]), len(label) - int(true[-1])
    true = true[ends]
    gain = true * reals - (ends + 1 - true) * fakes  # (TPR - FPR), in whole numbers
    if not len(gain) or gain.max() <= 0:
        return float(score[0])
    at = ends[np.argmax(gain)]
    above, below = float(score[at]), float(score[at + 1])
    middle = above / 2 + below / 2
    return middle if middle < above else below  # adjacent floats have no number between them


def rank(
    unit: np.ndarray,
    fake: np.ndarray,
    score: np.ndarray,
    probability: np.ndarray | None = None,
    threshold: float | None = None,
    sign: int = 1,
) -> "Rows":
    """Sort rows by their score, once for all groups and resamples.

    Args:
        unit: the number of each row's unit, int32 [n].
        fake: whether a unit is fake, bool [units].
        score: float [n].
        probability: of fake, float [n], or None; see `compute`.
        threshold: see `compute`.
        sign: 1 where scores are higher for fakes; -1 where they are lower, then scores and threshold are negated.
    """
    score = np.asarray(score)
    order = np.argsort(score)[::-sign]
    unit, score = unit[order], score[order]
    np.multiply(score, sign, out=score)
    threshold = None if threshold is None else sign * threshold
    if probability is not None:
        probability = np.asarray(probability)[order]
    del order  # 8 bytes a row, the most of all
    finite = np.ones(len(fake), bool)
    finite[unit[~np.isfinite(score)]] = False
    if probability is not None:
        finite[unit[~np.isfinite(probability)]] = False
    sums = _sums(unit, fake, score, probability, threshold)
    return Rows(unit, score, _ends(score), fake, finite, sums, probability is not None, threshold is not None)


def _ends(score: np.ndarray) -> np.ndarray:
    """Tell which rows are the last of those with the same score, which is sorted; bool [n]."""
    return np.append(score[1:] != score[:-1], True)[: len(score)]


def _sums(
    unit: np.ndarray, fake: np.ndarray, score: np.ndarray, probability: np.ndarray | None, threshold: float | None
) -> np.ndarray:
    """Add up what is needed of the rows of each unit.

    Returns:
        float64 [2 or 4 + BINS, units]: the number of rows; how many are called fake at the threshold; and, with
        probabilities, how many are called fake at 0.5, the squared errors, and (label - probability) in each bin.
    """
    units = len(fake)
    bound = np.float64(np.nan if threshold is None else threshold)  # not a Python float: float32 would round it
    sums = np.zeros((2 if probability is None else 4 + BINS, units))
    for start in range(0, len(unit), _BLOCK):
        rows = slice(start, start + _BLOCK)
        of = unit[rows].astype(np.int64)
        sums[0] += np.bincount(of, minlength=units)
        sums[1] += np.bincount(of, score[rows] > bound, minlength=units)
        if probability is not None:
            given = np.nan_to_num(probability[rows].astype(np.float64), posinf=0, neginf=0)
            off = fake[of] - given
            cell = np.minimum((given * BINS).astype(np.int64), BINS - 1) * units + of
            sums[2] += np.bincount(of, given > 0.5, minlength=units)
            sums[3] += np.bincount(of, off**2, minlength=units)
            sums[4:] += np.bincount(cell, off, minlength=units * BINS).reshape(BINS, units)
    return sums


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows by descending score; see `rank`.

    Attributes:
        unit: number of each row's unit, int32 [n].
        score: higher for fakes, float [n].
        ends: whether a row is the last of those with the same score, bool [n].
        fake: whether a unit is fake, bool [units].
        finite: whether all scores of a unit are finite, bool [units].
        sums: of `_sums`, float64 [k, units].
        has_probability: whether the rows have probabilities.
        has_threshold: whether a threshold was given.
    """

    unit: np.ndarray
    score: np.ndarray
    ends: np.ndarray
    fake: np.ndarray
    finite: np.ndarray
    sums: np.ndarray
    has_probability: bool
    has_threshold: bool

    def of(self, units: np.ndarray) -> "Rows":
        """Return the rows of some units, bool [units], which are renumbered."""
        if units.all():
            return self
        kept, number = units[self.unit], np.cumsum(units, dtype=np.int32) - np.int32(1)
        score = self.score[kept]
        return Rows(
            unit=number[self.unit[kept]],
            score=score,
            ends=_ends(score),
            fake=self.fake[units],
            finite=self.finite[units],
            sums=self.sums[:, units],
            has_probability=self.has_probability,
            has_threshold=self.has_threshold,
        )

    def counts(self) -> tuple[int, int]:
        """Return the numbers of real and of fake rows."""
        rows = self.sums[0]
        return int(rows[~self.fake].sum()), int(rows[self.fake].sum())

    def reasons(self) -> dict[FigureKey, str]:
        """Say why figures cannot be computed; those that can are missing."""
        reals, fakes = self.counts()
        if not reals + fakes:
            return dict.fromkeys(FIGURE_KEYS, NO_ROWS)
        if not self.finite.all():
            return dict.fromkeys(FIGURE_KEYS, NOT_FINITE)
        reasons: dict[FigureKey, str] = {}
        for key, needed in REALS_NEEDED.items():
            if reals < needed:
                count = "1 real example" if reals == 1 else f"{reals} real examples"
                reasons[key] = f"{count}; a false-positive rate of 1 in {needed} needs {needed}"
        if not reals or not fakes:
            reasons |= dict.fromkeys(OF_BOTH_CLASSES, f"only {'real' if reals else 'fake'} examples")
        if not self.has_threshold:
            reasons |= dict.fromkeys(figures_of("threshold"), NO_THRESHOLD)
        if not self.has_probability:
            reasons |= dict.fromkeys(figures_of("probability"), NO_PROBABILITY)
        return reasons

    def figures(self, weights: np.ndarray, keys: Iterable[FigureKey] = FIGURE_KEYS) -> dict[FigureKey, float]:
        """Compute figures with each unit counted as often as its weight says.

        Args:
            weights: how often each unit counts, int32 [units].
            keys: which figures are wanted; without those of the ranking, the rows are not gone through.

        Returns:
            The figures; those in `reasons` are missing or meaningless.
        """
        every = self.sums @ weights.astype(np.float64)
        of_fakes = self.sums[:3] @ (weights * self.fake).astype(np.float64)
        count, fakes = every[0], of_fakes[0]
        reals = count - fakes
        values: dict[FigureKey, float] = {}
        called: list[tuple[int, FigureKey, FigureKey]] = []  # (row of the sums, accuracy, balanced accuracy)
        if self.has_probability and count:
            called.append((2, "acc", "balanced_acc"))
        if self.has_threshold and count:
            called.append((1, "acc_val", "balanced_acc_val"))
        for row, accuracy, balanced in called:
            true, false = of_fakes[row], every[row] - of_fakes[row]
            values[accuracy] = float((true + reals - false) / count)
            if reals and fakes:
                values[balanced] = float((true / fakes + (reals - false) / reals) / 2)
        if self.has_probability and count:
            values |= {"brier": float(every[3] / count), "ece": float(np.abs(every[4:]).sum() / count)}
        if reals and fakes and not set(OF_RANKING).isdisjoint(keys):
            values |= self._of_ranking(weights, int(reals), int(fakes))
        return values

    def _of_ranking(self, weights: np.ndarray, reals: int, fakes: int) -> dict[FigureKey, float]:
        """Go down the ranking, counting after each distinct score the fakes and the reals above."""
        area = precision = eer = 0.0
        at_rate = dict.fromkeys(REALS_NEEDED, 0.0)
        # One number holds both counts, that of fakes in its upper half: this halves the most expensive work.
        weights = np.where(self.fake, weights.astype(np.int64) << 32, weights)
        above, last, crossed = np.int64(0), np.zeros(1, np.int64), False
        for start in range(0, len(self.unit), _CHUNK):
            counts = np.cumsum(weights[self.unit[start : start + _CHUNK]]) + above
            above, ends = counts[-1], self.ends[start : start + _CHUNK]
            points = np.concatenate([last, counts if ends.all() else counts[ends]])
            last = points[-1:]
            true, false = (half.astype(np.float64) for half in (points >> 32, points & 0xFFFFFFFF))
            steps = true[1:] - true[:-1]
            area += np.dot(false[1:] - false[:-1], true[1:] + true[:-1])
            precision += np.dot(steps, true[1:] / np.maximum(true[1:] + false[1:], 1))
            for key, needed in REALS_NEEDED.items():
                if false[0] <= reals // needed:
                    at_rate[key] = true[np.searchsorted(false, reals // needed, side="right") - 1]
            if not crossed:
                crossed, eer = _equal_error(true, false, reals, fakes)
        values: dict[FigureKey, float] = {"auc": area / (2 * reals * fakes), "ap": precision / fakes, "eer": eer}
        values |= {key: true / fakes for key, true in at_rate.items()}
        return {key: float(value) for key, value in values.items()}


def _equal_error(true: np.ndarray, false: np.ndarray, reals: int, fakes: int) -> tuple[bool, float]:
    """Tell whether the ROC curve crosses FPR = 1 - TPR between these points, and return the FPR where it does."""
    total = true * reals + false * fakes  # (TPR + FPR) times all pairs
    if total[-1] < reals * fakes:
        return False, 0.0
    at = int(np.searchsorted(total, reals * fakes))
    before = max(at - 1, 0)
    share = (reals * fakes - total[before]) / max(total[at] - total[before], 1)
    return True, (false[before] + share * (false[at] - false[before])) / reals
