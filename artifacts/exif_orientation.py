r"""The orientation that a picture's EXIF metadata asks for, and its use.

Every reader of pictures follows these rules, so that one picture has one set of pixels: those that decode with NumPy
and OpenCV through this file, those that decode inside a TensorFlow graph through `artifacts.exif_in_graph`, which says
the same as operations. The rules are those of browsers:

- A JPEG has its EXIF in the first APP1 segment that begins with `Exif\0\0`, before the first scan; a PNG in an `eXIf`
  chunk before the pixels; a WebP in an `EXIF` chunk.
- The orientation is the first entry with tag 0x0112 of the first directory, if it is one SHORT from 1 to 8.
- Whatever is missing or damaged means upright.
"""

from typing import Literal

import numpy as np

UPRIGHT = 1
MAX_SEGMENTS = 1000  # of a file that are looked at: a hostile one could have millions
PREFIX = b"Exif\0\0"  # of the metadata; only a JPEG must have it
JPEG, PNG, RIFF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"
EXTENDED_WEBP = b"WEBPVP8X"  # at byte 8; the simple forms of WebP have no metadata
ENTRY = 12  # bytes of an entry of a directory
ORIENTATION_TAG, SHORT, ORIENTATIONS = 0x0112, 3, range(1, 9)
# Orientations whose rows are the columns of the stored picture, and those that are mirrored after that.
TRANSPOSED, MIRRORED, UPSIDE_DOWN = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
FILL, APP1, SCAN, END = 0xFF, 0xE1, 0xDA, 0xD9  # second byte of a JPEG's markers


def orientation_of(encoded: bytes) -> int:
    """Read the orientation of a JPEG, PNG or WebP: 1 to 8; of another file `UPRIGHT`."""
    if encoded.startswith(JPEG):
        return _of_tiff(_in_jpeg(encoded))
    if encoded.startswith(PNG):
        return _of_tiff(_in_png(encoded))
    if encoded.startswith(RIFF) and encoded[8:16] == EXTENDED_WEBP:
        return _of_tiff(_in_webp(encoded))
    return UPRIGHT


def turned_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror a picture as its orientation asks.

    Args:
        image: [height, width, channels], as stored.
        orientation: 1 to 8.

    Returns:
        A view of the image; its sides are swapped for 5 to 8.
    """
    if orientation in TRANSPOSED:
        image = image.transpose(1, 0, 2)
    if orientation in MIRRORED:
        image = image[:, ::-1]
    if orientation in UPSIDE_DOWN:
        image = image[::-1]
    return image


def _in_jpeg(encoded: bytes) -> bytes:
    at = 2
    for _ in range(MAX_SEGMENTS):
        mark, marker = encoded[at : at + 1], encoded[at + 1 : at + 2]
        if mark != b"\xff" or marker in (b"", bytes([SCAN]), bytes([END])):
            break
        if marker == bytes([FILL]):
            at += 1
            continue
        length = _number(encoded, at + 2, 2, "big")
        if length < 2:
            break
        if marker == bytes([APP1]) and encoded[at + 4 : at + 10] == PREFIX:
            return encoded[at + 4 : at + 2 + length]
        at += 2 + length
    return b""


def _in_png(encoded: bytes) -> bytes:
    at = len(PNG)
    for _ in range(MAX_SEGMENTS):
        length, kind = _number(encoded, at, 4, "big"), encoded[at + 4 : at + 8]
        if kind == b"eXIf":
            return encoded[at + 8 : at + 8 + length]
        if kind == b"IDAT" or len(kind) < 4:
            break
        at += 12 + length
    return b""


def _in_webp(encoded: bytes) -> bytes:
    at = 12
    for _ in range(MAX_SEGMENTS):
        kind, length = encoded[at : at + 4], _number(encoded, at + 4, 4, "little")
        if kind == b"EXIF":
            return encoded[at + 8 : at + 8 + length]
        if len(kind) < 4:
            break
        at += 8 + length + length % 2
    return b""


def _of_tiff(tiff: bytes) -> int:
    """Read the orientation from EXIF metadata, which have the form of a TIFF file, after `PREFIX` or without it."""
    tiff = tiff.removeprefix(PREFIX)
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return UPRIGHT

    def number(at: int, size: int) -> int:
        return _number(tiff, at, size, "little" if tiff[:1] == b"I" else "big")

    directory = number(4, 4)
    first = directory + 2
    for at in range(first, min(first + ENTRY * number(directory, 2), len(tiff) - ENTRY + 1), ENTRY):
        if number(at, 2) == ORIENTATION_TAG:
            kind, count, orientation = number(at + 2, 2), number(at + 4, 4), number(at + 8, 2)
            return orientation if (kind, count) == (SHORT, 1) and orientation in ORIENTATIONS else UPRIGHT
    return UPRIGHT


def _number(encoded: bytes, at: int, size: int, order: Literal["little", "big"]) -> int:
    """Read an unsigned number; bytes beyond the end are 0."""
    return int.from_bytes(encoded[at : at + size].ljust(size, b"\0"), order)
