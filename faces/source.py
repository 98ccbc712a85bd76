"""Open a file of any kind: a video, a picture or a crop."""

from faces.animation import Animation
from faces.decoder import NO_LIMITS, DecodeError, Limits, VideoFrames
from faces.still import Still, is_heic, picture_header

# How files begin that may be a picture or an animation, whatever a data set's listing, which opens no file, says of
# them: GIF, PNG, WebP, and those in boxes, AVIF among them.
EITHER = (b"GIF8", b"\x89PNG", b"RIFF")
BOX = b"ftypavi"  # at byte 4


def open_source(path: str, kind: str, count: int, limits: Limits = NO_LIMITS) -> VideoFrames | Animation | Still:
    """Open a file.

    Args:
        path: of the file.
        kind: "video", or "image" or "crop" for a picture; "auto" to tell from the content.
        count: how many frames of a video.
        limits: what the file may hold.

    Raises:
        DecodeError: it cannot be read, whatever the cause.
    """
    try:
        return _open(path, kind, count, limits)
    except FileNotFoundError as error:
        raise DecodeError("missing_file", error.strerror or str(error)) from error
    except OSError as error:
        raise DecodeError("unreadable_file", error.strerror or str(error)) from error
    except MemoryError as error:
        raise DecodeError("too_large", "it takes more memory than a video may") from error


def _open(path: str, kind: str, count: int, limits: Limits) -> VideoFrames | Animation | Still:
    with open(path, "rb") as stream:
        start = stream.read(64)
    if is_heic(start):
        message = "is a HEIC picture, as phones take them, which is not read here: save it as JPEG or PNG"
        raise DecodeError("heic_picture", message)
    if kind == "crop" or (kind == "video" and not start.startswith(EITHER) and not start.startswith(BOX, 4)):
        return Still(path, limits, as_shown=False) if kind == "crop" else VideoFrames(path, count, limits)
    header = picture_header(path)
    if header and header.is_animated:
        return VideoFrames(path, count, limits) if header.format == "GIF" else Animation(path, count, limits)
    if kind == "image" or (header and (kind == "auto" or header.format == "GIF")):
        return Still(path, limits)
    return VideoFrames(path, count, limits)
