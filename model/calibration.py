"""Calibration by temperature (Guo et al., "On Calibration of Modern Neural Networks", 2017), on the validation split."""

import json
import os
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from model import scoring
from model.card import EXTRA

BOUNDS = (0.05, 20.0)  # of a temperature
FILE = "calibration.json"  # in a model folder
ASSET = os.path.join(EXTRA, FILE)  # in a SavedModel


class Fit(NamedTuple):
    """A fitted temperature.

    Attributes:
        temperature: what the logit is divided by; 1 where nothing could be fitted.
        nll_before, nll_after: mean negative log-likelihood of a row at temperature 1 and at this one, in nats; None where
            there is none.
        reason: None, or why the temperature stayed 1 or stands at its upper bound.
    """

    temperature: float
    nll_before: float | None
    nll_after: float | None
    reason: str | None


def fit_temperature(label, logit):
    """Find the T within `BOUNDS` at which sigmoid(logit / T) gives the labels the highest likelihood.

    Dividing by T keeps the order and the sign of the logits, and with them AUC and ACC at 0.5. The probability holds, as
    far as one factor can make it, where fakes are as frequent as among these rows, balanced or not. Where they are rarer it
    is too high; what corrects it is the difference of the log odds of a fake, there and here, added to logit / T.

    Args:
        label: 0 real, 1 fake, [n].
        logit: fake minus real, [n].

    Returns:
        A `Fit`. T stays 1 without rows, with one class, with NaN or infinite logits, and where every logit is 0. Logits
        that separate the classes have no best T, the less the better; a split that does so tells nothing of how sure to
        be elsewhere, and T stays 1. Logits that tell nothing have none either, the more the better: then it is the bound.
    """
    label, logit = np.asarray(label), np.asarray(logit, np.float64)
    if not len(label):
        return Fit(1.0, None, None, "no validation examples")
    if not np.isfinite(logit).all():
        return Fit(1.0, None, None, "the model gave NaN or infinite logits")
    margin = np.where(label == 1, logit, -logit)
    before = _nll(margin, 1.0)
    if label.min() == label.max():
        return Fit(1.0, before, before, f"only {'fake' if label[0] else 'real'} examples")
    if not logit.any():
        return Fit(1.0, before, before, "every logit is 0")
    temperature, reason = _minimize(margin)
    return Fit(temperature, before, _nll(margin, temperature), reason)


def _nll(margin, temperature):
    return float(np.logaddexp(0, -margin / temperature).mean())


def _minimize(margin):
    """The (T, reason) of the least `_nll`, which is convex in 1 / T: its slope rises and crosses 0 at most once."""

    def slope(inverse):
        return -np.mean(margin * expit(-inverse * margin))

    low, high = BOUNDS
    if slope(1 / low) <= 0:
        return 1.0, f"below {low:g} would be best: the logits separate the classes, or are tiny"
    if slope(1 / high) >= 0:
        return high, f"at its upper bound {high:g}: the logits do not tell the classes apart, or are huge"
    return float(1 / brentq(slope, 1 / high, 1 / low, xtol=1e-12)), None


def calibrate(detector, files):
    """Fit on the validation split, and set the detector's temperature to that of its faces.

    Args:
        detector: a trained `DeepfakeDetector`.
        files: TFRecord files of the validation split; may be empty.

    Returns:
        A dict for `write`: `frame` and `video`, the temperatures of a face's logit and of a video's mean logit; `faces`
        and `videos`, how many they were fitted on; `nll_before` and `nll_after`, by level as in `Fit`; `spread`, the
        standard deviation of a face's logit among the faces of one video, None where no video has two; `reason`, None or
        what was odd.

    Raises:
        ExamplesError: a file is cut or damaged.
    """
    levels = {level: {"video_id": [], "label": [], "logit": []} for level in ("frame", "video")}
    if not detector.recipe.cross_entropy_weight:
        fits = dict.fromkeys(levels, Fit(1.0, None, None, "the recipe trains no classifier"))
    else:
        if files:
            frames = scoring.join_batches(scoring.score_examples(scoring.predictor(detector), files))
            levels = {"frame": frames, "video": scoring.mean_by_video(frames)}
        fits = {level: fit_temperature(rows["label"], rows["logit"]) for level, rows in levels.items()}
    detector.temperature.assign(fits["frame"].temperature)
    frames = levels["frame"]
    return {level: fit.temperature for level, fit in fits.items()} | {
        "faces": len(frames["label"]),
        "videos": len(levels["video"]["label"]),
        "nll_before": {level: fit.nll_before for level, fit in fits.items()},
        "nll_after": {level: fit.nll_after for level, fit in fits.items()},
        "spread": spread_within_videos(frames["video_id"], frames["logit"]) if len(frames["label"]) else None,
        "reason": _reason(fits),
    }


def spread_within_videos(video_id, logit):
    """The standard deviation of the logits around their video's mean, pooled over all videos; None if none has two rows."""
    _, inverse, frames = np.unique(np.asarray(video_id).astype(str), return_inverse=True, return_counts=True)
    logit = np.asarray(logit, np.float64)
    freedom = len(logit) - len(frames)
    if not freedom or not np.isfinite(logit).all():
        return None
    residual = logit - (np.bincount(inverse, logit) / frames)[inverse]
    return float(np.sqrt(np.sum(residual**2) / freedom))


def _reason(fits):
    """What was odd about the fits; said once where it is the same at both levels."""
    said = {level: fit.reason for level, fit in fits.items() if fit.reason}
    if len(said) == len(fits) and len(set(said.values())) == 1:
        return fits["frame"].reason
    return "; ".join(f"{level}: {reason}" for level, reason in said.items()) or None


def write(calibration, model_dir):
    """Write what `calibrate` returned as JSON: into the model folder, and again into its SavedModel, which travels alone."""
    for place in (FILE, os.path.join("Format-Serving", ASSET)):
        path = os.path.join(model_dir, place)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as stream:
            json.dump(calibration, stream, indent=1)


def read(folder):
    """Read the calibration of a model folder, or of a SavedModel alone; None where there is none.

    Raises:
        ValueError: the file is damaged or cannot be read.
    """
    for place in (FILE, ASSET):
        path = os.path.join(folder, place)
        if os.path.exists(path):
            try:
                with open(path) as stream:
                    return json.load(stream)
            except OSError as error:
                raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
            except ValueError as error:
                raise ValueError(f"{path}: damaged ({error}). Copy it anew from where the model was trained") from error
    return None
