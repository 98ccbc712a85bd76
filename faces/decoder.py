"""Frames evenly spaced over a whole video, by timestamp, one at a time in memory; pictures as videos of one frame."""

import io
import os
import warnings
from dataclasses import dataclass

import av
import cv2
import numpy as np
from PIL import Image

MAX_PIXELS = 8192 * 8192  # of a frame; beyond any camera, and a header that claims more is damaged or hostile
HDR_TRANSFERS = (16, 18)  # PQ and HLG, by FFmpeg's numbers of transfer characteristics
# What a file may be. Playlists and their like would make FFmpeg open other files, and read from the network.
OPENING = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,ivf,obu,flv,asf,ogg,mxf,rm,wtv,dv,nut,"
    "yuv4mpegpipe,gif",
}


class DecodeError(Exception):
    """A file gives no frame. `reason` is a short key for statistics, the message says more."""

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """What a file may hold, from its header before anything of it is decoded, and again from what it really holds.

    Attributes:
        pixels: of a frame.
        seconds: of a video; None for any.
        frames: of a video; None for any.
    """

    pixels: int = MAX_PIXELS
    seconds: float | None = None
    frames: int | None = None

    def check_size(self, width, height, what="frames"):
        """Raise `DecodeError` for frames that are too large."""
        if width * height > self.pixels:
            raise DecodeError("too_large", f"{what} of {width}x{height} are more than {self.pixels:,} pixels")

    def check_length(self, seconds, frames):
        """Raise `DecodeError` for a video that is too long."""
        if self.seconds is not None and seconds > self.seconds:
            raise DecodeError("too_long", f"its {seconds:.1f} s are more than {self.seconds:g} s")
        if self.frames is not None and frames > self.frames:
            raise DecodeError("too_long", f"its {frames:,} frames are more than {self.frames:,}")


