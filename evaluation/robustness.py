"""Score faces that are changed before a detector sees them: crops under JPEG, blur, noise and the like."""

import functools
import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import tensorflow as tf

from artifacts.errors import InputError
from artifacts.predictions import Columns
from commands import progress
from evaluation.columns import take
from evaluation.crops import crops_of
from evaluation.sampling import rows_of_some_videos
from evaluation.scores import THIS, UNCHANGED, Part, Split
from evaluation.vocabulary import CHANGES, SEVERITIES, ChangeName
from model.served import Predict, load_model

OUTPUTS = ("logit", "center_similarity", "fake_probability")


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


# Name -> (crop uint8 [h, w, 3], strength, random generator) -> uint8 [h, w, 3]
APPLY: dict[ChangeName, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "jpeg": jpeg,
    "blur": blur,
    "noise": noise,
    "downscale": downscale,
    "brightness": brightness,
}


def sweep(
    files: Sequence[str],
    folder: str,
    split: Split,
    columns: Columns,
    model_dir: str,
    *,
    changes: Sequence[ChangeName] = tuple(APPLY),
    severities: Sequence[int] = SEVERITIES,
    most_videos: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
) -> dict[Part, Columns]:
    """Score changed faces.

    Args:
        files: the TFRecord files that the split's predictions in `folder` were written from.
        folder: of the predictions.
        split: of the predictions.
        columns: these predictions, of `predictions.read_predictions`.
        model_dir: a SavedModel of this project, or what holds one; see `model.saved_model.find_saved_model`.
        changes: which changes to apply, some of `APPLY`.
        severities: some of `SEVERITIES`.
        most_videos: of each data set and label at most, evenly spaced; None takes all.
        batch_size: faces per forward pass.
        seed: of the noise, which also depends on the row.

    Returns:
        The rows of the chosen videos with their new scores, for each change and severity, and unchanged.

    Raises:
        InputError: an unknown change or severity, predictions that are not of these files, or no SavedModel.
    """
    unknown = [*(set(changes) - set(APPLY)), *(set(severities) - set(SEVERITIES))]
    if unknown:
        raise InputError(
            f"robustness: unknown {unknown[0]!r}. The changes are {', '.join(APPLY)}; the severities 1 to 5"
        )
    steps = [(change, severity) for change in changes for severity in severities]
    rows = rows_of_some_videos(columns, most_videos)
    variants = functools.partial(_variants, rows=rows, steps=steps, seed=seed)
    crops = crops_of(files, folder, split, rows)
    scores = _score(crops, variants, load_model(model_dir), (len(rows), 1 + len(steps)), batch_size)
    chosen = take(columns, rows)
    parts = [Part(THIS, split, UNCHANGED["crops"]), *(Part(THIS, split, *step) for step in steps)]
    return {
        part: {**chosen, **{name: values[:, number].copy() for name, values in scores.items()}}
        for number, part in enumerate(parts)
    }


def _variants(
    position: int, crop: np.ndarray, rows: np.ndarray, steps: Sequence[tuple[ChangeName, int]], seed: int
) -> np.ndarray:
    """Return a crop unchanged and after each step, uint8 [1 + steps, h, w, 3]."""
    variants = [crop]
    for name, severity in steps:
        random = np.random.default_rng([seed, rows[position]])  # the same noise at every severity, only stronger
        variants.append(APPLY[name](crop, CHANGES[name].strengths[severity - 1], random))
    return np.stack(variants)


def _score(
    crops: tf.data.Dataset,
    variants: Callable[[int, np.ndarray], np.ndarray],
    predict: Predict,
    shape: tuple[int, int],
    batch_size: int,
) -> dict[str, np.ndarray]:
    """Return the `OUTPUTS` of all variants of all crops, float32 `shape`: [crops, variants]."""

    def change(position: tf.Tensor, crop: tf.Tensor) -> tf.Tensor:
        changed = tf.numpy_function(variants, [position, crop], tf.uint8, stateful=False)
        return tf.ensure_shape(changed, [shape[1], *crop.shape])

    stream = crops.enumerate().map(change, num_parallel_calls=tf.data.AUTOTUNE)
    stream = stream.unbatch().batch(batch_size).prefetch(2)
    total = math.ceil(math.prod(shape) / batch_size)
    found: dict[str, list[np.ndarray]] = {name: [np.zeros(0, np.float32)] for name in OUTPUTS}
    for batch in progress.bar(stream, desc="robustness", total=total, unit="batch", leave=False):
        outputs = predict(batch)
        for name, values in found.items():
            values.append(outputs[name].numpy())
    return {name: np.concatenate(values).reshape(shape) for name, values in found.items()}
