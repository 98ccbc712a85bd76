"""Which of the video streams of a file is its film."""

from typing import Any

from av.stream import Disposition

# What carries pictures beside a film: the cover of a song, the pictures of chapters.
COVERS = Disposition.attached_pic | Disposition.timed_thumbnails


def film_of(container: Any) -> tuple[Any, str | None]:
    """Choose the stream that a player shows: the default one, else the largest, else the first.

    Args:
        container: of PyAV.

    Returns:
        The stream, or None if there is no film, and a sentence that names the others, or None. A stream without a
        decoder is chosen only if there is no other.
    """
    films = [stream for stream in container.streams.video if not stream.disposition & COVERS]
    if not films:
        return None, None
    chosen = max(films, key=_rank)
    others = [_named(stream) for stream in films if stream is not chosen]
    if not others:
        return chosen, None
    return chosen, f"several video streams: {_named(chosen)} is used, not {', '.join(others)}"


def _rank(stream: Any) -> tuple[bool, bool, int]:
    has_decoder = stream.codec_context is not None
    size = stream.width * stream.height if has_decoder else 0
    return has_decoder, bool(stream.disposition & Disposition.default), size


def _named(stream: Any) -> str:
    size = f"{stream.width}x{stream.height}" if stream.codec_context is not None else "no decoder"
    default = ", default" if stream.disposition & Disposition.default else ""
    return f"stream {stream.index} ({size}{default})"
