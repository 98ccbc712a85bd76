"""Calibration by temperature on the validation split.

After Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from model import scoring
from model.detector import DeepfakeDetector
from model.saved_model import Calibration

BOUNDS = (0.05, 20.0)  # of a temperature


class Fit(NamedTuple):
    """A fitted temperature.

    Attributes:
        temperature: the logit is divided by it; 1 if none could be fitted.
        nll_before: mean negative log-likelihood of a row at temperature 1, in nats; None if there is none.
        nll_after: the same at `temperature`.
        reason: None, or why the temperature is still 1 or stands at its upper bound.
    """

    temperature: float
    nll_before: float | None
    nll_after: float | None
    reason: str | None


def fit_temperature(label: Sequence[int] | np.ndarray, logit: Sequence[float] | np.ndarray) -> Fit:
    """Find the T within `BOUNDS` that maximises the likelihood of the labels under sigmoid(logit / T).

    Dividing by T keeps the order and the sign of the logits, and with them AUC and ACC at 0.5. As far as one factor can
    make it, the probability is right where fakes are as frequent as among these rows. Where they are rarer, it is too
    high; to correct it, add to logit / T the difference between the log odds of a fake there and here.

    Args:
        label: 0 real, 1 fake, [n].
        logit: fake minus real, [n].

    Returns:
        A `Fit`. T is 1 without rows, with one class only, with NaN or infinite logits, and if all logits are 0. Logits
        that separate the classes have no best T (the smaller the better); such a split says nothing about how sure to
        be elsewhere, so T is 1. Logits that carry no information have none either (the larger the better); then T is
        the upper bound.

    Example:
        >>> fit = fit_temperature([0, 0, 0, 1, 1, 1], [-4.0, -4.0, 4.0, -4.0, 4.0, 4.0])
        >>> round(fit.temperature, 2)  # sure of every row, right about two thirds of them: 4 / log(2)
        5.77
    """
    label, logit = np.asarray(label), np.asarray(logit, np.float64)
    if not len(label):
        return Fit(1.0, None, None, "no validation examples")
    if not np.isfinite(logit).all():
        return Fit(1.0, None, None, "the model gave NaN or infinite logits")
    margin = np.where(label == 1, logit, -logit)
    before = _mean_nll(margin, 1.0)
    if label.min() == label.max():
        return Fit(1.0, before, before, f"only {'fake' if label[0] else 'real'} examples")
    if not logit.any():
        return Fit(1.0, before, before, "every logit is 0")
    temperature, reason = _minimize(margin)
    return Fit(temperature, before, _mean_nll(margin, temperature), reason)


def _mean_nll(margin: np.ndarray, temperature: float) -> float:
    """Mean negative log-likelihood in nats; `margin` [n] is the logit, negated for reals."""
    return float(np.logaddexp(0, -margin / temperature).mean())


def _minimize(margin: np.ndarray) -> tuple[float, str | None]:
    """Return the (T, reason) that minimises `_mean_nll`, which is convex in 1 / T: its slope crosses 0 at most once."""

    def slope(inverse: float) -> float:
        return float(-np.mean(margin * expit(-inverse * margin)))

    low, high = BOUNDS
    if slope(1 / low) <= 0:
        return 1.0, f"below {low:g} would be best: the logits separate the classes, or are tiny"
    if slope(1 / high) >= 0:
        return high, f"at its upper bound {high:g}: the logits do not tell the classes apart, or are huge"
    return float(1 / brentq(slope, 1 / high, 1 / low, xtol=1e-12)), None


def calibrate(detector: DeepfakeDetector, files: Sequence[str]) -> Calibration:
    """Fit temperatures on the validation split, and set the detector's own to that of single faces.

    Args:
        detector: a trained `DeepfakeDetector`.
        files: TFRecord files of the validation split; may be empty.

    Raises:
        InputError: a file is truncated or damaged.
    """
    if not detector.recipe.cross_entropy_weight:
        untrained = Fit(1.0, None, None, "the recipe trains no classifier")
        return _set_temperature(detector, {"frame": untrained, "video": untrained}, faces=0, videos=0, spread=None)
    batches = scoring.score_examples(scoring.predictor(detector), files) if files else []
    frames = scoring.join_batches(batches)
    videos = scoring.mean_by_video(frames)
    fits = {
        "frame": fit_temperature(frames["label"], frames["logit"]),
        "video": fit_temperature(videos["label"], videos["logit"]),
    }
    spread = spread_within_videos(frames["video_id"], frames["logit"])
    return _set_temperature(detector, fits, len(frames["label"]), len(videos["label"]), spread)


def _set_temperature(
    detector: DeepfakeDetector, fits: dict[str, Fit], faces: int, videos: int, spread: float | None
) -> Calibration:
    detector.temperature.assign(fits["frame"].temperature)
    return {
        "frame": fits["frame"].temperature,
        "video": fits["video"].temperature,
        "faces": faces,
        "videos": videos,
        "nll_before": {level: fit.nll_before for level, fit in fits.items()},
        "nll_after": {level: fit.nll_after for level, fit in fits.items()},
        "spread": spread,
        "reason": _joint_reason(fits),
    }


def spread_within_videos(video_id: Sequence[str] | np.ndarray, logit: Sequence[float] | np.ndarray) -> float | None:
    """Return the standard deviation of logits [n] around their video's mean, pooled over all videos.

    None if no video has two rows, or a logit is NaN or infinite.
    """
    video_id, logit = np.asarray(video_id).astype(str), np.asarray(logit, np.float64)
    _, inverse, frames = np.unique(video_id, return_inverse=True, return_counts=True)
    freedom = len(logit) - len(frames)
    if not freedom or not np.isfinite(logit).all():
        return None
    residual = logit - (np.bincount(inverse, logit) / frames)[inverse]
    return float(np.sqrt(np.sum(residual**2) / freedom))


def _joint_reason(fits: dict[str, Fit]) -> str | None:
    """What was odd about the fits, stated once if it is the same at both levels."""
    reasons = {level: fit.reason for level, fit in fits.items() if fit.reason}
    if len(reasons) == len(fits) and len(set(reasons.values())) == 1:
        return fits["frame"].reason
    return "; ".join(f"{level}: {reason}" for level, reason in reasons.items()) or None
