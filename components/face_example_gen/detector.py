"""The face detector, behind one small interface."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

SMALLEST_IMAGE = 20  # pixels; a face of the least size fills it
LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


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

    def detect(self, image: np.ndarray) -> list[Face]:
        """Find the faces of an RGB uint8 image [height, width, 3], in no particular order."""


class MtcnnDetector:
    """MTCNN (Zhang et al., 2016) by the mtcnn package. Build it in the process that uses it: it does not survive a fork."""

    def __init__(self):
        from mtcnn import MTCNN  # imports TensorFlow: only where a detector is really needed

        self._mtcnn = MTCNN()

    def detect(self, image):
        """See `FaceDetector`. Faces from 20 pixels on.

        Another minimum is not to be had from the package: its pyramid keeps the number of levels that 20 needs, so that
        the smallest ones become too small for the network, and it then reports no face at all.
        """
        if min(image.shape[:2]) < SMALLEST_IMAGE:
            return []
        found = self._mtcnn.detect_faces(image)
        return [
            Face(
                np.array(face["box"], np.float32),
                np.array([face["keypoints"][name] for name in LANDMARKS], np.float32),
                float(face["confidence"]),
            )
            for face in found
        ]
