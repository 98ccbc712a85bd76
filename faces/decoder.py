"""Frames evenly spaced over a whole video, by timestamp, one at a time in memory."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypedDict

import av
import numpy as np

MAX_PIXELS = 8192 * 8192  # of a frame; more than any camera has, so a header that claims more is damaged or hostile
HDR_TRANSFERS = (16, 18)  # PQ and HLG, by FFmpeg's numbers of transfer characteristics
# The formats that are opened. Playlists and similar formats would make FFmpeg open other files, or read from the
# network.
OPENING = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,av1,ivf,obu,flv,asf,ogg,mxf,rm,wtv,dv,"
    "nut,yuv4mpegpipe,gif",
}


class DecodeError(Exception):
    """A file gives no frame. `reason` is a short key for statistics; the message says more."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """The most that a file may hold. Its header is checked before anything is decoded, and its content again later.

    Attributes:
        pixels: of a frame.
        seconds: of a video; None for any number.
        frames: of a video; None for any number.
    """

    pixels: int = MAX_PIXELS
    seconds: float | None = None
    frames: int | None = None

    def check_size(self, width: int, height: int, what: str = "frames") -> None:
        """Check the size of frames.

        Raises:
            DecodeError: they are too large.
        """
        if width * height > self.pixels:
            raise DecodeError("too_large", f"{what} of {width}x{height} are more than {self.pixels:,} pixels")

    def check_length(self, seconds: float, frames: int) -> None:
        """Check the length of a video.

        Raises:
            DecodeError: it is too long.
        """
        if self.seconds is not None and seconds > self.seconds:
            raise DecodeError("too_long", f"its {seconds:.1f} s are more than {self.seconds:g} s")
        if self.frames is not None and frames > self.frames:
            raise DecodeError("too_long", f"its {frames:,} frames are more than {self.frames:,}")


NO_LIMITS = Limits()  # except for the pixels of a frame


class SourceInfo(TypedDict, total=False):
    """What a file is; empty if it cannot be opened.

    Attributes:
        kind: a video, or a picture.
        width: in pixels, as a player shows it.
        height: in pixels, as a player shows it.
        frames: in the whole file.
        seconds: its duration; 0 for a picture.
    """

    kind: Literal["video", "image"]
    width: int
    height: int
    frames: int
    seconds: float


class Picture(NamedTuple):
    """One decoded frame, in memory that the decoder may overwrite with the next one.

    Attributes:
        number: of the frame in the order of presentation, from 0.
        seconds: after the first frame.
        image: RGB uint8 [height, width, 3].
    """

    number: int
    seconds: float
    image: np.ndarray


@dataclass(frozen=True)
class Frame:
    """One decoded frame, in memory of its own.

    Attributes:
        index: its number in the order of presentation, from 0.
        timestamp: seconds after the first frame.
        image: RGB uint8 [height, width, 3], rotated as a player shows it.
    """

    index: int
    timestamp: float
    image: np.ndarray


def evenly_spaced(timestamps: Sequence[float] | np.ndarray, count: int) -> np.ndarray:
    """Choose `count` timestamps: the nearest to the middles of `count` equal parts of the whole.

    Args:
        timestamps: numbers [n], sorted, without repetition.
        count: how many to choose; all if there are no more.

    Returns:
        Sorted indices, int64 [at most `count`]. There are fewer if several middles fall on one frame, as with a
        variable frame rate that leaves gaps.
    """
    times = np.asarray(timestamps, np.float64)
    if len(times) <= count:
        return np.arange(len(times))
    length = times[-1] - times[0] + np.median(np.diff(times))  # the last frame is shown for a while as well
    middles = times[0] + (np.arange(count) + 0.5) * length / count
    after = np.clip(np.searchsorted(times, middles), 1, len(times) - 1)
    nearest = np.where(middles - times[after - 1] < times[after] - middles, after - 1, after)
    return np.unique(nearest)


class VideoFrames:
    """Iterate over evenly spaced frames of a video.

    Args:
        path: a file that FFmpeg reads.
        count: how many frames.
        limits: what the file may hold.

    Attributes:
        wanted: indices of the chosen frames, int64 [at most `count`].
        damage: None, or a sentence on which part of the file could not be read; complete after the iteration.
        marks: what else should be known about the file, reason -> sentence; complete after the iteration. `hdr`: its
            brightness has a high dynamic range, which is not mapped to that of ordinary video.

    Raises:
        DecodeError: on construction, if the file has no readable video.
    """

    def __init__(self, path: str, count: int, limits: Limits = NO_LIMITS) -> None:
        self.path, self.limits = path, limits
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
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
    def info(self) -> SourceInfo:
        """What the file is."""
        seconds = self._end() - float(self._pts[0] * self._time_base)
        width, height = self._size
        return {"kind": "video", "width": width, "height": height, "frames": len(self._pts), "seconds": seconds}

    def _open(self) -> tuple[Any, Any]:
        """Open the file and return PyAV's container and video stream."""
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
            raise DecodeError("unknown_codec", "no decoder for its video stream is available")
        try:
            self.limits.check_size(stream.width, stream.height, "its frames")
            self.limits.check_length((container.duration or 0) / av.time_base, stream.frames)
        except DecodeError:
            container.close()
            raise
        stream.thread_count = 1  # processes share the work, not threads
        return container, stream

    def _scan(self) -> tuple[np.ndarray, int, float | None]:
        """Read the timestamps without decoding.

        Returns:
            The sorted timestamps in ticks, int64 [frames]; the frames that the header names, or 0; the seconds that it
            names, or None.
        """
        container, stream = self._open()
        pts: list[int] = []
        with container:
            try:
                for packet in container.demux(stream):
                    if packet.is_corrupt:  # cut in the middle
                        self.damage = f"incomplete after {len(pts)} frames"
                    elif packet.pts is not None and packet.size and not packet.is_discard:
                        pts.append(packet.pts)
                        self.limits.check_length(0, len(pts))
            except av.error.FFmpegError as error:
                self.damage = f"damaged after {len(pts)} frames ({_words(error)})"
            self._time_base: Fraction = stream.time_base
            self._size: tuple[int, int] = stream.width, stream.height
            return np.unique(np.array(pts, np.int64)), stream.frames, _matroska_length(stream)

    def _end(self) -> float:
        """Return when the last frame ends, in seconds, if it is shown no longer than the longest of the others."""
        longest = int(np.diff(self._pts).max()) if len(self._pts) > 1 else 0
        return float((int(self._pts[-1]) + longest) * self._time_base)

    def __iter__(self) -> Iterator[Frame]:
        for index, seconds, image in self.pictures():
            yield Frame(index, seconds, np.ascontiguousarray(image))

    def pictures(self) -> Iterator[Picture]:
        """Yield the chosen frames without copying them: the next step may overwrite the image of the last one."""
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
                # A frame that no other frame refers to is decoded only if it is wanted itself. The first packet opens
                # the decoder, and AV1's decoder would skip for ever what it was told to skip when it was opened.
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

    def _picture(self, index: int, frame: Any) -> Picture:
        """Convert a frame of PyAV."""
        self.limits.check_size(frame.width, frame.height)  # it may differ from what the header says
        if frame.color_trc in HDR_TRANSFERS:
            self.marks["hdr"] = "high dynamic range: its brightness is used as it is"
        seconds = float((frame.pts - int(self._pts[0])) * frame.time_base)
        plane = frame.reformat(format="rgb24").planes[0]
        image = np.ndarray((frame.height, frame.width, 3), np.uint8, plane, strides=(plane.line_size, 3, 1))
        image = np.rot90(image, frame.rotation // 90)
        self._size = image.shape[1], image.shape[0]
        return Picture(index, seconds, image)


def _reorder_window(stream: Any) -> int:
    """Return the ticks after which no earlier frame can come: five seconds, far more than any codec reorders."""
    return int(5 / stream.time_base)


def _matroska_length(stream: Any) -> float | None:
    """Return when the video ends, in seconds, by the tag of Matroska and WebM files, which name no number of frames."""
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except (KeyError, ValueError):
        return None


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
