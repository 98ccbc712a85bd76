"""Count what is in one TFRecord file of face examples.

The faces are parsed and decoded on all cores in one graph. Eagerly, one operation after the other, it took three times
as long.
"""

import collections
import time
from collections.abc import Callable

import tensorflow as tf

from artifacts import crop_decoding, face_examples
from artifacts.errors import InputError

Counts = collections.Counter[str]
FileKey = tuple[str, str, int]  # data set, method, label
_TEXTS = ("dataset", "method", "image/format")
_KEYS = (*_TEXTS, "label", "video_id", "frame/index", "face/box", "face/score")


def file_statistics(path: str, progress: Callable[[int], object] = lambda faces: None) -> dict[FileKey, Counts]:
    """Count what is in one TFRecord file.

    Args:
        path: of the file.
        progress: called with the number of faces so far, about every second.

    Returns:
        For each data set, method and label: `faces`, `frames_with_face`, `videos_with_face`; sums over the faces:
        `pixel_sum` and `pixels` (of 0-255 values), `box_side` (mean of width and height in pixels), `flat` (crops of
        one colour), `scored` and `score_ppm` (sum of scores in millionths); and the counts `size:<h>x<w>` and
        `format:<name>`.

    Raises:
        InputError: the file is truncated or damaged, or an image in it cannot be decoded.
    """
    counts_of: dict[FileKey, Counts] = {}
    videos: dict[FileKey, set[bytes]] = {}
    last_frame, noted = None, time.monotonic()  # the faces of a frame follow one another
    records = tf.data.TFRecordDataset(path, buffer_size=1 << 20)
    measured = records.map(_measured, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(8)
    faces = measured.as_numpy_iterator()
    number = 0
    while True:
        try:
            face = next(faces, None)
        except tf.errors.OpError as error:
            raise _explained(path, number, error) from error
        if face is None:
            break
        dataset, method, image_format = (_text(face[name], f"{path}: record {number}: {name}") for name in _TEXTS)
        number += 1
        key = (dataset, method, int(face["label"]))
        counts = counts_of.setdefault(key, Counts())
        frame = (face["video_id"], int(face["frame/index"]))
        videos.setdefault(key, set()).add(face["video_id"])
        counts["faces"] += 1
        counts["frames_with_face"] += int(frame != last_frame)
        last_frame = frame
        image = face["image"]
        counts["pixel_sum"] += int(image.sum(dtype="int64"))  # faster than TensorFlow's sum, as are NumPy's extremes
        counts["pixels"] += image.size
        counts["box_side"] += round(float(face["face/box"][2] + face["face/box"][3]) / 2)
        counts["flat"] += int(image.min() == image.max())
        score = float(face["face/score"])
        if score == score:  # NaN: a crop that was made elsewhere
            counts["scored"] += 1
            counts["score_ppm"] += round(score * 1e6)
        counts[f"size:{image.shape[0]}x{image.shape[1]}"] += 1
        counts[f"format:{image_format}"] += 1
        if time.monotonic() > noted + 1:
            progress(number)
            noted = time.monotonic()
    for key, ids in videos.items():  # a video is in one file only
        counts_of[key]["videos_with_face"] += len(ids)
    return counts_of


def _measured(record: tf.Tensor) -> dict[str, tf.Tensor]:
    """Parse and decode an example: the fields that are counted, and `image`, uint8 [height, width, 3]."""
    example = face_examples.parse(record)
    return {key: example[key] for key in _KEYS} | {"image": crop_decoding.decode_image(example["image/encoded"])}


def _explained(path: str, number: int, error: tf.errors.OpError) -> InputError:
    """Say what is wrong with a record: reading, parsing or decoding, which the graph's error does not tell apart."""
    for place, record in enumerate(face_examples.read_records(path)):  # raises if it cannot be read
        if place != number:
            continue
        try:
            example = face_examples.parse(record)
        except tf.errors.OpError as reason:
            return InputError(f"{path}: record {number}: {reason.message}")
        try:
            crop_decoding.decode_image(example["image/encoded"])
        except tf.errors.OpError as reason:
            return InputError(f"{path}: record {number}: the picture {crop_decoding.why_refused(reason)}")
    return InputError(f"{path}: record {number}: {error.message}")


def _text(text: bytes, where: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 ({error.reason} at byte {error.start})") from None
