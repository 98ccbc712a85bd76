"""Small pictures for a page."""

import io

import cv2
import numpy as np
from PIL import Image

FRAME = 640  # pixels, the longer side of a frame
FACE = 160  # pixels, the side of a face
_QUALITY = 80


def thumbnail(image: np.ndarray, longest: int = FRAME) -> bytes:
    """An image as WebP bytes.

    Args:
        image: RGB uint8 [height, width, 3].
        longest: pixels; an image with a longer side is shrunk to it.
    """
    scale = longest / max(image.shape[:2])
    if scale < 1:
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, "WEBP", quality=_QUALITY, method=2)
    return stream.getvalue()
