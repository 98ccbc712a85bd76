"""Calibration by temperature on the validation split.

After Guo et al., "On Calibration of Modern Neural Networks", 2017.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from artifacts.video_rules import VIDEO_RULES, Faces, VideoRule
from model import scoring
from model.detector import DeepfakeDetector
from model.saved_model import Calibration, Fits, FittedTemperature
from model.scoring import Columns
from model.side_files import BOUNDS
from model.video_logits import video_logits, videos_with_several_faces


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

    Each video rule gets a temperature of its own, for its probability is that of the whole video: the highest of many
    logits is further from 0 than their mean, and says no more. For the same reason the most prominent person of each
    video and the highest of all persons are fitted apart.

    Args:
        detector: a trained `DeepfakeDetector`.
        files: TFRecord files of the validation split; may be empty.

    Raises:
        InputError: a file is truncated or damaged.
    """
    batches = scoring.score_examples(scoring.predictor(detector), files) if files else []
    frames = scoring.join_batches(batches)
    return _set_temperature(detector, fit_all(frames), frames)


def uncalibrated(detector: DeepfakeDetector, reason: str) -> Calibration:
    """Leave a detector's temperature at 1 and say why.

    Args:
        detector: trained by others.
        reason: why nothing was fitted.
    """
    nothing: Columns = {key: np.array([]) for key in ("label", "video_id", "logit", "face/track", "frame/index")}
    return _set_temperature(detector, _same_for_all(Fit(1.0, None, None, reason)), nothing)


def fit_all(frames: Columns) -> Fits:
    """Fit the temperatures of frames and of videos by every rule; `frames` as for `model.video_logits`."""
    frame = fit_temperature(frames["label"], frames["logit"])
    if not np.isfinite(frames["logit"]).all():
        return _same_for_all(frame)

    def of_videos(faces: Faces) -> dict[VideoRule, FittedTemperature]:
        videos = {rule: video_logits(frames, rule, frame.temperature, faces) for rule in VIDEO_RULES}
        return {rule: _as_dict(fit_temperature(*rows)) for rule, rows in videos.items()}

    return {"frame": _as_dict(frame), "main": of_videos("main"), "all": of_videos("all")}


def _same_for_all(fit: Fit) -> Fits:
    """Where nothing can be fitted, for the same reason everywhere."""
    by_rule = {rule: _as_dict(fit) for rule in VIDEO_RULES}
    return {"frame": _as_dict(fit), "main": by_rule, "all": by_rule}


def _as_dict(fit: Fit) -> FittedTemperature:
    return {
        "temperature": fit.temperature,
        "nll_before": fit.nll_before,
        "nll_after": fit.nll_after,
        "reason": fit.reason,
    }


def _set_temperature(detector: DeepfakeDetector, fits: Fits, frames: Columns) -> Calibration:
    """Give the detector the temperature of the frames on which all were fitted, and state what was fitted."""
    detector.temperature.assign(fits["frame"]["temperature"])
    return {
        "readout": "classifier" if detector.recipe.trains_classifier else detector.recipe.readout,
        "frame": fits["frame"]["temperature"],
        "video": fits["all"]["mean_logit"]["temperature"],
        "fits": fits,
        "faces": len(frames["label"]),
        "videos": len(np.unique(frames["video_id"].astype(str))),
        "several_faces": videos_with_several_faces(frames),
        "spread": spread_within_videos(frames["video_id"], frames["logit"]),
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


def _joint_reason(fits: Fits) -> str | None:
    """What was odd about the fits of frames and of videos by each rule, stated once if it is the same everywhere."""
    reasons: dict[str, str | None] = {"frame": fits["frame"]["reason"]}
    reasons |= {rule: fit["reason"] for rule, fit in fits["all"].items()}
    if len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
