"""95 % intervals by bootstrap over videos: frames of one video are not independent, videos are drawn as wholes.

Reals and fakes are drawn apart, each as many as there are: those of each data set and method by themselves where there
are at least two, all others of the class together. A resample is a number per video, how often it was drawn, so no row
is copied. What is drawn depends on the seed, on the resample's number and on the videos in their order, never on rows.

On large data fewer resamples are made, so that `BUDGET` rows are gone through in all; below `FEWEST_FOR_PERCENTILES` an
interval is the value plus and minus 1.96 standard deviations of the resamples, within 0 and 1, else their percentiles.
Where all resamples give one figure, as with perfectly separated classes, the interval is that point: the bootstrap
cannot know what was never seen.
"""

import numpy as np

from evaluation.figures import KEYS, rank

LEVEL = 0.95
BUDGET = 500_000_000  # rows times resamples, per group of videos
LEAST = 25  # resamples, whatever the budget
FEWEST_FOR_PERCENTILES = 200
_SIGMAS = 1.959964  # of the normal distribution, for LEVEL


def resamples_within_budget(rows, resamples):
    """How many resamples are made of so many rows, if so many are asked for.

    Raises:
        ValueError: one is asked for, or fewer than none.
    """
    if resamples < 0 or resamples == 1:
        raise ValueError(f"resamples must be 0, for no intervals, or at least 2. Received: {resamples}")
    return min(resamples, max(LEAST, BUDGET // max(rows, 1)))


def strata(label, kind):
    """Divide units into those that are drawn among themselves.

    Args:
        label: 0 or 1, [units].
        kind: a number per unit for its data set and method, int [units].

    Returns:
        List of int arrays: the units of each stratum.
    """
    result = []
    for value in (0, 1):
        members = np.flatnonzero(np.asarray(label) == value)
        kinds, number, count = np.unique(np.asarray(kind)[members], return_inverse=True, return_counts=True)
        number = np.where(count[number] == 1, len(kinds), number)
        result += [part for part in (members[number == k] for k in range(len(kinds) + 1)) if len(part)]
    return result


def drawn(strata, units, resample, seed):
    """How often each unit is in a resample, int32 [units]; `strata` are of the function with that name."""
    generator = np.random.default_rng([seed, resample])
    weights = np.zeros(units, np.int32)
    for members in strata:
        count = len(members)
        weights[members] = np.bincount(generator.integers(count, size=count, dtype=np.int32), minlength=count)
    return weights


def with_intervals(scores, kind, resamples=1000, seed=0):
    """Compute all figures with their intervals.

    Args:
        scores: name -> `figures.Rows`, all of the same units.
        kind: see `strata`.
        resamples: how many are made if the rows allow; 0 for no intervals.
        seed: a whole number, at least 0.

    Returns:
        ({name: {key: {"value", "low", "high", "reason"}}}, the number of resamples that were made).
    """
    first = next(iter(scores.values()))
    units, why = len(first.fake), _why_no_interval(first.fake, resamples)
    reasons = {name: rows.reasons() for name, rows in scores.items()}
    values = {name: rows.figures(np.ones(units, np.int32)) for name, rows in scores.items()}
    wanted = {name: [key for key in KEYS if key not in reasons[name]] for name in scores}
    used = 0 if why or not any(wanted.values()) else resamples_within_budget(len(first.unit), resamples)
    draws = {name: {key: np.empty(used) for key in wanted[name]} for name in scores}
    parts = strata(first.fake, kind)
    for resample in range(used):
        weights = drawn(parts, units, resample, seed)
        for name, rows in scores.items():
            found = rows.figures(weights, wanted[name]) if wanted[name] else {}
            for key in wanted[name]:
                draws[name][key][resample] = found[key]
    return {
        name: {
            key: _figure(None, reason=reasons[name][key])
            if key in reasons[name]
            else _figure(values[name][key], draws[name][key], why, within=(0, 1))
            for key in KEYS
        }
        for name in scores
    }, used


def paired_difference(
    label,
    video,
    score_a,
    score_b,
    key,
    resamples=1000,
    seed=0,
    *,
    kind=None,
    probability_a=None,
    probability_b=None,
    threshold_a=None,
    threshold_b=None,
):
    """Compare one figure of two models on the same rows: a minus b, with its interval over the same resamples.

    Args:
        label: 0 or 1, [n].
        video: number of each row's video, from 0 on, each number in use, int [n]; at video level `arange(n)`.
        score_a, score_b: of the two models, higher for fakes, [n].
        key: of `figures.KEYS`.
        resamples, seed: see `with_intervals`.
        kind: a number per row for its data set and method, int [n]; None if they do not matter.
        probability_a, probability_b, threshold_a, threshold_b: see `figures.compute`; for the figures that need them.

    Returns:
        {"value", "low", "high", "reason"}, of one figure; None where there is none, with the reason.
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
            return _figure(None, reason=rows.reasons()[key])

    def difference(weights):
        a, b = (rows.figures(weights, (key,))[key] for rows in models)
        return a - b

    value, why = difference(np.ones(units, np.int32)), _why_no_interval(fake, resamples)
    used = 0 if why else resamples_within_budget(len(video), resamples)
    parts = strata(fake, kinds)
    draws = np.array([difference(drawn(parts, units, resample, seed)) for resample in range(used)])
    return _figure(value, draws, why, within=(-1, 1))


def _why_no_interval(fake, resamples):
    if not resamples:
        return "no interval: no resamples were asked for"
    for name, count in (("real", int((~fake).sum())), ("fake", int(fake.sum()))):
        if count == 1:
            return f"no interval: only one {name} video"
    return None


def _figure(value, draws=(), reason=None, within=(0, 1)):
    low = high = None
    if value is not None and reason is None:
        if len(draws) >= FEWEST_FOR_PERCENTILES:
            low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        else:
            spread = _SIGMAS * np.std(draws, ddof=1)
            low, high = np.clip([value - spread, value + spread], *within)
        low, high = float(low), float(high)
    return {"value": value, "low": low, "high": high, "reason": reason}
