"""Whether an MP4 or MOV that cannot be opened was cut off, or was never finished."""

import os

# How such files begin: the type of their first box, at byte 4.
FIRST = (b"ftyp", b"styp", b"mdat", b"wide", b"free", b"skip", b"pnot")
INDEX = b"moov"  # the box that tells where each frame lies; recorders write it last
_MOST = 10_000  # boxes; more are in no film that could not be opened


def why_without_index(path: str) -> str | None:
    """Tell that the file is an MP4 or MOV without its index, and whether bytes are missing; None for other files.

    Args:
        path: of a file that FFmpeg refused.
    """
    size, at = os.path.getsize(path), 0
    with open(path, "rb") as stream:
        for number in range(_MOST):
            stream.seek(at)
            head = stream.read(16)
            if number == 0 and head[4:8] not in FIRST:
                return None
            if len(head) < 8:
                break
            length = int.from_bytes(head[:4])
            if length == 1:  # the length follows as 64 bits
                length = int.from_bytes(head[8:16])
            if head[4:8] == INDEX:
                return None if at + length <= size else _cut(size, at + length)
            if length == 0:  # to the end of the file
                break
            if length < 8:
                return None
            at += length
            if at > size:
                return _cut(size, at)
    return "it is damaged or was never finished: its index (moov atom), which tells where the frames lie, is missing"


def _cut(size: int, least: int) -> str:
    return (
        f"it is cut off: {size:,} bytes are there, at least {least:,} belong to it, and its index (moov atom), which "
        "tells where the frames lie, is missing or not whole. Get the file again from where it comes from"
    )
