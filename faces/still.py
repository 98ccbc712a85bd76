"""Pictures as videos of one frame."""

import io
import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from artifacts.exif_orientation import PNG, TRANSPOSED, orientation_of, turned_upright
from faces.decoder import NO_LIMITS, DecodeError, Limits, Picture, SourceInfo
from faces.display import shown_size, stretched

# Formats that Pillow decodes. Of a GIF, OpenCV shows transparent pixels in the colour of the background, where
# TensorFlow, which decodes crops elsewhere, has black; of an AVIF, it ignores how the picture is to be turned.
BY_PILLOW = ("GIF", "AVIF")
MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # formats of which several pictures are an animation


class Still:
    """A picture as a video of one frame, turned upright; the same attributes as `VideoFrames`.

    Its pixels are those that `artifacts.crop_decoding` makes of it, if it is of a format that is decoded there.

    Args:
        path: a file that OpenCV or Pillow reads.
        limits: what the file may hold.
        as_shown: stretch pixels that are not square. A crop is fitted to a square in any case.

    Raises:
        DecodeError: on construction, if the file is empty, too large, or not a picture.
    """

    def __init__(self, path: str, limits: Limits = NO_LIMITS, as_shown: bool = True) -> None:
        self.wanted = np.zeros(1, np.int64)
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
        with open(path, "rb") as stream:
            encoded = stream.read()
        if not encoded:
            raise DecodeError("empty_file", "the file is empty")
        header = picture_header(io.BytesIO(encoded))
        pixel = header.pixel if header and as_shown else None
        if header:
            limits.check_size(*shown_size(header.width, header.height, pixel), "pictures")
            if header.is_animated or header.has_pages:
                what = "an animation" if header.is_animated else "several pages"
                self.marks["first_picture"] = f"holds {what}: the first picture is used"
        image = _by_pillow(encoded) if header and header.format in BY_PILLOW else _by_opencv(encoded)
        if pixel and orientation_of(encoded) in TRANSPOSED:
            pixel = 1 / pixel
        height, width = image.shape[:2]
        if shown_size(width, height, pixel) != (width, height):
            width, height = shown_size(width, height, pixel)
            self.marks["not_square"] = f"its pixels are not square: shown as {width}x{height}, as the file asks"
        limits.check_size(width, height, "pictures")
        self._image = stretched(image, pixel)
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
        with warnings.catch_warnings(), Image.open(io.BytesIO(encoded)) as image:
            warnings.filterwarnings("ignore", "Corrupt EXIF data")  # of which only the orientation is used
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
            is_seen = pixels[..., 3:] > 0 if image.format == "GIF" else 1
    except MemoryError:
        raise
    except Exception as error:  # damage can lead Pillow's plugins to any exception
        raise DecodeError("not_an_image", f"cannot be read as a picture ({error})") from error
    return np.ascontiguousarray(pixels[..., :3] * np.uint8(is_seen))


# Brands of HEIF files: single pictures, with HEVC inside or unnamed. Those of AVIF, and of films, are others.
HEIC = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2")


def is_heic(start: bytes) -> bool:
    """Tell from its first bytes whether a file is a HEIC picture; Pillow reads AVIF, which may look like one."""
    size = int.from_bytes(start[:4], "big")
    return start[4:8] == b"ftyp" and start[8:12] in HEIC and b"avif" not in start[16:size]


class PictureHeader(NamedTuple):
    """What Pillow reads of a picture before decoding it.

    Attributes:
        width: in pixels.
        height: in pixels.
        format: Pillow's name of it, such as "JPEG".
        is_animated: several pictures, shown one after the other.
        has_pages: several pictures that are not shown one after the other.
        pixel: the width of a pixel over its height, as stored; None if the file does not say.
    """

    width: int
    height: int
    format: str
    is_animated: bool
    has_pages: bool = False
    pixel: Fraction | None = None


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
                has_several = bool(getattr(image, "is_animated", False))
                is_animated, has_pages = has_several and image.format in MOVING, has_several and image.format == "TIFF"
                return PictureHeader(*image.size, image.format or "", is_animated, has_pages, _pixel_of(image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DecodeError("too_large", f"the picture is too large ({error})") from error
    except (FileNotFoundError, PermissionError):  # this says nothing about what the file is
        raise
    except (OSError, ValueError, SyntaxError):  # whatever Pillow raises for a damaged header
        return None


def _pixel_of(image: Image.Image) -> Fraction | None:
    """Read the shape of a pixel as FFmpeg does, if the file names it by itself, and not as a resolution of prints."""
    if image.format == "JPEG" and image.info.get("jfif_unit") == 0:
        across, down = image.info.get("jfif_density", (0, 0))
    else:
        across, down = image.info.get("aspect", (0, 0))  # of a PNG
    return Fraction(across, down) if across and down else None
