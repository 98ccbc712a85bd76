"""What decoding a picture will cost, read from its headers before anything is decoded."""

import io
import struct
from collections.abc import Callable

from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin

from artifacts.crop_decoding import BMP, GIF, OTHER
from artifacts.exif_orientation import JPEG, PNG

MAX_SCANS = 100  # of a JPEG: progressive ones have about ten, and each is a pass over the whole picture
_START_OF_SCAN = b"\xff\xda"
# Chunks of a PNG that hold no pixels and may decompress to any size.
_COMPRESSED_TEXT = (b"zTXt", b"iTXt", b"iCCP")
# Not `Image.open`, which tries all formats that Pillow knows and has a limit of its own for sizes.
_OPEN: dict[bytes, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    PNG: PngImagePlugin.PngImageFile,
    JPEG: JpegImagePlugin.JpegImageFile,
    BMP: BmpImagePlugin.BmpImageFile,
}


class HeaderError(ValueError):
    """A file is not a picture that can be taken; the text goes on after the picture's name ("is empty")."""


def inspect(encoded: bytes) -> tuple[int, bytes]:
    """Look at the headers of a PNG, JPEG, GIF or BMP.

    Returns:
        (pixels, encoded): the number of pixels, for a GIF of all its frames, since decoders unpack them all; and the
        bytes to decode, without compressed text that could take any amount of memory.

    Raises:
        HeaderError: another format, or damaged.
    """
    magic = next((magic for magic in (*_OPEN, GIF) if encoded.startswith(magic)), None)
    if magic is None:
        raise HeaderError(OTHER if encoded else "is empty")
    if magic == PNG:
        encoded = _without_text(encoded)
    try:
        pixels = _gif_pixels(encoded) if magic == GIF else _pixels(_OPEN[magic], encoded)
    except Exception as error:  # damage can lead Pillow's plugins to any exception
        raise HeaderError("has a damaged header") from error
    if pixels <= 0:
        raise HeaderError("has no pixels")
    if magic == JPEG and encoded.count(_START_OF_SCAN) > MAX_SCANS:
        raise HeaderError(f"is a JPEG of more than {MAX_SCANS} scans")
    return pixels, encoded


def _pixels(open_image: Callable[[io.BytesIO], ImageFile.ImageFile], encoded: bytes) -> int:
    with open_image(io.BytesIO(encoded)) as image:
        return image.size[0] * image.size[1]


def _without_text(encoded: bytes) -> bytes:
    """A PNG without its compressed texts and colour profile."""
    if not any(kind in encoded for kind in _COMPRESSED_TEXT):
        return encoded
    kept, at = [PNG], len(PNG)
    while at + 12 <= len(encoded):
        (length,) = struct.unpack_from(">I", encoded, at)
        end = at + 12 + length
        kind = encoded[at + 4 : at + 8]
        if kind not in _COMPRESSED_TEXT:
            kept.append(encoded[at:end])
        at = end
    return b"".join(kept)


def _gif_pixels(encoded: bytes) -> int:
    """Pixels of all frames of a GIF, at least those of its screen, by walking over its blocks."""
    screen_width, screen_height, flags = struct.unpack_from("<HHB", encoded, 6)
    at, total = 13 + _palette_size(flags), 0
    while at < len(encoded) and encoded[at] != 0x3B:  # the trailer
        if encoded[at] == 0x2C:  # a frame
            width, height, flags = struct.unpack_from("<HHB", encoded, at + 5)
            total += width * height
            at = _after_blocks(encoded, at + 10 + _palette_size(flags) + 1)
        elif encoded[at] == 0x21:  # an extension
            at = _after_blocks(encoded, at + 2)
        else:
            raise ValueError("not a block of a GIF")
    return int(max(total, screen_width * screen_height))


def _palette_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(encoded: bytes, at: int) -> int:
    while at < len(encoded) and encoded[at]:
        at += encoded[at] + 1
    return at + 1
