"""The process that draws on a copy of a file: `python -m serving.verdict.annotate_process`, started by `annotate`.

It reads one JSON object from standard input and answers with JSON lines on standard output. Frames are decoded, drawn
on and encoded one at a time; then the sound is added. As with `reading_process`, a file that crashes its decoder
crashes this process alone.

In:  the fields of a `drawing_plan.DrawingPlan`, and
     {"source": path, "target": path, "sound": path, "comment": text for the copy's metadata, "limits": {...},
      "time": seconds that one frame may take}
     The file with sound is made at the path "sound" and takes the target's place when it is whole.
Out: {"done": frames, "of": frames}                                  now and then
     {"drawn": null}                                                 the target is whole, but for a film's sound
     {"lost": sentence}                                              what of the sound is lost
     {"end": null} or {"failed": sentence}
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from faces.animation import Animation
from faces.decoder import OPENING, DecodeError, Limits, SourceInfo
from faces.reading_process import guard, out_of_memory, say
from faces.source import open_source
from faces.streams import film_of
from serving.verdict.drawing import Painter
from serving.verdict.sound import add_sound

TICKS = 90_000  # per second; every usual frame rate divides it, those over 1001 included
QUALITY = {"crf": "20", "preset": "superfast"}
# Matroska keeps no times of decoding: frames go there in the order in which they are shown, and tell their rate, so
# that they can be copied beside the sound.
IN_ORDER = {"bf": "0", "x264-params": "force-cfr=1"}
KEPT_COLOURS = (1, 5, 6)  # BT.709 and BT.601, by FFmpeg's numbers: written as they are read
EVERY_FRAME = sys.maxsize
_DESCRIPTION = 0x010E  # ImageDescription of EXIF, for WebP


@dataclass(frozen=True)
class _VideoFormat:
    """What a player should know about a video.

    Attributes:
        rate: mean frames per second.
        colours: FFmpeg's number of its colour space; 0 if it is not known.
    """

    rate: Fraction
    colours: int


def draw_video(
    source: str, target: str, painter: Painter, comment: str, limits: Limits, progress: Callable[[int, int], None]
) -> bool:
    """Write a video with the drawing on each frame of another, each at its own time. The sound is left out.

    Returns whether the time stamps of the source jump, as in films that were joined.

    Args:
        source: path of the video.
        target: path of the copy.
        painter: draws on the frames.
        comment: on the copy, kept in its metadata.
        limits: what the video may hold.
        progress: called with (frames done, frames in all).

    Raises:
        DecodeError: the source gives no frame.
        OSError: the target cannot be written.
    """
    frames = open_source(source, "video", EVERY_FRAME, limits)
    source_format = _format_of_animation(frames.info) if isinstance(frames, Animation) else _format_of(source)
    options = {"movflags": "+faststart"} if target.endswith((".mp4", ".mov")) else {}
    with av.open(target, "w", options=options) as file:
        file.metadata["comment"] = comment
        stream, last = None, -1
        for done, (_, seconds, view) in enumerate(frames.pictures(), start=1):
            image = np.array(view)  # a copy to draw on, and in one piece
            painter.paint(image, seconds)
            if stream is None:
                stream = _add_stream(file, image.shape, source_format)
            frame = av.VideoFrame.from_ndarray(_fitted(image, stream), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=source_format.colours or None)
            frame.pts = last = max(round(seconds * TICKS), last + 1)
            frame.time_base = Fraction(1, TICKS)
            file.mux(stream.encode(frame))
            progress(done, len(frames.wanted))
        if stream is None:
            raise DecodeError("undecodable", "no frame decodes")
        file.mux(stream.encode())
    return "discontinuous" in frames.marks


def _format_of(source: str) -> _VideoFormat:
    with av.open(source, options=OPENING) as container:
        stream, _ = film_of(container)
        colours = stream.codec_context.colorspace
        rate = stream.average_rate or Fraction(25)
        return _VideoFormat(_usual(rate), colours if colours in KEPT_COLOURS else 0)


def _format_of_animation(info: SourceInfo) -> _VideoFormat:
    return _VideoFormat(_usual(Fraction(info["frames"] / info["seconds"]).limit_denominator(1000)), 0)


def _usual(rate: Fraction) -> Fraction:
    return min(max(rate, Fraction(1)), Fraction(240))


def _add_stream(
    file: av.container.OutputContainer, shape: tuple[int, ...], source_format: _VideoFormat
) -> av.VideoStream:
    options = QUALITY | IN_ORDER if file.format.name == "matroska" else QUALITY
    stream = file.add_stream("libx264", rate=source_format.rate, options=options)
    stream.height, stream.width = (side + side % 2 for side in shape[:2])  # even: its colours have half the size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    if source_format.colours:
        stream.codec_context.colorspace = source_format.colours
    return stream


def _fitted(image: np.ndarray, stream: av.VideoStream) -> np.ndarray:
    """An image, uint8 [height, width, 3], in the size of the stream; an odd side gets its last row or column twice."""
    height, width = image.shape[:2]
    if (height + height % 2, width + width % 2) != (stream.height, stream.width):
        fitted = cv2.resize(image, (stream.width, stream.height), interpolation=cv2.INTER_AREA)
    else:
        fitted = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return np.asarray(fitted)


def draw_picture(source: str, target: str, painter: Painter, comment: str, limits: Limits) -> None:
    """Write a picture with the drawing on another; arguments and exceptions as in `draw_video`."""
    ((_, _, view),) = open_source(source, "image", 1, limits).pictures()
    image = np.array(view)
    painter.paint(image, 0.0)
    picture = Image.fromarray(image)
    if target.lower().endswith((".jpg", ".jpeg")):
        picture.save(target, quality=95, subsampling=0, comment=comment)
    elif target.lower().endswith(".png"):
        marked = PngInfo()
        marked.add_text("Comment", comment)
        picture.save(target, pnginfo=marked)
    else:
        exif = Image.Exif()
        exif[_DESCRIPTION] = comment
        picture.save(target, exif=exif)


def main() -> None:
    """Carry out the request on standard input."""
    guard()
    request = json.loads(sys.stdin.readline())
    painter = Painter(request["tracks"], request["step"], request["captions"], request["verdict"], request["origins"])
    source, target, comment, limits = (request[name] for name in ("source", "target", "comment", "limits"))
    limits = Limits(**limits)
    # The kernel ends this process when the time is over, even inside a decoder that never returns.

    def beat() -> None:
        signal.setitimer(signal.ITIMER_REAL, request["time"])

    beat()
    try:
        if request["kind"] == "video":
            is_joined = draw_video(source, target, painter, comment, limits, _progress(request["time"]))
            say(drawn=None)
            lost = _add_sound(request, is_joined)
            if lost:
                say(lost=lost)
        else:
            draw_picture(source, target, painter, comment, limits)
    except (DecodeError, OSError, ValueError, av.error.FFmpegError) as error:
        say(failed=getattr(error, "strerror", None) or str(error))
    except MemoryError:
        say(failed=out_of_memory())
    else:
        say(end=None)


def _add_sound(request: Mapping[str, Any], is_joined: bool) -> str | None:
    """Replace the target by one with sound, if there is any; returns what of it is lost."""
    source, target, sound = request["source"], request["target"], request["sound"]

    def beat() -> None:
        signal.setitimer(signal.ITIMER_REAL, request["time"])

    beat()
    try:
        lost = add_sound(source, target, sound, {"comment": request["comment"]}, is_joined, beat)
        if os.path.exists(sound):
            os.replace(sound, target)
        return lost
    except (OSError, ValueError, av.error.FFmpegError) as error:
        return f"its sound is left out: {getattr(error, 'strerror', None) or error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _progress(time_limit: float) -> Callable[[int, int], None]:
    """Says now and then how many frames are done. Each frame restarts the timer, and the last one stops it."""
    noted = time.monotonic()

    def progress(done: int, of: int) -> None:
        nonlocal noted
        signal.setitimer(signal.ITIMER_REAL, time_limit if done < of else 0)
        if time.monotonic() > noted + 0.2 or done == of:
            noted = time.monotonic()
            say(done=done, of=of)

    return progress


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody reads the answers any more
        os._exit(0)
