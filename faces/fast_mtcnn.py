"""The mtcnn package's detector as batched TensorFlow graphs: the same faces, several times faster.

It keeps the package's image pyramid, its thresholds and its rule of suppression. So its boxes are the package's, to
some hundredths of a pixel. Graphs do the pixels; the few candidates that leave them are sorted in NumPy (see `boxes`).
"""

import math
from collections.abc import Sequence

import numpy as np

from faces.area_pyramid import create_level
from faces.boxes import adjust, square, suppress
from faces.mtcnn_stages import BOXES, FRAMES, LEVEL, NUMBERS, THRESHOLDS, MtcnnStages
from faces.one_thread import OneThread

SCALE_FACTOR = 0.709
CELL, STRIDE = 12, 2  # P-Net's window and the distance between two, pixels of a level
MIN_FACE = 20  # pixels; the package's own minimum size, at which its pyramid starts
# Minimum sizes of a face, in pixels, for which the levels of the pyramid are those of 20. Any other would have other
# levels, and so other boxes.
FACE_SIZES = tuple(round(MIN_FACE / SCALE_FACTOR**k, 1) for k in range(6))


def level_scale(k: int) -> float:
    """Return the scale of level k of the pyramid, from 0."""
    return CELL / MIN_FACE * SCALE_FACTOR**k


def pyramid_scales(height: int, width: int, min_face_size: float = FACE_SIZES[0]) -> list[float]:
    """Return the scales of the package's pyramid; none for a frame that is smaller than a face.

    Args:
        height: of the frame, pixels.
        width: of the frame, pixels.
        min_face_size: one of `FACE_SIZES`; larger ones leave out the first, costly levels.
    """
    levels = round(-(math.log(min(height, width) / CELL) / math.log(SCALE_FACTOR) + 1))
    return [level_scale(k) for k in range(FACE_SIZES.index(min_face_size), levels)]


class FastMtcnn:
    """Frames in, faces out; on one thread. Build it in the process that uses it: it does not survive a fork."""

    def __init__(self) -> None:
        stages, one_thread = MtcnnStages(), OneThread()
        self._propose = one_thread.compile(stages.propose, LEVEL)
        self._refine = one_thread.compile(stages.refine, FRAMES, BOXES, NUMBERS)
        self._output = one_thread.compile(stages.output, FRAMES, BOXES, NUMBERS)

    def detect(self, frames: np.ndarray, min_face_size: float = FACE_SIZES[0]) -> np.ndarray:
        """Find the faces of frames of one size.

        Args:
            frames: RGB uint8 [n, height, width, 3].
            min_face_size: one of `FACE_SIZES`.

        Returns:
            float64 [faces, 16]: frame, x1, y1, x2, y2, score, five x's, five y's (eyes, nose, corners of the mouth).
        """
        height, width = frames.shape[1:3]
        return self._decide(frames, self._proposals(frames, pyramid_scales(height, width, min_face_size)))

    def detect_within(
        self, frame: np.ndarray, region: tuple[int, int, int, int], sides: tuple[float, float]
    ) -> np.ndarray:
        """Find faces of known size in a part of a frame.

        Args:
            frame: RGB uint8 [height, width, 3].
            region: x1, y1, x2, y2, integers within the frame.
            sides: (smallest, largest) side of the faces to look for, pixels.

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

    def _proposals(self, frames: np.ndarray, scales: Sequence[float]) -> np.ndarray:
        """Apply P-Net to a pyramid; return frame, x1, y1, x2, y2, score of its boxes, float64 [k, 6]."""
        rows = [np.zeros((0, 6))]
        for scale in scales:
            places, score, offsets = self._propose(create_level(frames, scale))
            corner = places[:, :0:-1] * STRIDE  # x, y
            # The package counts from 1 at the upper left and from 0 at the lower right.
            start = np.concatenate([corner + 1, corner + CELL], axis=1)
            boxes = (start + offsets * (CELL - 1)) / scale
            rows.append(suppress(np.column_stack([places[:, 0], boxes, score]), 0.5))
        return np.concatenate(rows)

    def _decide(self, frames: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Apply R-Net and O-Net to P-Net's proposals; return what `detect` does."""
        height, width = frames.shape[1:3]
        rows = square(suppress(rows, 0.7))
        if len(rows):
            score, offsets = self._refine(frames, *_as_crops(rows))
            rows = np.column_stack([rows[:, 0], adjust(rows[:, 1:5], offsets), score])
            rows = square(suppress(rows[score > THRESHOLDS[1]], 0.7))
        if not len(rows):
            return np.zeros((0, 16))
        score, offsets, points = self._output(frames, *_as_crops(rows))
        boxes, sides = rows[:, 1:5], rows[:, 3:5] - rows[:, 1:3] + 1
        x, y = (sides[:, k, None] * points[:, 5 * k : 5 * k + 5] + boxes[:, k, None] - 1 for k in (0, 1))
        rows = np.column_stack([rows[:, 0], adjust(boxes, offsets), score, x, y])
        rows = suppress(rows[score > THRESHOLDS[2]], 0.7, of_smaller=True)
        rows[:, 1:5] = np.clip(rows[:, 1:5], 0, [width - 1, height - 1] * 2)
        return rows


def _as_crops(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The boxes and frame numbers of rows as `MtcnnStages.refine` takes them."""
    return rows[:, [2, 1, 4, 3]].astype(np.float32), rows[:, 0].astype(np.int32)
