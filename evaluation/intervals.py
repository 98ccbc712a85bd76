"""95 % intervals by a bootstrap over videos: the frames of a video are not independent, so videos are drawn as wholes.

Reals and fakes are drawn separately, each as many as there are: those of each data set and method among themselves
where there are at least two, all others of the class together. A resample is a number per video, how often it was
drawn, so no row is copied. The draw depends on the seed, the resample's number and the order of the videos, never on
rows.

On large data fewer resamples are made, so that `BUDGET` rows are processed in all. With fewer than
`FEWEST_FOR_PERCENTILES` resamples an interval is the value plus and minus 1.96 standard deviations of the resamples,
within the figure's range; otherwise it lies between their percentiles. Where all resamples give the same figure, as
with perfectly separated classes, the interval is that point: the bootstrap cannot know what was never seen.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.figures import Rows, rank
from evaluation.results import FigureValue, ScoreFigures
from evaluation.vocabulary import FIGURE_KEYS, FigureKey, ScoreName

LEVEL = 0.95
BUDGET = 500_000_000  # rows times resamples, per group of videos
FEWEST = 25  # resamples, whatever the budget
FEWEST_FOR_PERCENTILES = 200
_SIGMAS = 1.959964  # of the normal distribution, for LEVEL


def resamples_within_budget(rows: int, resamples: int) -> int:
    """Return how many resamples are made of so many rows.

    Args:
        rows: their number.
        resamples: how many were asked for.

    Raises:
        ValueError: `resamples` is 1 or negative.
    """
    if resamples < 0 or resamples == 1:
        raise ValueError(f"resamples must be 0, for no intervals, or at least 2. Received: {resamples}")
    return min(resamples, max(FEWEST, BUDGET // max(rows, 1)))


def strata(label: np.ndarray, kind: np.ndarray) -> list[np.ndarray]:
    """Divide units into strata, whose units are drawn among themselves.

    Args:
        label: 0 or 1, [units].
        kind: a number per unit for its data set and method, int [units].

    Returns:
        The units of each stratum, int [k] each.
    """
    result: list[np.ndarray] = []
    for value in (0, 1):
        members = np.flatnonzero(np.asarray(label) == value)
        kinds, number, count = np.unique(np.asarray(kind)[members], return_inverse=True, return_counts=True)
        number = np.where(count[number] == 1, len(kinds), number)
        result += [part for part in (members[number == k] for k in range(len(kinds) + 1)) if len(part)]
    return result


def draw_resample(parts: Sequence[np.ndarray], units: int, resample: int, seed: int) -> np.ndarray:
    """Draw one resample.

    Args:
        parts: of `strata`.
        units: their number in all.
        resample: number of the resample.
        seed: of all resamples.

    Returns:
        How often each unit was drawn, int32 [units].
    """
    generator = np.random.default_rng([seed, resample])
    weights = np.zeros(units, np.int32)
    for members in parts:
        count = len(members)
        weights[members] = np.bincount(generator.integers(count, size=count, dtype=np.int32), minlength=count)
    return weights


def with_intervals(
    scores: Mapping[ScoreName, Rows], kind: np.ndarray, resamples: int = 1000, seed: int = 0
) -> tuple[dict[ScoreName, ScoreFigures], int]:
    """Compute all figures with their intervals.

    Args:
        scores: the rows ranked by each score, all of the same units.
        kind: see `strata`.
        resamples: how many are made if the rows allow; 0 for no intervals.
        seed: at least 0.

    Returns:
        (the figures by each score, the number of resamples that were made).
    """
    first = next(iter(scores.values()))
    units, why = len(first.fake), _why_no_interval(first.fake, resamples)
    reasons = {name: rows.reasons() for name, rows in scores.items()}
    values = {name: rows.figures(np.ones(units, np.int32)) for name, rows in scores.items()}
    wanted = {name: [key for key in FIGURE_KEYS if key not in reasons[name]] for name in scores}
    used = 0 if why or not any(wanted.values()) else resamples_within_budget(len(first.unit), resamples)
    draws = {name: {key: np.empty(used) for key in wanted[name]} for name in scores}
    parts = strata(first.fake, kind)
    for resample in range(used):
        weights = draw_resample(parts, units, resample, seed)
        for name, rows in scores.items():
            found = rows.figures(weights, wanted[name]) if wanted[name] else {}
            for key in wanted[name]:
                draws[name][key][resample] = found[key]
    result: dict[ScoreName, ScoreFigures] = {}
    for name in scores:
        result[name] = {}
        for key in FIGURE_KEYS:
            if key in reasons[name]:
                result[name][key] = _missing(reasons[name][key])
            else:
                result[name][key] = _figure(values[name][key], draws[name][key], why, within=(0, 1))
    return result, used


def paired_difference(
    label: np.ndarray,
    video: np.ndarray,
    score_a: np.ndarray,
    score_b: np.ndarray,
    key: FigureKey,
    resamples: int = 1000,
    seed: int = 0,
    *,
    kind: np.ndarray | None = None,
    probability_a: np.ndarray | None = None,
    probability_b: np.ndarray | None = None,
    threshold_a: float | None = None,
    threshold_b: float | None = None,
) -> FigureValue:
    """Compare one figure of two models on the same rows: a minus b, with its interval over the same resamples.

    Args:
        label: 0 or 1, [n].
        video: number of each row's video, from 0 on, each number in use, int [n]; at video level `arange(n)`.
        score_a: of the first model, higher for fakes, float [n].
        score_b: of the second model, likewise.
        key: which figure.
        resamples: see `with_intervals`.
        seed: see `with_intervals`.
        kind: a number per row for its data set and method, int [n]; None if they do not matter.
        probability_a: of fake by the first model, float [n], for the figures that need it.
        probability_b: likewise by the second model.
        threshold_a: of the first model, for the figures that need it.
        threshold_b: of the second model.

    Returns:
        The difference with its interval; None where there is none, with the reason.
    """
    video = np.asarray(video, np.int32)
    units = int(video.max()) + 1 if len(video) else 0
    fake, kinds = np.zeros(units, bool), np.zeros(units, np.int64)
    fake[video] = np.asarray(label) == 1
    kinds[video] = 0 if kind is None else kind
    models = [
        rank(video, fake, score, probability, threshold)
        for score, probability, threshold in (
            (score_a, probability_a, threshold_a),
            (score_b, probability_b, threshold_b),
        )
    ]
    for rows in models:
        if key in rows.reasons():
            return _missing(rows.reasons()[key])

    def difference(weights: np.ndarray) -> float:
        a, b = (rows.figures(weights, (key,))[key] for rows in models)
        return a - b

    value, why = difference(np.ones(units, np.int32)), _why_no_interval(fake, resamples)
    used = 0 if why else resamples_within_budget(len(video), resamples)
    parts = strata(fake, kinds)
    draws = np.array([difference(draw_resample(parts, units, resample, seed)) for resample in range(used)])
    return _figure(value, draws, why, within=(-1, 1))


def _why_no_interval(fake: np.ndarray, resamples: int) -> str | None:
    if not resamples:
        return "no interval: no resamples were requested"
    for name, count in (("real", int((~fake).sum())), ("fake", int(fake.sum()))):
        if count == 1:
            return f"no interval: only one {name} video"
    return None


def _missing(reason: str) -> FigureValue:
    return {"value": None, "low": None, "high": None, "reason": reason}


def _figure(value: float, draws: np.ndarray, why_no_interval: str | None, within: tuple[float, float]) -> FigureValue:
    """Return a figure with its interval from the figures of the resamples, float [resamples]."""
    if why_no_interval is not None:
        return {"value": value, "low": None, "high": None, "reason": why_no_interval}
    if len(draws) >= FEWEST_FOR_PERCENTILES:
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    else:
        margin = _SIGMAS * np.std(draws, ddof=1)
        low, high = np.clip([value - margin, value + margin], *within)
    return {"value": value, "low": float(low), "high": float(high), "reason": None}
