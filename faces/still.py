"""Pictures as videos of one frame."""

import io
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from faces.decoder import NO_LIMITS, DecodeError, Limits, Picture, SourceInfo


class Still:
    """A picture as a video of one frame; the same attributes as `VideoFrames`.

    Args:
        path: a file that OpenCV reads.
        limits: what the file may hold.

    Raises:
        DecodeError: on construction, if the file is empty, too large, or not a picture.
    """

    def __init__(self, path: str, limits: Limits = NO_LIMITS) -> None:
        self.wanted = np.zeros(1, np.int64)
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
        encoded = np.fromfile(path, np.uint8)
        if not len(encoded):
            raise DecodeError("empty_file", "the file is empty")
        header = picture_header(io.BytesIO(encoded.tobytes()))
        if header:
            limits.check_size(header.width, header.height, "pictures")
        try:
            image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
        except cv2.error as error:  # more pixels than OpenCV allows
            raise DecodeError("too_large", f"cannot be read as a picture ({error.err})") from error
        if image is None:
            raise DecodeError("not_an_image", "cannot be read as a picture")
        limits.check_size(image.shape[1], image.shape[0], "pictures")
        self._image = image
        height, width = image.shape[:2]
        self.info: SourceInfo = {"kind": "image", "width": width, "height": height, "frames": 1, "seconds": 0.0}

    def pictures(self) -> Iterator[Picture]:
        """See `VideoFrames.pictures`."""
        yield Picture(0, 0.0, self._image)


class PictureHeader(NamedTuple):
    """What Pillow reads of a picture before decoding it.

    Attributes:
        width: in pixels.
        height: in pixels.
        is_animated: several pictures, shown one after the other.
    """

    width: int
    height: int
    is_animated: bool


def picture_header(source: str | io.BytesIO) -> PictureHeader | None:
    """Read the header of a picture.

    Args:
        source: a path or a stream.

    Returns:
        The header, or None if it is not a picture.

    Raises:
        DecodeError: the header claims more pixels than Pillow accepts, which is more than `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                if image.format == "MPEG":  # a video without a container; Pillow reads its size only
                    return None
                return PictureHeader(*image.size, image.format == "GIF" and getattr(image, "is_animated", False))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DecodeError("too_large", f"the picture is too large ({error})") from error
    except (FileNotFoundError, PermissionError):  # this says nothing about what the file is
        raise
    except (OSError, ValueError, SyntaxError):  # whatever Pillow raises for a damaged header
        return None
