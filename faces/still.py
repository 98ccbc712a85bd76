"""Pictures as videos of one frame."""

import io
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from artifacts.exif_orientation import PNG, orientation_of, turned_upright
from faces.decoder import NO_LIMITS, DecodeError, Limits, Picture, SourceInfo

# Formats that Pillow decodes. Of a GIF, OpenCV shows transparent pixels in the colour of the background, where
# TensorFlow, which decodes crops elsewhere, has black; of an AVIF, it ignores how the picture is to be turned.
BY_PILLOW = ("GIF", "AVIF")


class Still:
    """A picture as a video of one frame, turned upright; the same attributes as `VideoFrames`.

    Its pixels are those that `artifacts.crop_decoding` makes of it, if it is of a format that is decoded there.

    Args:
        path: a file that OpenCV or Pillow reads.
        limits: what the file may hold.

    Raises:
        DecodeError: on construction, if the file is empty, too large, or not a picture.
    """

    def __init__(self, path: str, limits: Limits = NO_LIMITS) -> None:
        self.wanted = np.zeros(1, np.int64)
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
        with open(path, "rb") as stream:
            encoded = stream.read()
        if not encoded:
            raise DecodeError("empty_file", "the file is empty")
        header = picture_header(io.BytesIO(encoded))
        if header:
            limits.check_size(header.width, header.height, "pictures")
        image = _by_pillow(encoded) if header and header.format in BY_PILLOW else _by_opencv(encoded)
        limits.check_size(image.shape[1], image.shape[0], "pictures")
        self._image = image
        height, width = image.shape[:2]
        self.info: SourceInfo = {"kind": "image", "width": width, "height": height, "frames": 1, "seconds": 0.0}

    def pictures(self) -> Iterator[Picture]:
        """See `VideoFrames.pictures`."""
        yield Picture(0, 0.0, self._image)


def _by_opencv(encoded: bytes) -> np.ndarray:
    """Decode to RGB uint8 [height, width, 3]."""
    # OpenCV finds no orientation behind another APP1 segment: this project's own rules hold everywhere.
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(_without_animation(encoded), np.uint8), flags)
    except cv2.error as error:  # more pixels than OpenCV allows
        raise DecodeError("too_large", f"cannot be read as a picture ({error.err})") from error
    if image is None:
        raise DecodeError("not_an_image", "cannot be read as a picture")
    return np.ascontiguousarray(turned_upright(image, orientation_of(encoded)))


def _without_animation(encoded: bytes) -> bytes:
    """Take the mark of an animation from a PNG: what remains is its picture for readers that know no animations."""
    if encoded.startswith(PNG):
        length, mark = (8).to_bytes(4, "big"), b"acTL"
        at = encoded.find(length + mark, len(PNG), encoded.find(b"IDAT"))
        if at > 0:
            return encoded[:at] + encoded[at + 4 + 4 + 8 + 4 :]  # length, mark, content, checksum
    return encoded


def _by_pillow(encoded: bytes) -> np.ndarray:
    """Decode to RGB uint8 [height, width, 3]."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
            is_seen = pixels[..., 3:] > 0 if image.format == "GIF" else 1
    except MemoryError:
        raise
    except Exception as error:  # damage can lead Pillow's plugins to any exception
        raise DecodeError("not_an_image", f"cannot be read as a picture ({error})") from error
    return np.ascontiguousarray(pixels[..., :3] * np.uint8(is_seen))


class PictureHeader(NamedTuple):
    """What Pillow reads of a picture before decoding it.

    Attributes:
        width: in pixels.
        height: in pixels.
        format: Pillow's name of it, such as "JPEG".
        is_animated: several pictures, shown one after the other.
    """

    width: int
    height: int
    format: str
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
            warnings.simplefilter("ignore")  # on damaged metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                if image.format == "MPEG":  # a video without a container; Pillow reads its size only
                    return None
                is_animated = image.format == "GIF" and getattr(image, "is_animated", False)
                return PictureHeader(*image.size, image.format or "", is_animated)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DecodeError("too_large", f"the picture is too large ({error})") from error
    except (FileNotFoundError, PermissionError):  # this says nothing about what the file is
        raise
    except (OSError, ValueError, SyntaxError):  # whatever Pillow raises for a damaged header
        return None
