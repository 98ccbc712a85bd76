"""The face detector, behind one small interface."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Only these keep the levels of mtcnn's own image pyramid; between them it silently finds nothing in some frame sizes.
MIN_FACE_SIZES = {20: 20.0, 28: 20 / 0.709, 40: 20 / 0.709**2, 56: 20 / 0.709**3, 79: 20 / 0.709**4}
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

    def detect(self, image: np.ndarray, min_face_size: int) -> list[Face]:
        """Find the faces of an RGB uint8 image [height, width, 3], in no particular order."""


class MtcnnDetector:
    """MTCNN (Zhang et al., 2016) by the mtcnn package. Build it in the process that uses it: it does not survive a fork."""

    def __init__(self):
        from mtcnn import MTCNN  # imports TensorFlow: only where a detector is really needed

        self._mtcnn = MTCNN()

    def detect(self, image, min_face_size=20):
        """See `FaceDetector`. `min_face_size` is one of `MIN_FACE_SIZES`, in pixels."""
        if min(image.shape[:2]) < 12:  # smaller than the first network's window
            return []
        found = self._mtcnn.detect_faces(image, min_face_size=MIN_FACE_SIZES[min_face_size])
        return [
            Face(
                np.array(face["box"], np.float32),
                np.array([face["keypoints"][name] for name in LANDMARKS], np.float32),
                float(face["confidence"]),
            )
            for face in found
        ]
