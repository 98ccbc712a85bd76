"""What an encoded picture will cost, from its headers: asked before anything is decoded."""

import io
import struct

from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin

MAX_SCANS = 100  # of a JPEG: progressive ones have about ten, and each is a pass over the whole picture
PNG = b"\x89PNG\r\n\x1a\n"
# Each decodes to as much as its author likes, and tells nothing of the pixels.
_COMPRESSED_TEXT = (b"zTXt", b"iTXt", b"iCCP")
# Not `Image.open`: it asks all formats that Pillow knows, and has an opinion of its own on what is too large.
_OPEN = {
    PNG: PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}
GIF = b"GIF8"


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
    magic = next((magic for magic in (*_OPEN, GIF) if encoded.startswith(magic)), None)
    if magic is None:
        raise HeaderError("is not a JPEG, PNG, BMP or GIF" if encoded else "is empty")
    if magic == PNG:
        encoded = _without_text(encoded)
    try:
        pixels = _gif_pixels(encoded) if magic == GIF else _pixels(_OPEN[magic], encoded)
    except Exception as error:  # Pillow's plugins raise whatever the damage led them to
        raise HeaderError("has a damaged header") from error
    if pixels <= 0:
        raise HeaderError("has no pixels")
    if magic == b"\xff\xd8\xff" and encoded.count(b"\xff\xda") > MAX_SCANS:
        raise HeaderError(f"is a JPEG of more than {MAX_SCANS} scans")
    return pixels, encoded


def _pixels(opener, encoded):
    with opener(io.BytesIO(encoded)) as image:
        return image.size[0] * image.size[1]


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
    """Pixels of all pictures of a GIF, at least of its screen, by walking over its blocks."""
    screen_width, screen_height, flags = struct.unpack_from("<HHB", encoded, 6)
    at, total = 13 + _palette(flags), 0
    while at < len(encoded) and encoded[at] != 0x3B:
        if encoded[at] == 0x2C:
            width, height, flags = struct.unpack_from("<HHB", encoded, at + 5)
            total += width * height
            at = _after_blocks(encoded, at + 10 + _palette(flags) + 1)
        elif encoded[at] == 0x21:
            at = _after_blocks(encoded, at + 2)
        else:
            raise ValueError("no block of a GIF")
    return max(total, screen_width * screen_height)


def _palette(flags):
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(encoded, at):
    while at < len(encoded) and encoded[at]:
        at += encoded[at] + 1
    return at + 1