NO_LIMITS = Limits()  # but for the pixels of a frame


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: its number in the order of presentation, from 0.
        timestamp: seconds after the first frame.
        image: RGB uint8 [height, width, 3], rotated as a player shows it.
    """

    index: int
    timestamp: float
    image: np.ndarray


def evenly_spaced(timestamps, count):
    """Choose `count` of the sorted timestamps, the ones nearest to the middles of `count` equal parts of the whole.

    Args:
        timestamps: numbers [n], sorted, without repetition.
        count: how many; all are chosen where there are no more.

    Returns:
        Indices, sorted; fewer than `count` where several middles fall on one frame (a variable frame rate with gaps).
    """
    times = np.asarray(timestamps, np.float64)
    if len(times) <= count:
        return np.arange(len(times))
    length = times[-1] - times[0] + np.median(np.diff(times))  # the last frame is shown for a while, too
    middles = times[0] + (np.arange(count) + 0.5) * length / count
    after = np.clip(np.searchsorted(times, middles), 1, len(times) - 1)
    nearest = np.where(middles - times[after - 1] < times[after] - middles, after - 1, after)
    return np.unique(nearest)


class VideoFrames:
    """Iterate over evenly spaced frames of a video.

    Args:
        path: a file that FFmpeg reads.
        count: how many frames.
        limits: what it may hold.

    Attributes:
        info: what it is: `kind` "video", `width` and `height` as a player shows it, `frames`, `seconds`.
        wanted: indices of the chosen frames.
        damage: None, or a sentence on what of the file could not be read; complete after the iteration.
        marks: what else of it should be known, reason -> sentence: `hdr`, whose brightness nothing maps to that of
            common video; complete after the iteration.

    Raises:
        DecodeError: on construction, where the file has no readable video.
    """

    def __init__(self, path, count, limits=NO_LIMITS):
        self.path, self.limits = path, limits
        self.damage, self.marks = None, {}
        if os.path.getsize(path) == 0:
            raise DecodeError("empty_file", "the file is empty")
        self._pts, named, length = self._scan()
        if not len(self._pts):
            raise DecodeError("no_frames", "the video holds no frame that can be read")
        if named > len(self._pts) + 1:
            self.damage = f"cut: its header names {named} frames, {len(self._pts)} are there"
        elif length is not None and length > self._end() + 0.5:
            self.damage = f"cut: its header names {length:.2f} s, about {self._end():.2f} s are there"
        limits.check_length(self._end() - float(self._pts[0] * self._time_base), len(self._pts))
        self.wanted = evenly_spaced(self._pts, count)

    @property
    def info(self):
        """See the class."""
        seconds = self._end() - float(self._pts[0] * self._time_base)
        width, height = self._size
        return {"kind": "video", "width": width, "height": height, "frames": len(self._pts), "seconds": seconds}

    def _open(self):
        try:
            container = av.open(self.path, options=OPENING)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise DecodeError("not_a_video", f"cannot be opened as a video ({_words(error)})") from error
        if not container.streams.video:
            container.close()
            raise DecodeError("no_video_stream", "holds no video stream")
        stream = container.streams.video[0]
        if stream.codec_context is None:
            container.close()
            raise DecodeError("unknown_codec", "nothing here decodes its video stream")
        try:
            self.limits.check_size(stream.width, stream.height, "its frames")
            self.limits.check_length((container.duration or 0) / av.time_base, stream.frames)
        except DecodeError:
            container.close()
            raise
        stream.thread_count = 1  # processes share the work, not threads
        return container, stream

    def _scan(self):
        """Read the timestamps without decoding; return them sorted, and what the header says: frames (or 0), seconds."""
        container, stream = self._open()
        pts = []
        with container:
            try:
                for packet in container.demux(stream):
                    if packet.is_corrupt:  # cut in its middle
                        self.damage = f"incomplete after {len(pts)} frames"
                    elif packet.pts is not None and packet.size and not packet.is_discard:
                        pts.append(packet.pts)
                        self.limits.check_length(0, len(pts))
            except av.error.FFmpegError as error:
                self.damage = f"damaged after {len(pts)} frames ({_words(error)})"
            self._time_base, self._size = stream.time_base, (stream.width, stream.height)
            return np.unique(np.array(pts, np.int64)), stream.frames, _matroska_length(stream)

    def _end(self):
        """Seconds at which the last frame ends, if it is shown no longer than the longest of the others."""
        longest = int(np.diff(self._pts).max()) if len(self._pts) > 1 else 0
        return float((int(self._pts[-1]) + longest) * self._time_base)

    def __iter__(self):
        for index, seconds, image in self.pictures():
            yield Frame(index, seconds, np.ascontiguousarray(image))

    def pictures(self):
        """As the iteration, but tuples (index, seconds, image) whose image is a view that the next step may destroy."""
        container, stream = self._open()
        order = {self._pts[index]: int(index) for index in self.wanted}
        last, lost, first = self._pts[self.wanted[-1]], 0, True
        with container:
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets)
                except (StopIteration, av.error.FFmpegError):
                    break
                # A frame that no other refers to need not be decoded unless it is wanted itself. The first packet opens the
                # decoder, and that of AV1 would go on to skip whatever it was opened to skip.
                wanted = first or packet.pts is None or packet.pts in order
                first = False
                stream.codec_context.skip_frame = "DEFAULT" if wanted else "NONREF"
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    lost += 1
                    continue
                for frame in frames:
                    if frame.pts in order:
                        yield self._picture(order.pop(frame.pts), frame)
                if not order or (packet.dts is not None and packet.dts > last + _reorder_window(stream)):
                    break
        if lost and self.damage is None:
            self.damage = f"{lost} packets do not decode"

    def _picture(self, index, frame):
        self.limits.check_size(frame.width, frame.height)  # it may differ from what the header says
        if frame.color_trc in HDR_TRANSFERS:
            self.marks["hdr"] = "high dynamic range: its brightness is taken as it is"
        seconds = float((frame.pts - int(self._pts[0])) * frame.time_base)
        plane = frame.reformat(format="rgb24").planes[0]
        image = np.ndarray((frame.height, frame.width, 3), np.uint8, plane, strides=(plane.line_size, 3, 1))
        image = np.rot90(image, frame.rotation // 90)
        self._size = image.shape[1], image.shape[0]
        return index, seconds, image


def _reorder_window(stream):
    """Ticks after which no earlier frame can still come: five seconds, far more than any codec reorders."""
    return int(5 / stream.time_base)


def _matroska_length(stream):
    """When the video ends by the tag that Matroska and WebM files carry instead of a number of frames; else None."""
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except (KeyError, ValueError):
        return None


def _words(error):
    return getattr(error, "strerror", None) or type(error).__name__


class Still:
    """A picture as a video of one frame; the same attributes as `VideoFrames`.

    Raises:
        DecodeError: on construction, where it is empty, too large, or no picture.
    """

    def __init__(self, path, limits=NO_LIMITS):
        self.wanted, self.damage, self.marks = np.zeros(1, int), None, {}
        encoded = np.fromfile(path, np.uint8)
        if not len(encoded):
            raise DecodeError("empty_file", "the file is empty")
        header = _picture_header(io.BytesIO(encoded))
        if header:
            limits.check_size(*header[0], "pictures")
        try:
            image = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
        except cv2.error as error:  # more pixels than OpenCV allows
            raise DecodeError("too_large", f"cannot be read as a picture ({error.err})") from error
        if image is None:
            raise DecodeError("not_an_image", "cannot be read as a picture")
        limits.check_size(image.shape[1], image.shape[0], "pictures")
        self._image = image
        self.info = {"kind": "image", "width": image.shape[1], "height": image.shape[0], "frames": 1, "seconds": 0.0}

    def pictures(self):
        """See `VideoFrames.pictures`."""
        yield 0, 0.0, self._image


def _picture_header(source):
    """What Pillow reads of a picture before it decodes it: ((width, height), whether it moves); None if it is no picture.

    Args:
        source: a path or a stream.

    Raises:
        DecodeError: it claims more pixels than Pillow believes, which is above `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                if image.format == "MPEG":  # a film without a container: Pillow reads its size only
                    return None
                return image.size, image.format == "GIF" and image.is_animated
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DecodeError("too_large", f"the picture is too large ({error})") from error
    except (FileNotFoundError, PermissionError):  # it is not there to be looked at, which is no word on what it is
        raise
    except (OSError, ValueError, SyntaxError):  # whatever a header holds
        return None


def open_source(path, kind, count, limits=NO_LIMITS):
    """Open the file of a manifest line.

    Args:
        kind: "video", or "image" or "crop" for a picture; "auto" to tell from the content.
        count: frames of a video.
        limits: what it may hold.

    Raises:
        DecodeError: for whatever keeps it from being read.
    """
    try:
        if kind == "auto":
            header = _picture_header(path)
            kind = "image" if header and not header[1] else "video"
        return VideoFrames(path, count, limits) if kind == "video" else Still(path, limits)
    except FileNotFoundError as error:
        raise DecodeError("missing_file", error.strerror) from error
    except OSError as error:
        raise DecodeError("unreadable_file", error.strerror or str(error)) from error
    except MemoryError as error:
        raise DecodeError("too_large", "it takes more memory than a video may") from error
