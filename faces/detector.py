"""The face detector, behind one small interface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

MIN_IMAGE_SIDE = 20  # pixels; a face of the minimum size fills it
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
MIN_FACE_SIZES = (20.0, 28.2, 39.8, 56.1, 79.1)  # pixels; only these keep the pyramid of 20, see `fast_mtcnn`
# The grid of boxes and key points [pixels], and that of scores. Another TensorFlow or another processor rounds by some
# millionths of a pixel differently. Off the grid this changes the last bits of every face, and a few pixels of every
# crop; on the grid it changes one face in two hundred. A key point moves by 1/128 pixel at most: 19 of 20 values of a
# crop stay, the others change by one grey level, rarely by two or three. A finer grid changes less, but more often.
PIXEL_STEP, SCORE_STEP = 1 / 64, 1 / 1024
# A region of interest: its margin around the faces seen last, in their sides, and how much they may shrink or grow.
MARGIN, SHRINK, GROW = 1.0, 0.6, 1.5
GRID = 32  # pixels; regions begin and end on it, so that few sizes occur and what is prepared for a size is used again
MAX_REGION = 0.5  # share of the frame; instead of a larger region the whole frame is searched


@dataclass(frozen=True)
class Face:
    """One detected face.

    Attributes:
        box: x, y, width, height in pixels, float32 [4].
        landmarks: (x, y) of the eyes, nose and mouth corners in pixels, float32 [5, 2], in the order of `LANDMARKS`.
        score: the detector's confidence in [0, 1].
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class FaceDetector(Protocol):
    """What extraction needs of a detector."""

    def detect(self, images: np.ndarray, min_face_size: float) -> list[list[Face]]:
        """Find the faces of several images.

        Args:
            images: RGB uint8 [n, height, width, 3].
            min_face_size: one of `MIN_FACE_SIZES`, pixels; smaller faces may be missed.

        Returns:
            The faces of each image, in no particular order.
        """

    def detect_near(self, image: np.ndarray, faces: Sequence[Face]) -> list[Face]:
        """Find the faces of an RGB uint8 image [height, width, 3] near those seen shortly before."""


class MtcnnDetector:
    """MTCNN (Zhang et al., 2016), with the boxes of the mtcnn package.

    Build it in the process that uses it: it does not survive a fork.
    """

    def __init__(self) -> None:
        from faces.fast_mtcnn import FastMtcnn  # imports TensorFlow: only where it is needed

        self._mtcnn = FastMtcnn()

    def detect(self, images: np.ndarray, min_face_size: float = MIN_FACE_SIZES[0]) -> list[list[Face]]:
        """See `FaceDetector`."""
        if min(images.shape[1:3]) < MIN_IMAGE_SIDE:
            return [[] for _ in images]
        rows = self._mtcnn.detect(images, min_face_size)
        return [[_face(row) for row in rows[rows[:, 0] == number]] for number in range(len(images))]

    def detect_near(self, image: np.ndarray, faces: Sequence[Face]) -> list[Face]:
        """See `FaceDetector`. Boxes differ from those of `detect` about as if the face had moved by one pixel."""
        height, width = image.shape[:2]
        boxes = np.array([face.box for face in faces], np.float64)
        sides = boxes[:, 2:].max(axis=1)
        low = (boxes[:, :2] - MARGIN * sides[:, None]).min(axis=0)
        high = (boxes[:, :2] + boxes[:, 2:] + MARGIN * sides[:, None]).max(axis=0)
        x1, y1 = GRID * (np.maximum(low, 0) // GRID).astype(int)
        x2, y2 = np.minimum(GRID * np.ceil(high / GRID), [width, height]).astype(int)
        if (x2 - x1) * (y2 - y1) > MAX_REGION * width * height or min(x2 - x1, y2 - y1) < MIN_IMAGE_SIDE:
            sizes = [size for size in MIN_FACE_SIZES if size <= max(SHRINK * sides.min(), MIN_FACE_SIZES[0])]
            return self.detect(image[None], sizes[-1])[0]
        rows = self._mtcnn.detect_within(image, (x1, y1, x2, y2), (SHRINK * sides.min(), GROW * sides.max()))
        return [_face(row) for row in rows]


def _face(row: np.ndarray) -> Face:
    """Make a `Face` of a row of `FastMtcnn.detect`, on the grid."""
    pixels = PIXEL_STEP * np.round(np.delete(row, [0, 5]) / PIXEL_STEP)
    corner, opposite, landmarks = pixels[:2], pixels[2:4], pixels[4:].reshape(2, 5).T
    box = np.concatenate([corner, opposite - corner])
    score = SCORE_STEP * round(float(row[5]) / SCORE_STEP)
    return Face(box.astype(np.float32), landmarks.astype(np.float32), score)
