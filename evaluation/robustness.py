"""How much a detector's AUC suffers when the faces are changed before it sees them."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from artifacts.errors import InputError
from artifacts.predictions import TEXTS
from evaluation.crops import crops_of
from evaluation.video_scores import encode, videos_of
from model.saved_model import load_model
from model.scoring import accuracy_and_auc

SEVERITIES = (1, 2, 3, 4, 5)


class Change(NamedTuple):
    """One kind of change.

    Attributes:
        unit: of the strengths.
        strengths: for the severities 1 to 5.
        function: (crop uint8 [h, w, 3], strength, `numpy.random.Generator`) -> uint8 [h, w, 3].
    """

    unit: str
    strengths: tuple
    function: Callable


def jpeg(crop, quality, random):
    """Encode and decode as JPEG; qualities of ImageNet-C."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def blur(crop, side, random):
    """Blur with a Gaussian kernel of `side` pixels, its deviation a sixth of that; sides of DeeperForensics-1.0."""
    return cv2.GaussianBlur(crop, (side, side), side / 6)


def noise(crop, variance, random):
    """Add Gaussian noise to the colour components Y, Cr, Cb in 0..1; variances of DeeperForensics-1.0."""
    components = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    components += math.sqrt(variance) * random.standard_normal(crop.shape, np.float32)
    return _to_uint8(cv2.cvtColor(components, cv2.COLOR_YCrCb2RGB))


def downscale(crop, factor, random):
    """Shrink by averaging and enlarge again, bilinear; factors of DeeperForensics-1.0."""
    height, width = crop.shape[:2]
    small = cv2.resize(crop, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def brightness(crop, added, random):
    """Add to the value of HSV, which is 0..1; additions of ImageNet-C."""
    hsv = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + added, 0, 1)
    return _to_uint8(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _to_uint8(image):
    return np.clip(np.rint(255 * image), 0, 255).astype(np.uint8)


# The strengths are those of two benchmarks that the field measures itself by. Hendrycks and Dietterich, "Benchmarking
# Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019), ImageNet-C: JPEG, brightness. Jiang et
# al., "DeeperForensics-1.0" (CVPR 2020), whose perturbations later detectors are compared by: blur, noise, downscale.
CHANGES = {
    "jpeg": Change("quality", (25, 18, 15, 10, 7), jpeg),
    "blur": Change("pixels", (7, 9, 13, 17, 21), blur),
    "noise": Change("variance", (0.001, 0.002, 0.005, 0.01, 0.05), noise),
    "downscale": Change("times", (2, 3, 4, 5, 6), downscale),
    "brightness": Change("added", (0.1, 0.2, 0.3, 0.4, 0.5), brightness),
}


def sweep(
    files,
    folder,
    split,
    columns,
    model_dir,
    *,
    changes=tuple(CHANGES),
    severities=SEVERITIES,
    most_videos=None,
    video_rule="mean_logit",
    batch_size=32,
    seed=0,
):
    """Score changed faces and judge them per data set.

    Args:
        files: the TFRecord files that the split's predictions in `folder` were written from.
        columns: these predictions, of `predictions.read_predictions`.
        model_dir: a SavedModel of ours, or what holds one; see `model.saved_model.find_saved_model`.
        changes: names of `CHANGES`.
        severities: some of `SEVERITIES`.
        most_videos: so many at most of each data set and label, evenly spread; None takes all.
        video_rule: how frames are joined; see `evaluation.video_scores`.
        batch_size: faces per forward pass.
        seed: of the noise, which also depends on the row.

    Returns:
        A list of rows {"change", "severity", "strength", "unit", "dataset", "frame_auc", "video_auc"}; for each change
        there is severity 0, unchanged, with strength None. A figure is None where a data set lacks a class.

    Raises:
        InputError: an unknown change or severity, predictions that are not of these files, or no SavedModel.
    """
    unknown = [*(set(changes) - set(CHANGES)), *(set(severities) - set(SEVERITIES))]
    if unknown:
        raise InputError(f"robustness: {unknown[0]!r}: there are {', '.join(CHANGES)}, and the severities 1 to 5")
    steps = [(change, severity) for change in changes for severity in severities]
    rows = choose_videos(columns, most_videos)
    variants = functools.partial(_variants, rows=rows, steps=steps, seed=seed)
    crops, shape = crops_of(files, folder, split, rows), (len(rows), 1 + len(steps))
    logits = _score(crops, variants, load_model(model_dir), shape, batch_size)
    chosen = {name: values.take(rows) if name in TEXTS else values[rows] for name, values in columns.items()}
    aucs = [_aucs(chosen | {"logit": logits_of_step}, video_rule) for logits_of_step in logits.T]
    result = []
    for dataset in aucs[0]:
        for change in changes:
            unit, strengths, _ = CHANGES[change]
            of_change = [(0, aucs[0]), *((s, auc) for (c, s), auc in zip(steps, aucs[1:], strict=True) if c == change)]
            for severity, found in of_change:
                strength = strengths[severity - 1] if severity else None
                of_row = {"change": change, "severity": severity, "strength": strength, "unit": unit}
                result.append(of_row | {"dataset": dataset} | found[dataset])
    return result


def choose_videos(columns, most=None):
    """Rising numbers of the rows of at most so many videos of each data set and label, evenly spread; None takes all."""
    if most is None:
        return np.arange(len(columns["label"]))
    video, _ = encode(columns["video_id"])
    dataset, _ = encode(columns["dataset"])
    codes, first = np.unique(video, return_index=True)
    group = 2 * dataset[first] + columns["label"][first]
    chosen = [np.zeros(0, codes.dtype)]
    for name in np.unique(group):
        of_group = codes[group == name]
        chosen.append(of_group[np.linspace(0, len(of_group) - 1, min(most, len(of_group))).astype(int)])
    return np.flatnonzero(np.isin(video, np.concatenate(chosen)))


def _variants(position, crop, rows, steps, seed):
    """A crop as it is and after each step, uint8 [1 + steps, h, w, 3]."""
    changed = [crop]
    for name, severity in steps:
        change = CHANGES[name]
        random = np.random.default_rng([seed, rows[position]])  # one pattern, ever stronger
        changed.append(change.function(crop, change.strengths[severity - 1], random))
    return np.stack(changed)


def _score(crops, variants, predict, shape, batch_size):
    """Logits of all variants of all crops, float32 `shape`."""

    def change(position, crop):
        changed = tf.numpy_function(variants, [position, crop], tf.uint8, stateful=False)
        return tf.ensure_shape(changed, [shape[1], *crop.shape])

    stream = crops.enumerate().map(change, num_parallel_calls=tf.data.AUTOTUNE)
    stream = stream.unbatch().batch(batch_size).prefetch(2)
    bar = tqdm(stream, "robustness", math.ceil(math.prod(shape) / batch_size), unit="batch", leave=False, disable=None)
    logits = [predict(batch)["logit"].numpy() for batch in bar]
    return np.concatenate([np.zeros(0, np.float32), *logits]).reshape(shape)


def _aucs(columns, video_rule):
    """{data set: {"frame_auc", "video_auc"}}."""
    videos = videos_of(columns, video_rule)
    dataset, names = encode(columns["dataset"])
    result = {}
    for code, name in enumerate(names):
        of_frames, of_videos = dataset == code, videos["dataset"] == name
        result[name] = {
            "frame_auc": accuracy_and_auc(columns["label"][of_frames], columns["logit"][of_frames])["auc"],
            "video_auc": accuracy_and_auc(videos["label"][of_videos], videos["logit"][of_videos])["auc"],
        }
    return result
