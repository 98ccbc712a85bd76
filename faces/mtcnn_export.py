"""The detector as a SavedModel: frames in, boxes out, without Python and without this project.

The networks and the steps between them are those of `fast_mtcnn`. Only what that module does in NumPy, arithmetic on
boxes, is written here again as a graph. Of several boxes with the very same score, the two may keep different ones.
"""

import math
import os

import tensorflow as tf

from commands.parser import CommandParser
from faces.area_pyramid import GREY
from faces.fast_mtcnn import CELL, MIN_FACE, SCALE_FACTOR, STRIDE
from faces.mtcnn_stages import FRAMES, THRESHOLDS, MtcnnStages


class MtcnnGraph:
    """The whole detector as one graph."""

    def __init__(self) -> None:
        self.stages = MtcnnStages()

    def detect(self, frames: tf.Tensor, skip_levels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Find the faces of frames of one size.

        Args:
            frames: RGB uint8 [n, height, width, 3].
            skip_levels: how many of the first levels of the pyramid are left out: 0 finds faces from 20 pixels on, 1
                from 28.2, 2 from 39.8, and so on.

        Returns:
            A dict of float32 tensors, a row for each of the k faces: `frame` [k], `box` [k, 4] (x, y, width, height in
            pixels), `score` [k], `landmarks` [k, 5, 2] (x, y of eyes, nose and corners of the mouth).
        """
        # One frame after the other: suppression never looks beyond a frame.
        found = tf.TensorArray(tf.float64, 0, dynamic_size=True, infer_shape=False, element_shape=[None, 16])
        for number in tf.range(tf.shape(frames)[0]):
            found = found.write(number, self._detect_one(frames[number : number + 1], number, skip_levels))
        found = found.write(found.size(), tf.zeros([0, 16], tf.float64))  # there may be no frame
        rows = tf.cast(found.concat(), tf.float32)
        return {
            "frame": rows[:, 0],
            "box": tf.concat([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3]], axis=1),
            "score": rows[:, 5],
            "landmarks": tf.stack([rows[:, 6:11], rows[:, 11:]], axis=2),
        }

    def _detect_one(self, frame: tf.Tensor, number: tf.Tensor, skip_levels: tf.Tensor) -> tf.Tensor:
        """Find the faces of one frame, uint8 [1, height, width, 3]; return rows as `FastMtcnn.detect`."""
        size = tf.cast(tf.shape(frame)[1:3], tf.float64)
        rows = square(suppress(self._proposals(frame, skip_levels), 0.7))
        score, offsets = self.stages.refine(frame, *_as_crops(rows))
        rows = tf.concat([adjust(rows[:, :4], offsets), _column(score)], axis=1)
        rows = square(suppress(rows[score > THRESHOLDS[1]], 0.7))
        score, offsets, points = self.stages.output(frame, *_as_crops(rows))
        boxes, sides = rows[:, :4], rows[:, 2:4] - rows[:, :2] + 1
        points = tf.cast(points, tf.float64)
        x, y = (sides[:, k, None] * points[:, 5 * k : 5 * k + 5] + boxes[:, k, None] - 1 for k in (0, 1))
        rows = tf.concat([adjust(boxes, offsets), _column(score), x, y], axis=1)
        rows = suppress(rows[score > THRESHOLDS[2]], 0.7, of_smaller=True)
        most = tf.tile(size[::-1] - 1, [2])
        boxes = tf.clip_by_value(rows[:, :4], tf.zeros_like(most), most)
        frames = tf.fill([tf.shape(rows)[0], 1], tf.cast(number, tf.float64))
        return tf.concat([frames, boxes, rows[:, 4:]], axis=1)

    def _proposals(self, frame: tf.Tensor, skip_levels: tf.Tensor) -> tf.Tensor:
        """Apply P-Net to the pyramid of a frame; return x1, y1, x2, y2, score of its boxes, float64 [k, 5]."""
        size = tf.cast(tf.shape(frame)[1:3], tf.float64)
        levels = -(tf.math.log(tf.reduce_min(size) / CELL) / math.log(SCALE_FACTOR) + 1)
        levels = tf.cast(tf.round(levels), tf.int32)
        found = tf.TensorArray(tf.float64, 0, dynamic_size=True, infer_shape=False, element_shape=[None, 5])
        for k in tf.range(skip_levels, tf.maximum(levels, skip_levels)):
            scale = CELL / MIN_FACE * tf.pow(tf.constant(SCALE_FACTOR, tf.float64), tf.cast(k, tf.float64))
            level = tf.image.resize(frame, tf.cast(size * scale, tf.int32), tf.image.ResizeMethod.AREA)
            places, score, offsets = self.stages.propose((level - GREY) / 128.0)
            corner = tf.cast(places[:, 2:0:-1] * STRIDE, tf.float64)  # x, y
            start = tf.concat([corner + 1, corner + CELL], axis=1)
            boxes = (start + tf.cast(offsets, tf.float64) * (CELL - 1)) / scale
            found = found.write(found.size(), suppress(tf.concat([boxes, _column(score)], axis=1), 0.5))
        found = found.write(found.size(), tf.zeros([0, 5], tf.float64))  # there may be no level
        return found.concat()


def export_detector(folder: str | os.PathLike[str]) -> None:
    """Write the detector to `folder` as a SavedModel; its signature `serving_default` is `MtcnnGraph.detect`."""
    module = tf.Module()
    module.detect = tf.function(MtcnnGraph().detect, [FRAMES, tf.TensorSpec([], tf.int32, name="skip_levels")])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.detect})


# --- boxes, as in `boxes`, but as graphs and of one frame: rows [k, 5 or more], x1, y1, x2, y2, score -----------------
def suppress(rows: tf.Tensor, threshold: float, of_smaller: bool = False) -> tf.Tensor:
    """See `boxes.suppress`."""
    # Of equal scores the last comes first, as in the package.
    rows = tf.gather(rows, tf.argsort(rows[:, 4], stable=True)[::-1])
    x1, y1, x2, y2 = (rows[:, k] for k in range(4))
    area = (x2 - x1) * (y2 - y1)
    width = tf.minimum(x2[:, None], x2) - tf.maximum(x1[:, None], x1)
    height = tf.minimum(y2[:, None], y2) - tf.maximum(y1[:, None], y1)
    shared = tf.maximum(width, 0.0) * tf.maximum(height, 0.0)
    whole = tf.minimum(area[:, None], area) if of_smaller else area[:, None] + area - shared
    number = tf.range(tf.shape(rows)[0])
    overlapped = tf.reduce_any((shared > threshold * whole) & (number[:, None] > number), axis=1)
    return tf.boolean_mask(rows, ~overlapped)


def square(rows: tf.Tensor) -> tf.Tensor:
    """See `boxes.square`."""
    corner, sides = rows[:, :2], rows[:, 2:4] - rows[:, :2]
    side = tf.reduce_max(sides, axis=1, keepdims=True)
    corner = corner + 0.5 * sides - 0.5 * side
    return tf.concat([corner, corner + side, rows[:, 4:]], axis=1)


def adjust(boxes: tf.Tensor, offsets: tf.Tensor) -> tf.Tensor:
    """See `boxes.adjust`."""
    sides = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + tf.cast(offsets, tf.float64) * tf.concat([sides, sides], axis=1)


def _as_crops(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    boxes = tf.cast(tf.gather(rows, [1, 0, 3, 2], axis=1), tf.float32)
    return boxes, tf.zeros([tf.shape(rows)[0]], tf.int32)


def _column(score: tf.Tensor) -> tf.Tensor:
    return tf.cast(score, tf.float64)[:, None]


if __name__ == "__main__":
    parser = CommandParser(prog="python -m faces.mtcnn_export", description="Write the face detector as a SavedModel.")
    parser.add_argument("folder", help="folder of the SavedModel")
    export_detector(parser.parse_args().folder)
