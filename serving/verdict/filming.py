"""The process that draws on a film: `python -m serving.verdict.filming`, started by `annotate`.

It reads one JSON object from standard input and answers with JSON lines on standard output. As in `reading_process`, whatever
a file does to a decoder, it does to this process alone. Frames are decoded, drawn on and encoded one at a time.

In:  {"source": path, "target": path, "kind": kind, "limits": {...}, "verdict": of the file, "step": seconds,
      "captions": [...], "tracks": [{"verdict", "label", "times", "boxes"}, ...],         see `drawing`
      "time": seconds that one frame may take}
Out: {"done": frames, "of": frames}                                                       now and then
     {"end": null} or {"failed": sentence}
"""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from PIL import Image

from faces.decoder import OPENING, DecodeError, Limits, open_source
from faces.reading_process import guard, say
from serving.verdict.drawing import Painter, Track

TICKS = 90_000  # a second; whole frames at all usual rates, also those of 1001
QUALITY = {"crf": "20", "preset": "superfast"}
KEPT_COLOURS = (1, 5, 6)  # BT.709 and BT.601, by FFmpeg's numbers: written as they are read
EVERY_FRAME = sys.maxsize


@dataclass(frozen=True)
class _Look:
    """What a player should know of a film: its mean rate, and how its colours are coded (0: nobody tells)."""

    rate: Fraction
    colours: int


def film(source, target, painter, limits, progress):
    """Write a video with what `painter` draws on each frame of another, each at its own time. Sound is left out.

    Args:
        progress: called with (frames done, of how many).

    Raises:
        DecodeError: the source gives no frame.
        OSError: the target cannot be written.
    """
    frames, look = open_source(source, "video", EVERY_FRAME, limits), _look(source)
    with av.open(target, "w", options={"movflags": "+faststart"} if target.endswith((".mp4", ".mov")) else {}) as file:
        stream, last = None, -1
        for done, (_, seconds, view) in enumerate(frames.pictures(), start=1):
            image = np.array(view)  # of its own, and in one piece
            painter.paint(image, seconds)
            if stream is None:
                stream = _stream(file, image.shape, look)
            frame = av.VideoFrame.from_ndarray(_fitted(image, stream), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=look.colours or None)
            frame.pts = last = max(round(seconds * TICKS), last + 1)
            frame.time_base = Fraction(1, TICKS)
            file.mux(stream.encode(frame))
            progress(done, len(frames.wanted))
        if stream is None:
            raise DecodeError("undecodable", "no frame decodes")
        file.mux(stream.encode())


def _look(source):
    with av.open(source, options=OPENING) as container:
        stream = container.streams.video[0]
        colours = stream.codec_context.colorspace
        rate = stream.average_rate or Fraction(25)
        return _Look(min(max(rate, Fraction(1)), Fraction(240)), colours if colours in KEPT_COLOURS else 0)


def _stream(file, shape, look):
    stream = file.add_stream("libx264", rate=look.rate, options=QUALITY)
    stream.height, stream.width = (side + side % 2 for side in shape[:2])  # its colours have half the size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    if look.colours:
        stream.codec_context.colorspace = look.colours
    return stream


def _fitted(image, stream):
    """The image in the size of the film's first one; an odd side gets its last row again."""
    height, width = image.shape[:2]
    if (height + height % 2, width + width % 2) != (stream.height, stream.width):
        return cv2.resize(image, (stream.width, stream.height), interpolation=cv2.INTER_AREA)
    return cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)


def picture(source, target, painter, limits):
    """Write a picture with what `painter` draws on another; raises as `film`."""
    ((_, _, view),) = open_source(source, "image", 1, limits).pictures()
    image = np.array(view)
    painter.paint(image, 0.0)
    lossy = {"quality": 95, "subsampling": 0} if target.lower().endswith((".jpg", ".jpeg")) else {}
    Image.fromarray(image).save(target, **lossy)


def main():
    """Do what standard input says."""
    guard()
    request = json.loads(sys.stdin.readline())
    tracks = [Track(**track) for track in request["tracks"]]
    painter = Painter(tracks, request["step"], request["captions"], request["verdict"])
    files = request["source"], request["target"], painter, Limits(**request["limits"])
    # The kernel ends this process when the time is over, even in the midst of a decoder that answers nobody.
    signal.setitimer(signal.ITIMER_REAL, request["time"])
    try:
        if request["kind"] == "video":
            film(*files, _progress(request["time"]))
        else:
            picture(*files)
    except (DecodeError, OSError, ValueError, av.error.FFmpegError) as error:
        say(failed=getattr(error, "strerror", None) or str(error))
    except MemoryError:
        say(failed="it takes more memory than a video may")
    else:
        say(end=None)


def _progress(time_limit):
    """Says now and then how many frames are done; each one starts the time anew, and the last one ends it."""
    noted = time.monotonic()

    def progress(done, of):
        nonlocal noted
        signal.setitimer(signal.ITIMER_REAL, time_limit if done < of else 0)
        if time.monotonic() > noted + 0.2 or done == of:
            noted = time.monotonic()
            say(done=done, of=of)

    return progress


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # nobody is there to read this any more
        os._exit(0)
