"""The mtcnn package's detector in batched TensorFlow graphs: the same faces, several times faster.

It keeps the package's image pyramid, its thresholds and its rule of suppression. So its boxes are the package's, to some
hundredths of a pixel. Graphs do the pixels; the few candidates that leave them are sorted in NumPy (see `boxes`).
"""

import math

import numpy as np
import tensorflow as tf

from faces.area_pyramid import ALIGNMENT, GREY, create_level
from faces.boxes import adjust, square, suppress
from faces.mtcnn_networks import ONet, PNet, RNet

SCALE_FACTOR = 0.709
CELL, STRIDE = 12, 2  # P-Net's window and the distance between two, pixels of a level
LEAST_FACE = 20  # pixels; the package's own least size, which its pyramid starts from
# Least sizes of a face, in pixels, at which the levels of the pyramid are those of 20. Any other would have other levels,
# and so other boxes.
FACE_SIZES = tuple(round(LEAST_FACE / SCALE_FACTOR**k, 1) for k in range(6))
THRESHOLDS = (0.6, 0.7, 0.8)
R_CHUNK, O_CHUNK = 16, 1  # crops at a time: the convolutions are set up for one size

_LEVELS = tf.TensorSpec([None, None, None, 3], tf.float32, name="level")
_FRAMES = tf.TensorSpec([None, None, None, 3], tf.uint8, name="frames")
_BOXES = tf.TensorSpec([None, 4], tf.float32, name="boxes")
_NUMBERS = tf.TensorSpec([None], tf.int32, name="numbers")  # which frame a box lies in


def level_scale(k):
    """The scale of level k of the pyramid, from 0."""
    return CELL / LEAST_FACE * SCALE_FACTOR**k


def pyramid_scales(height, width, min_face_size=FACE_SIZES[0]):
    """The scales of the package's pyramid for a frame of that size.

    Args:
        height, width: of the frame, pixels.
        min_face_size: one of `FACE_SIZES`; larger ones leave the first, costly levels out.

    Returns:
        A list of floats; empty for a frame that is smaller than a face.
    """
    levels = round(-(math.log(min(height, width) / CELL) / math.log(SCALE_FACTOR) + 1))
    return [level_scale(k) for k in range(FACE_SIZES.index(min_face_size), levels)]


