"""Cut a face out so that eyes, nose and mouth lie at fixed places."""

import cv2
import numpy as np
from skimage.transform import SimilarityTransform

CROP_SIZE = 256
# Where eyes, nose and mouth corners of a frontal face lie in the crop, pixels: the ArcFace template with a margin of 1.3.
TEMPLATE = np.array([(96.87, 120.43), (158.83, 120.09), (128.04, 155.67), (102.59, 191.94), (153.90, 191.66)])


class AlignmentError(Exception):
    """The landmarks define no similarity, e.g. all five in one point."""


def align(image, landmarks):
    """Warp a face to the template by the least-squares similarity of its landmarks (Umeyama, 1991).

    Args:
        image: RGB uint8 [height, width, 3].
        landmarks: float [5, 2], pixels.

    Returns:
        RGB uint8 [256, 256, 3]; outside the image it is black.

    Raises:
        AlignmentError: degenerate landmarks.
    """
    landmarks = np.asarray(landmarks, np.float64)
    if not np.isfinite(landmarks).all():
        raise AlignmentError("a landmark is not finite")
    similarity = SimilarityTransform.from_estimate(landmarks, TEMPLATE)
    if not similarity or not np.isfinite(similarity.params).all() or not 1e-3 < similarity.scale < 1e3:
        raise AlignmentError("the five landmarks define no similarity")
    # A bilinear warp skips pixels when it shrinks by more than half: halve by exact area means first.
    factor = int(1 / similarity.scale) if similarity.scale < 0.5 else 1
    matrix = similarity.params[:2]
    if factor > 1:
        height, width = (side // factor for side in image.shape[:2])
        image = cv2.resize(image[: height * factor, : width * factor], (width, height), interpolation=cv2.INTER_AREA)
        # A pixel's centre is at +0.5: x = factor * x' + (factor - 1) / 2.
        matrix = np.hstack([matrix[:, :2] * factor, matrix[:, 2:] + matrix[:, :2] @ np.full((2, 1), (factor - 1) / 2)])
    return cv2.warpAffine(image, matrix, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR)


def fit_crop(image):
    """Resize a face that is already cut out to [256, 256, 3]."""
    if image.shape[:2] == (CROP_SIZE, CROP_SIZE):
        return image
    shrinks = min(image.shape[:2]) > CROP_SIZE
    return cv2.resize(image, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def encode_png(crop):
    """Encode a crop without loss: compression traces are the signal."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 2])
    if not done:
        raise ValueError("OpenCV could not encode a crop as PNG")
    return encoded.tobytes()
