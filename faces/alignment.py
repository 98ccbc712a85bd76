"""Cut a face out so that eyes, nose and mouth lie at fixed places, and store it without loss."""

import io
from typing import Literal

import cv2
import numpy as np
import tensorflow as tf
from PIL import Image
from skimage.transform import SimilarityTransform

from artifacts import crop_decoding
from artifacts.crop_size import CROP_SIZE
from faces.settings import CROP_MARGIN

# Eyes, nose and mouth corners of a frontal face in a crop of 256 pixels: the ArcFace template, margin 1.3.
TEMPLATE = np.array([(96.87, 120.43), (158.83, 120.09), (128.04, 155.67), (102.59, 191.94), (153.90, 191.66)])


class AlignmentError(Exception):
    """The landmarks define no similarity, for example because all five are one point."""


def template(margin: float = CROP_MARGIN, size: int = CROP_SIZE, lift: float = 0.0) -> np.ndarray:
    """Return the places of the landmarks in a crop.

    Args:
        margin: how much larger the area in the crop is than the template's face.
        size: side of the crop, pixels.
        lift: how far the face stands above the template's place, as a share of the crop's side.

    Returns:
        (x, y) in pixels, float64 [5, 2].
    """
    centre = CROP_SIZE / 2
    return (centre + (TEMPLATE - centre) * CROP_MARGIN / margin) * size / CROP_SIZE - (0.0, lift * size)


def align(
    image: np.ndarray,
    landmarks: np.ndarray,
    margin: float = CROP_MARGIN,
    size: int = CROP_SIZE,
    lift: float = 0.0,
) -> np.ndarray:
    """Warp a face to the template by the least-squares similarity of its landmarks (Umeyama, 1991).

    Args:
        image: RGB uint8 [height, width, 3].
        landmarks: (x, y) in pixels, float [5, 2].
        margin: see `template`.
        size: see `template`.
        lift: see `template`.

    Returns:
        RGB uint8 [size, size, 3], black outside the image.

    Raises:
        AlignmentError: the landmarks define no similarity.
    """
    landmarks = np.asarray(landmarks, np.float64)
    if not np.isfinite(landmarks).all():
        raise AlignmentError("a landmark is not finite")
    similarity = SimilarityTransform.from_estimate(landmarks, template(margin, size, lift))
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
    crop: np.ndarray = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return crop


def fit_crop(image: np.ndarray, size: int = CROP_SIZE) -> np.ndarray:
    """Resize a face that is already cut out, RGB uint8 [height, width, 3], to [size, size, 3].

    As an exported model does it, so that the same face gets the same scores there.
    """
    crop: np.ndarray = crop_decoding.fit_crop(tf.constant(image), size).numpy()
    return crop


def encode(crop: np.ndarray, image_format: Literal["webp", "png"]) -> bytes:
    """Encode a crop, RGB uint8 [size, size, 3], without loss: compression traces are the signal."""
    if image_format == "webp":  # by Pillow: OpenCV has no fast lossless mode and takes 15 times as long
        stream = io.BytesIO()
        Image.fromarray(crop).save(stream, "WEBP", lossless=True, quality=0, method=0)
        return stream.getvalue()
    done, encoded = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 2])
    if not done:
        raise ValueError("OpenCV could not encode a crop as PNG")
    return encoded.tobytes()
