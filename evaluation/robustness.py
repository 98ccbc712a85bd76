"""How much a detector's AUC suffers when the faces are changed before it sees them."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf

from artifacts.errors import InputError
from artifacts.predictions import Columns
from commands import progress
from evaluation.columns import Column, encode, take
from evaluation.crops import crops_of
from evaluation.results import RobustnessRow
from evaluation.sampling import rows_of_some_videos
from evaluation.video_scores import videos_of
from evaluation.vocabulary import CHANGE_NAMES, SEVERITIES, ChangeName, Level, VideoRule
from model.scoring import accuracy_and_auc
from model.served import load_model


class Change(NamedTuple):
    """One kind of change.

    Attributes:
        unit: of the strengths.
        strengths: for each of `SEVERITIES`.
        apply: (crop uint8 [h, w, 3], strength, random generator) -> uint8 [h, w, 3].
    """

    unit: str
    strengths: tuple[float, ...]
    apply: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def jpeg(crop: np.ndarray, quality: float, random: np.random.Generator) -> np.ndarray:
    """Encode and decode as JPEG; qualities of ImageNet-C."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    decoded: np.ndarray = cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return decoded


def blur(crop: np.ndarray, side: float, random: np.random.Generator) -> np.ndarray:
    """Blur with a Gaussian kernel of `side` pixels, its deviation a sixth of that; sides of DeeperForensics-1.0."""
    blurred: np.ndarray = cv2.GaussianBlur(crop, (int(side), int(side)), side / 6)
    return blurred


