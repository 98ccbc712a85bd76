"""Frames evenly spaced over a whole video, by timestamp, one at a time in memory."""

import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypedDict

import av
import numpy as np

from artifacts.words import counted
from faces.cut_off import why_without_index
from faces.display import pixel_of, shown_image, shown_size
from faces.frame_table import decoded_frames, read_frame_table, words_of
from faces.streams import film_of

MAX_PIXELS = 8192 * 8192  # of a frame; more than any camera has, so a header that claims more is damaged or hostile
# Mere streams, which can be joined end to end: there each frame says of which shape its pixels are, elsewhere the file.
JOINABLE = ("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v")
COLLECTED = 16  # frames that may wait to be freed
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
        image: RGB uint8 [height, width, 3], as a player shows it: with square pixels, turned and mirrored.
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
            brightness has a high dynamic range, which is not mapped to that of ordinary video. `interlaced`: a frame
            holds the lines of two moments. `other_streams`: it holds several films, of which one was read.
            `discontinuous`: its time stamps jump. `no_time_stamps`: its times follow from its frame rate.

    Raises:
        DecodeError: on construction, if the file has no readable video.
    """

    def __init__(self, path: str, count: int, limits: Limits = NO_LIMITS) -> None:
        self.path, self.limits = path, limits
        self.damage: str | None = None
        self.marks: dict[str, str] = {}
        if os.path.getsize(path) == 0:
            raise DecodeError("empty_file", "the file is empty")
        table = read_frame_table(path, self._open, self._check_frame, limits.check_length)
        self._pts, self._time_base, self._by_order = table.ticks, table.time_base, table.by_order
        self.damage = table.damage
        self.marks.update(table.marks)
        if not len(self._pts):
            raise DecodeError("no_frames", "the video holds no frame that can be read")
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
            why = why_without_index(self.path)
            told = f"cannot be opened as a video{f': {why}' if why else f' ({words_of(error)})'}"
            raise DecodeError("not_a_video", told) from error
        stream, others = film_of(container)
        if stream is None:
            container.close()
            raise DecodeError("no_video_stream", "holds no film: no video stream, or nothing but a cover picture")
        if others:
            self.marks["other_streams"] = others
        if stream.codec_context is None:
            container.close()
            raise DecodeError("unknown_codec", "no decoder for its video stream is available")
        try:
            self._pixel: Fraction | None = stream.sample_aspect_ratio
            self._joinable = container.format.name in JOINABLE
            self._size = shown_size(stream.width, stream.height, self._pixel)
            self.limits.check_size(*self._size, "its frames")
            self.limits.check_length(0, stream.frames)
        except DecodeError:
            container.close()
            raise
        stream.thread_count = 1  # processes share the work, not threads
        return container, stream

    def _end(self) -> float:
        """Return when the last frame ends, in seconds, if it is shown no longer than the longest of the others."""
        longest = int(np.diff(self._pts).max()) if len(self._pts) > 1 else 0
        return float((int(self._pts[-1]) + longest) * self._time_base)

    def __iter__(self) -> Iterator[Frame]:
        for index, seconds, image in self.pictures():
            yield Frame(index, seconds, np.ascontiguousarray(image))

    def pictures(self) -> Iterator[Picture]:
        """Yield the chosen frames without copying them: the next step may overwrite the image of the last one."""
        chosen = self._by_output() if self._by_order else self._by_time_stamp()
        for number, picture in enumerate(chosen, start=1):
            yield picture
            # A frame of PyAV and its side data refer to each other: left to Python, hundreds of frames wait to be
            # collected, each with its pixels and with the threads that converted it.
            if number % COLLECTED == 0:
                gc.collect()

    def _by_output(self) -> Iterator[Picture]:
        """Yield the chosen frames by the order in which they come out of the decoder."""
        container, stream = self._open()
        wanted, lost = set(self.wanted.tolist()), []
        with container:
            for index, frame in enumerate(decoded_frames(container, stream, lambda: lost.append(1))):
                if index in wanted:
                    yield self._picture(index, frame)
        self._note_lost(len(lost))

    def _by_time_stamp(self) -> Iterator[Picture]:
        """Yield the chosen frames by their time stamps; what nothing refers to is not decoded."""
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
        self._note_lost(lost)

    def _note_lost(self, packets: int) -> None:
        if packets and self.damage is None:
            self.damage = f"{counted(packets, 'packet')} {'does' if packets == 1 else 'do'} not decode"

    def _check_frame(self, frame: Any) -> None:
        """Check the size of a decoded frame, which may differ from what the header says."""
        self.limits.check_size(*shown_size(frame.width, frame.height, self._pixel))

    def _pixel_of(self, frame: Any) -> Fraction | None:
        return (self._joinable and pixel_of(frame)) or self._pixel

    def _picture(self, index: int, frame: Any) -> Picture:
        """Convert a frame of PyAV."""
        pixel = self._pixel_of(frame)
        self.limits.check_size(*shown_size(frame.width, frame.height, pixel))
        if frame.color_trc in HDR_TRANSFERS:
            self.marks["hdr"] = "high dynamic range: its brightness is used as it is"
        if frame.interlaced_frame:
            self.marks["interlaced"] = "interlaced: the lines of a frame show two moments and are used as they are"
        seconds = float((int(self._pts[index]) - int(self._pts[0])) * self._time_base)
        image = shown_image(frame, pixel)
        self._size = image.shape[1], image.shape[0]
        return Picture(index, seconds, image)


def _reorder_window(stream: Any) -> int:
    """Return the ticks after which no earlier frame can come: five seconds, far more than any codec reorders."""
    return int(5 / stream.time_base)
