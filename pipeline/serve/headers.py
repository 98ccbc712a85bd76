"""What an encoded picture will cost, from its headers: asked before anything is decoded."""

import io
import struct

from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin

MAX_SCANS = 100  # of a JPEG: progressive ones have about ten, and each is a pass over the whole picture
PNG = b"\x89PNG\r\n\x1a\n"
# Each decodes to as much as its author likes, and tells nothing of the pixels.
_COMPRESSED_TEXT = (b"zTXt", b"iTXt", b"iCCP")
_OPEN = {
    PNG: PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"GIF8": GifImagePlugin.GifImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}


class HeaderError(ValueError):
    """No picture that is taken here; says why."""


def inspect(encoded):
    """Look at the headers of a PNG, JPEG, GIF or BMP.

    Returns:
        (pixels, encoded): how many there are, of a GIF those of all its pictures, since decoders unpack them all; and the
        bytes to decode, without what only decompresses to a great deal of text.

    Raises:
        HeaderError: another format, or damaged.
    """
    opener = next((cls for magic, cls in _OPEN.items() if encoded.startswith(magic)), None)
    if opener is None:
        raise HeaderError("is not a JPEG, PNG, BMP or GIF" if encoded else "is empty")
    try:
        if opener is PngImagePlugin.PngImageFile:
            encoded = _without_text(encoded)
        with opener(io.BytesIO(encoded)) as image:
            width, height = image.size
        pixels = width * height
        if opener is GifImagePlugin.GifImageFile:
            pixels = max(pixels, _gif_pixels(encoded))
    except HeaderError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever the damage led them to
        raise HeaderError("has a damaged header") from error
    if pixels <= 0:
        raise HeaderError("has no pixels")
    if encoded.count(b"\xff\xda") > MAX_SCANS and opener is JpegImagePlugin.JpegImageFile:
        raise HeaderError(f"is a JPEG of more than {MAX_SCANS} scans")
    return pixels, encoded


def _without_text(encoded):
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


def _gif_pixels(encoded):
    """Pixels of all pictures of a GIF, by walking over its blocks."""
    width, height, flags = struct.unpack_from("<HHB", encoded, 6)
    at, total = 13 + _palette(flags), 0
    while at < len(encoded) and encoded[at] != 0x3B:
        if encoded[at] == 0x2C:
            width, height, flags = struct.unpack_from("<HHB", encoded, at + 5)
            total += width * height
            at = _after_blocks(encoded, at + 10 + _palette(flags) + 1)
        elif encoded[at] == 0x21:
            at = _after_blocks(encoded, at + 2)
        else:
            raise HeaderError("is a damaged GIF")
    return total


def _palette(flags):
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(encoded, at):
    while at < len(encoded) and encoded[at]:
        at += encoded[at] + 1
    return at + 1