def noise(crop: np.ndarray, variance: float, random: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise to the colour components Y, Cr, Cb in 0..1; variances of DeeperForensics-1.0."""
    components = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    components += math.sqrt(variance) * random.standard_normal(crop.shape, np.float32)
    return _to_uint8(cv2.cvtColor(components, cv2.COLOR_YCrCb2RGB))


def downscale(crop: np.ndarray, factor: float, random: np.random.Generator) -> np.ndarray:
    """Shrink by averaging and enlarge again, bilinearly; factors of DeeperForensics-1.0."""
    height, width = crop.shape[:2]
    small = cv2.resize(crop, (int(width // factor), int(height // factor)), interpolation=cv2.INTER_AREA)
    enlarged: np.ndarray = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return enlarged


def brightness(crop: np.ndarray, added: float, random: np.random.Generator) -> np.ndarray:
    """Add to the value of HSV, which is 0..1; additions of ImageNet-C."""
    hsv = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + added, 0, 1)
    return _to_uint8(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _to_uint8(image: np.ndarray) -> np.ndarray:
    pixels: np.ndarray = np.clip(np.rint(255 * image), 0, 255).astype(np.uint8)
    return pixels


# The strengths are those of two common benchmarks. Hendrycks and Dietterich, "Benchmarking
# Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019), ImageNet-C: JPEG, brightness. Jiang et
# al., "DeeperForensics-1.0" (CVPR 2020), whose perturbations later detectors are compared by: blur, noise, downscale.
CHANGES: dict[ChangeName, Change] = {
    "jpeg": Change("quality", (25, 18, 15, 10, 7), jpeg),
    "blur": Change("pixels", (7, 9, 13, 17, 21), blur),
    "noise": Change("variance", (0.001, 0.002, 0.005, 0.01, 0.05), noise),
    "downscale": Change("times", (2, 3, 4, 5, 6), downscale),
    "brightness": Change("added", (0.1, 0.2, 0.3, 0.4, 0.5), brightness),
}


def sweep(
    files: Sequence[str],
    folder: str,
    split: str,
    columns: Columns,
    model_dir: str,
    *,
    changes: Sequence[ChangeName] = CHANGE_NAMES,
    severities: Sequence[int] = SEVERITIES,
    most_videos: int | None = None,
    video_rule: VideoRule = "mean_logit",
    batch_size: int = 32,
    seed: int = 0,
) -> list[RobustnessRow]:
    """Score changed faces and compute their AUC per data set.

    Args:
        files: the TFRecord files that the split's predictions in `folder` were written from.
        folder: of the predictions.
        split: of the predictions.
        columns: these predictions, of `predictions.read_predictions`.
        model_dir: a SavedModel of this project, or what holds one; see `model.saved_model.find_saved_model`.
        changes: which changes to apply.
        severities: some of `SEVERITIES`.
        most_videos: of each data set and label at most, evenly spaced; None takes all.
        video_rule: how frames are joined; see `evaluation.video_scores`.
        batch_size: faces per forward pass.
        seed: of the noise, which also depends on the row.

    Returns:
        One row for each data set, change and severity, among them severity 0, unchanged. An AUC is None where a data
        set lacks a class.

    Raises:
        InputError: an unknown change or severity, predictions that are not of these files, or no SavedModel.
    """
    unknown = [*(set(changes) - set(CHANGES)), *(set(severities) - set(SEVERITIES))]
    if unknown:
        raise InputError(
            f"robustness: unknown {unknown[0]!r}. The changes are {', '.join(CHANGES)}; the severities 1 to 5"
        )
    steps = [(change, severity) for change in changes for severity in severities]
    rows = rows_of_some_videos(columns, most_videos)
    variants = functools.partial(_variants, rows=rows, steps=steps, seed=seed)
    crops = crops_of(files, folder, split, rows)
    logits = _score(crops, variants, load_model(model_dir), (len(rows), 1 + len(steps)), batch_size)
    chosen = take(columns, rows)
    unchanged, *changed = (_aucs({**chosen, "logit": of_variant}, video_rule) for of_variant in logits.T)
    result: list[RobustnessRow] = []
    for dataset in unchanged:
        for change in changes:
            result.append(_row(change, 0, dataset, unchanged))
            for step, aucs in zip(steps, changed, strict=True):
                if step[0] == change:
                    result.append(_row(*step, dataset, aucs))
    return result


def _row(
    change: ChangeName, severity: int, dataset: str, aucs: Mapping[str, Mapping[Level, float | None]]
) -> RobustnessRow:
    about = CHANGES[change]
    return {
        "change": change,
        "severity": severity,
        "strength": about.strengths[severity - 1] if severity else None,
        "unit": about.unit,
        "dataset": dataset,
        "frame_auc": aucs[dataset]["frame"],
        "video_auc": aucs[dataset]["video"],
    }


def _variants(
    position: int, crop: np.ndarray, rows: np.ndarray, steps: Sequence[tuple[ChangeName, int]], seed: int
) -> np.ndarray:
    """Return a crop unchanged and after each step, uint8 [1 + steps, h, w, 3]."""
    variants = [crop]
    for name, severity in steps:
        change = CHANGES[name]
        random = np.random.default_rng([seed, rows[position]])  # the same noise at every severity, only stronger
        variants.append(change.apply(crop, change.strengths[severity - 1], random))
    return np.stack(variants)


def _score(
    crops: tf.data.Dataset,
    variants: Callable[[int, np.ndarray], np.ndarray],
    predict: Callable[[tf.Tensor], Mapping[str, tf.Tensor]],
    shape: tuple[int, int],
    batch_size: int,
) -> np.ndarray:
    """Return the logits of all variants of all crops, float32 `shape`: [crops, variants]."""

    def change(position: tf.Tensor, crop: tf.Tensor) -> tf.Tensor:
        changed = tf.numpy_function(variants, [position, crop], tf.uint8, stateful=False)
        return tf.ensure_shape(changed, [shape[1], *crop.shape])

    stream = crops.enumerate().map(change, num_parallel_calls=tf.data.AUTOTUNE)
    stream = stream.unbatch().batch(batch_size).prefetch(2)
    total = math.ceil(math.prod(shape) / batch_size)
    logits = [
        predict(batch)["logit"].numpy()
        for batch in progress.bar(stream, desc="robustness", total=total, unit="batch", leave=False)
    ]
    return np.concatenate([np.zeros(0, np.float32), *logits]).reshape(shape)


def _aucs(columns: Mapping[str, Column], video_rule: VideoRule) -> dict[str, dict[Level, float | None]]:
    """Return the AUC on each data set at both levels."""
    videos = videos_of(columns, video_rule)
    dataset, names = encode(columns["dataset"])
    result: dict[str, dict[Level, float | None]] = {}
    for code, name in enumerate(names):
        of_frames, of_videos = dataset == code, videos["dataset"] == name
        result[name] = {
            "frame": accuracy_and_auc(columns["label"][of_frames], columns["logit"][of_frames])["auc"],
            "video": accuracy_and_auc(videos["label"][of_videos], videos["logit"][of_videos])["auc"],
        }
    return result