class FastMtcnn(tf.Module):
    """Frames in, faces out. Build it in the process that uses it: it does not survive a fork."""

    def __init__(self):
        super().__init__()
        self.pnet, self.rnet, self.onet = PNet(), RNet(), ONet()
        # Concrete: a small level takes less time than finding out which graph serves it.
        self.propose = tf.function(self._propose).get_concrete_function(_LEVELS)
        self.refine = tf.function(self._refine).get_concrete_function(_FRAMES, _BOXES, _NUMBERS)
        self.output = tf.function(self._output).get_concrete_function(_FRAMES, _BOXES, _NUMBERS)

    def detect(self, frames, min_face_size=FACE_SIZES[0]):
        """Find the faces of frames of one size.

        Args:
            frames: RGB uint8 [n, height, width, 3].
            min_face_size: one of `FACE_SIZES`.

        Returns:
            float64 [faces, 16]: frame, x1, y1, x2, y2, score, five x's, five y's (eyes, nose, corners of the mouth).
        """
        return self._decide(frames, self._proposals(frames, pyramid_scales(*frames.shape[1:3], min_face_size)))

    def detect_within(self, frame, region, sides):
        """Find faces of known size in a part of a frame.

        Args:
            frame: RGB uint8 [height, width, 3].
            region: x1, y1, x2, y2, integers within the frame.
            sides: (least, largest) side of the faces that are looked for, pixels.

        Returns:
            As `detect`, in pixels of the whole frame.
        """
        x1, y1, x2, y2 = region
        part = np.ascontiguousarray(frame[None, y1:y2, x1:x2])
        smallest = min(part.shape[1:3])
        scales = [
            scale
            for scale in map(level_scale, range(16))
            if sides[0] <= CELL / scale <= sides[1] and int(smallest * scale) >= CELL
        ]
        rows = self._proposals(part, scales)
        rows[:, 1:5] += [x1, y1, x1, y1]
        return self._decide(frame[None], rows)

    def _proposals(self, frames, scales):
        """P-Net on a pyramid: [k, 6], frame, x1, y1, x2, y2, score."""
        rows = [np.zeros((0, 6))]
        for scale in scales:
            level = as_tensor(create_level(frames, scale))
            places, score, offsets = (x.numpy() for x in self.propose(level))
            corner = places[:, :0:-1] * STRIDE  # x, y
            # The package counts from 1 at the upper left and from 0 at the lower right.
            start = np.concatenate([corner + 1, corner + CELL], axis=1)
            boxes = (start + offsets * (CELL - 1)) / scale
            rows.append(suppress(np.column_stack([places[:, 0], boxes, score]), 0.5))
        return np.concatenate(rows)

    def _decide(self, frames, rows):
        """R-Net and O-Net on P-Net's proposals; returns what `detect` does."""
        height, width = frames.shape[1:3]
        rows = square(suppress(rows, 0.7))
        if len(rows):
            frames = as_tensor(frames)
            score, offsets = (x.numpy() for x in self.refine(frames, *_as_crops(rows)))
            rows = np.column_stack([rows[:, 0], adjust(rows[:, 1:5], offsets), score])
            rows = square(suppress(rows[score > THRESHOLDS[1]], 0.7))
        if not len(rows):
            return np.zeros((0, 16))
        score, offsets, points = (x.numpy() for x in self.output(frames, *_as_crops(rows)))
        boxes, sides = rows[:, 1:5], rows[:, 3:5] - rows[:, 1:3] + 1
        x, y = (sides[:, k, None] * points[:, 5 * k : 5 * k + 5] + boxes[:, k, None] - 1 for k in (0, 1))
        rows = np.column_stack([rows[:, 0], adjust(boxes, offsets), score, x, y])
        rows = suppress(rows[score > THRESHOLDS[2]], 0.7, of_smaller=True)
        rows[:, 1:5] = np.clip(rows[:, 1:5], 0, [width - 1, height - 1] * 2)
        return rows

    def _propose(self, level):
        """P-Net on one level of the pyramid: places int64 [k, 3] (frame, row, column), scores [k], offsets [k, 4]."""
        return self.pnet(level, THRESHOLDS[0])

    def _refine(self, frames, boxes, numbers):
        """R-Net on boxes y1, x1, y2, x2 [k, 4] in pixels: scores [k], offsets [k, 4]."""
        return _in_chunks(self.rnet, frames, boxes, numbers, 24, R_CHUNK)

    def _output(self, frames, boxes, numbers):
        """O-Net on boxes y1, x1, y2, x2 [k, 4] in pixels: scores [k], offsets [k, 4], landmarks [k, 10]."""
        return _in_chunks(self.onet, frames, boxes, numbers, 48, O_CHUNK)


def as_tensor(array):
    """A tensor of a NumPy array, without a copy where the array's memory begins where TensorFlow wants it to."""
    if tf.is_tensor(array):
        return array
    if array.ctypes.data % ALIGNMENT or not array.flags.c_contiguous or not array.flags.writeable:
        return tf.constant(array)
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def _as_crops(rows):
    return tf.constant(rows[:, [2, 1, 4, 3]], tf.float32), tf.constant(rows[:, 0], tf.int32)


def _in_chunks(network, frames, boxes, numbers, size, chunk):
    """Run a network on the boxes' pixels, `chunk` boxes at a time; the last chunk is filled up with empty ones.

    Pixels are resized to size x size and normalised; beyond the frame there is grey.
    """
    height, width = tf.unstack(tf.cast(tf.shape(frames)[1:3], tf.float32))
    boxes = boxes / tf.stack([height, width, height, width])
    count = tf.shape(boxes)[0]
    chunks = (count + chunk - 1) // chunk
    boxes = tf.reshape(tf.pad(boxes, [[0, chunks * chunk - count], [0, 0]]), [chunks, chunk, 4])
    numbers = tf.reshape(tf.pad(numbers, [[0, chunks * chunk - count]]), [chunks, chunk])

    def run(part):
        crops = tf.image.crop_and_resize(frames, *part, [size, size], extrapolation_value=GREY)
        return network((tf.ensure_shape(crops, [chunk, size, size, 3]) - GREY) / 128.0)

    shapes = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), network(tf.zeros([chunk, size, size, 3])))
    outputs = tf.map_fn(run, (boxes, numbers), fn_output_signature=shapes)
    return [tf.reshape(x, [chunks * chunk, *s.shape[1:]])[:count] for x, s in zip(outputs, shapes, strict=True)]
