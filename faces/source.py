"""Open a file of any kind: a video, a picture or a crop."""

from faces.decoder import NO_LIMITS, DecodeError, Limits, VideoFrames
from faces.still import Still, picture_header


def open_source(path: str, kind: str, count: int, limits: Limits = NO_LIMITS) -> VideoFrames | Still:
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
        # A GIF may be either, whatever a data set's listing, which opens no file, says of it.
        if kind == "auto" or (kind == "video" and path.lower().endswith(".gif")):
            header = picture_header(path)
            kind = "image" if header and not header.is_animated else "video"
        return VideoFrames(path, count, limits) if kind == "video" else Still(path, limits)
    except FileNotFoundError as error:
        raise DecodeError("missing_file", error.strerror or str(error)) from error
    except OSError as error:
        raise DecodeError("unreadable_file", error.strerror or str(error)) from error
    except MemoryError as error:
        raise DecodeError("too_large", "it takes more memory than a video may") from error
