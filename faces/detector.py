"""The face detector, behind one small interface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

SMALLEST_IMAGE = 20  # pixels; a face of the least size fills it
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
MIN_FACE_SIZES = (20.0, 28.2, 39.8, 56.1, 79.1)  # pixels; only these keep the pyramid of 20, see `fast_mtcnn`
# A region of interest: how far it reaches beyond the faces seen last, in their sides, and how much they may shrink or grow.
MARGIN, SHRINK, GROW = 1.0, 0.6, 1.5
GRID = 32  # pixels; regions begin and end on it, so that few sizes occur, and what is prepared for a size serves again
LARGEST_REGION = 0.5  # share of the frame; with a larger one the whole frame is searched


@dataclass(frozen=True)
class Face:
    """One detected face.

    Attributes:
        box: x, y, width, height in pixels, float [4].
        landmarks: (x, y) of the eyes, nose and mouth corners in pixels, float [5, 2], in the order of `LANDMARKS`.
        score: the detector's confidence in [0, 1].
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class FaceDetector(Protocol):
    """What extraction needs of a detector."""

    def detect(self, images: np.ndarray, min_face_size: float) -> list[list[Face]]:
        """Find the faces of RGB uint8 images [n, height, width, 3], for each in no particular order.

        `min_face_size` is one of `MIN_FACE_SIZES`; smaller faces may be missed.
        """

    def detect_near(self, image: np.ndarray, faces: Sequence[Face]) -> list[Face]:
        """Find the faces of an RGB uint8 image [height, width, 3] near where some were seen shortly before."""


class MtcnnDetector:
    """MTCNN (Zhang et al., 2016), with the boxes of the mtcnn package.

    Build it in the process that uses it: it does not survive a fork.
    """

    def __init__(self):
        from faces.fast_mtcnn import FastMtcnn  # imports TensorFlow: only where it is needed

        self._mtcnn = FastMtcnn()

    def detect(self, images, min_face_size=MIN_FACE_SIZES[0]):
        """See `FaceDetector`."""
        if min(images.shape[1:3]) < SMALLEST_IMAGE:
            return [[] for _ in images]
        rows = self._mtcnn.detect(images, min_face_size)
        return [[_face(row) for row in rows[rows[:, 0] == number]] for number in range(len(images))]

    def detect_near(self, image, faces):
        """See `FaceDetector`. Its boxes differ from `detect`'s by about what one pixel of motion would change."""
        height, width = image.shape[:2]
        boxes = np.array([face.box for face in faces], np.float64)
        sides = boxes[:, 2:].max(axis=1)
        low = (boxes[:, :2] - MARGIN * sides[:, None]).min(axis=0)
        high = (boxes[:, :2] + boxes[:, 2:] + MARGIN * sides[:, None]).max(axis=0)
        x1, y1 = GRID * (np.maximum(low, 0) // GRID).astype(int)
        x2, y2 = np.minimum(GRID * np.ceil(high / GRID), [width, height]).astype(int)
        if (x2 - x1) * (y2 - y1) > LARGEST_REGION * width * height or min(x2 - x1, y2 - y1) < SMALLEST_IMAGE:
            reached = [size for size in MIN_FACE_SIZES if size <= max(SHRINK * sides.min(), MIN_FACE_SIZES[0])]
            return self.detect(image[None], reached[-1])[0]
        rows = self._mtcnn.detect_within(image, (x1, y1, x2, y2), (SHRINK * sides.min(), GROW * sides.max()))
        return [_face(row) for row in rows]


class ReferenceDetector:
    """The mtcnn package's own detector, which `MtcnnDetector` is compared with. Slow; from 20 pixels on.

    Another minimum is not to be had from the package: its pyramid keeps the number of levels that 20 needs, so that the
    smallest ones become too small for the network, and it then reports no face at all.
    """

    def __init__(self):
        from mtcnn import MTCNN

        self._mtcnn = MTCNN()

    def detect(self, images, min_face_size=MIN_FACE_SIZES[0]):
        """See `FaceDetector`."""
        if min_face_size != MIN_FACE_SIZES[0]:
            raise ValueError(f"min_face_size must be {MIN_FACE_SIZES[0]}. Received: min_face_size={min_face_size}")
        if min(images.shape[1:3]) < SMALLEST_IMAGE:
            return [[] for _ in images]
        found = (self._mtcnn.detect_faces(image, box_format="xyxy", output_type="numpy") for image in images)
        return [[_face(row) for row in np.reshape(rows, (-1, 16))] for rows in found]


def _face(row):
    """A `Face` of a row: frame, x1, y1, x2, y2, score, five x's, five y's."""
    box = np.concatenate([row[1:3], row[3:5] - row[1:3]])
    return Face(box.astype(np.float32), row[6:].reshape(2, 5).T.astype(np.float32), float(row[5]))
