"""How many frames a film has, and when each is shown: from its packets where these tell, else from decoding it all.

A time stamp names a frame only in a film whose stamps are in order and whose packets give a frame each. Films that were
joined, cut in the middle, coded as fields or stored without stamps have neither: their frames are known by the order in
which a decoder puts them out, which is the same each time.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np

from artifacts.words import counted
from faces.frame_times import frame_step, longest_step, reliable, timeline

# Containers whose stamps are those of the presentation, by the beginning of FFmpeg's name, and codecs of which a packet
# gives one frame.
STAMPED = ("mov,", "matroska")
ONE_FRAME_EACH = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mjpeg")
PROGRESSIVE = 1  # FFmpeg's `AV_FIELD_PROGRESSIVE`
JUMPING = ("mpegts", "mpeg")  # containers of broadcasts, in which a later stamp may be a jump as well
NEAR = 4  # packets: where films are joined, the counter in broadcasts' packets jumps, though nothing is missing
JUMP = 10  # seconds, as FFmpeg's own programs have it


@dataclass
class PacketScan:
    """What the packets of a film's stream say.

    Attributes:
        pts: of the packets that are to be shown, in the order of the file; None where there is none.
        dts: of the same packets.
        packets: how many there are, empty ones and those that are not shown among them.
        end: the latest end of a packet, in ticks, or None.
        key_first: the first packet is a key frame.
        earliest_first: no packet is shown before the first.
        keys_rise: no key frame is shown before a packet that comes earlier in the file.
        incomplete: of the packets that are not whole, their numbers and the frames before them.
        joins: numbers of the packets at which time begins anew.
        error: None, or why reading ended early.
    """

    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    packets: int = 0
    end: int | None = None
    key_first: bool = True
    earliest_first: bool = True
    keys_rise: bool = True
    incomplete: list[tuple[int, int]] = field(default_factory=list)
    joins: list[int] = field(default_factory=list)
    error: Exception | None = None


@dataclass(frozen=True)
class FrameTable:
    """The frames of a film in the order in which they are shown.

    Attributes:
        ticks: when each is shown, not falling, int64 [frames].
        time_base: seconds of a tick.
        by_order: frames are known by the order in which a decoder puts them out; else by `ticks`, their time stamps.
        damage: None, or a sentence on what is missing.
        marks: what else should be known, reason -> sentence.
    """

    ticks: np.ndarray
    time_base: Fraction
    by_order: bool
    damage: str | None
    marks: dict[str, str]


def read_frame_table(
    path: str,
    open_film: Callable[[], tuple[Any, Any]],
    check_frame: Callable[[Any], None],
    check_length: Callable[[float, int], None],
) -> FrameTable:
    """List a film's frames.

    Args:
        path: of the file.
        open_film: opens it, and returns PyAV's container and stream.
        check_frame: called with each frame that is decoded; it may raise.
        check_length: called with the seconds, as far as they are known, and the number of frames so far; it may raise.
    """
    container, stream = open_film()
    with container:
        scan = scan_packets(container, stream, lambda frames: check_length(0, frames))
        time_base, length = Fraction(stream.time_base), _matroska_length(stream)
        in_fields = _may_have_fields(stream)
        named, by_order = is_short(path, container, stream, scan.packets), not tells(scan, container, stream)
    marks: dict[str, str] = {}
    if by_order:
        check_length(_least_seconds(scan.pts, time_base), len(scan.pts))
        ticks, marks = _decoded_ticks(open_film, check_frame, lambda frames: check_length(0, frames))
        if len(ticks) < len(scan.pts) and not in_fields:
            lost = len(scan.pts) - len(ticks)
            marks["pictures_lost"] = (
                f"no picture from {lost} of {counted(len(scan.pts), 'packet')}, as where a film was cut"
            )
    else:
        ticks = np.unique(np.array(scan.pts, np.int64))
    damage = None
    end = float((scan.end or 0) * time_base)
    if len(ticks) > 1:
        end = max(end, float((int(ticks[-1]) + int(np.diff(ticks).max())) * time_base))
    missing = [frames for packet, frames in scan.incomplete if not any(0 <= k - packet <= NEAR for k in scan.joins)]
    if named:
        damage = f"cut: its header names {counted(named, 'frame')}, there are {scan.packets}"
    elif length is not None and length > end + 0.5 and len(ticks):
        damage = f"cut: its header names {length:.2f} s, about {end:.2f} s are there"
    elif scan.error:
        damage = f"damaged after {counted(len(scan.pts), 'frame')} ({words_of(scan.error)})"
    elif missing:
        damage = f"incomplete after {counted(missing[0], 'frame')}"
    return FrameTable(ticks, time_base, by_order, damage, marks)


def _decoded_ticks(
    open_film: Callable[[], tuple[Any, Any]], check_frame: Callable[[Any], None], check_count: Callable[[int], None]
) -> tuple[np.ndarray, dict[str, str]]:
    """Decode everything, and lay the frames one after the other in time; see `FrameTable` for what is returned."""
    container, stream = open_film()
    pts: list[int | None] = []
    dts: list[int | None] = []
    marks: dict[str, str] = {}
    container_name = container.format.name
    with container:
        for frame in decoded_frames(container, stream, lambda: None):
            check_frame(frame)
            pts.append(frame.pts)
            dts.append(frame.dts)
            check_count(len(pts))
        stamps = reliable(pts, dts)
        step = frame_step(stamps, stream)
        second = float(1 / stream.time_base)
        longest = JUMP * second if container_name in JUMPING else longest_step(_steps(stamps), second)
        ticks, jumps = timeline(stamps, step, longest)
        if set(stamps) == {None}:
            rate = float(1 / (step * stream.time_base))
            marks["no_time_stamps"] = f"no time stamps: times are those of {rate:.5g} frames a second"
    known = [stamp for stamp in pts if stamp is not None]
    if not jumps and container_name != "avi" and any(other < one for one, other in itertools.pairwise(known)):
        marks["discontinuous"] = "its time stamps are not in order, as in films that were joined: times are about right"
    if jumps:
        times = "once" if len(jumps) == 1 else f"{len(jumps)} times"
        marks["discontinuous"] = (
            f"its time stamps jump {times}, first before frame {jumps[0]}, as in films that were joined or where a "
            "stamp is wrong: the parts are counted one after the other"
        )
    return ticks, marks


def _steps(stamps: Sequence[int | None]) -> list[int]:
    """Return the distances of neighbours, ticks, where they are above 0."""
    return [b - a for a, b in itertools.pairwise(stamps) if a is not None and b is not None and b > a]


def _least_seconds(stamps: Sequence[int | None], time_base: Fraction) -> float:
    """Return how long a film is at least, by the stamps of its packets in any order, without jumps."""
    steps = _steps(sorted(stamp for stamp in stamps if stamp is not None))
    longest = longest_step(steps, float(1 / time_base))
    return float(sum(step for step in steps if step <= longest) * time_base)


def scan_packets(container: Any, stream: Any, check: Callable[[int], None]) -> PacketScan:
    """Read the packets without decoding them; `check` is called with the number of frames so far, and may raise."""
    scan = PacketScan()
    first: int | None = None
    highest: int | None = None
    last: int | None = None  # the latest time of decoding
    try:
        for packet in container.demux(stream):
            if packet.dts is None and packet.pts is None and not packet.size:
                continue  # the end
            scan.packets += 1
            if scan.packets == 1:
                first, scan.key_first = packet.pts, packet.is_keyframe
            if packet.pts is not None:
                scan.earliest_first &= first is not None and packet.pts >= first
                scan.keys_rise &= highest is None or not packet.is_keyframe or packet.pts > highest
                highest = packet.pts if highest is None else max(highest, packet.pts)
            if packet.dts is not None:
                if last is not None and packet.dts < last:
                    scan.joins.append(scan.packets)
                last = packet.dts
            if packet.is_corrupt:
                scan.incomplete.append((scan.packets, len(scan.pts)))
            elif packet.size and not packet.is_discard:
                scan.pts.append(packet.pts)
                scan.dts.append(packet.dts)
                if packet.pts is not None:
                    scan.end = max(scan.end or 0, packet.pts + (packet.duration or 0))
                check(len(scan.pts))
    except av.error.FFmpegError as error:
        scan.error = error
    return scan


def tells(scan: PacketScan, container: Any, stream: Any) -> bool:
    """Return whether the packets' stamps name the film's frames."""
    codec = stream.codec_context
    dts = [ticks for ticks in scan.dts if ticks is not None]
    return (
        container.format.name.startswith(STAMPED)
        and codec.name in ONE_FRAME_EACH
        and not _may_have_fields(stream)
        and scan.key_first
        and scan.earliest_first  # else the first pictures may lack those that they refer to
        and scan.keys_rise
        and None not in scan.pts
        and len(set(scan.pts)) == len(scan.pts)
        and all(one < other for one, other in itertools.pairwise(dts))
        and not _jumps(scan.pts, stream.time_base)
    )


def _jumps(stamps: Sequence[int | None], time_base: Fraction) -> bool:
    """Return whether a step between stamps, in the order of presentation, is longer than any film's."""
    steps = _steps(sorted(stamp for stamp in stamps if stamp is not None))
    return bool(steps) and max(steps) > longest_step(steps, float(1 / time_base))


def _may_have_fields(stream: Any) -> bool:
    """Return whether a packet may hold one field of two, which make a frame."""
    codec = stream.codec_context
    return bool(codec.name == "h264" and codec.field_order != PROGRESSIVE)


def decoded_frames(container: Any, stream: Any, lost: Callable[[], None]) -> Iterator[Any]:
    """Yield all frames in the order in which they come out of the decoder.

    Args:
        container: of PyAV.
        stream: of the container.
        lost: called for each packet that does not decode.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            lost()
            continue
        yield from frames


def is_short(path: str, container: Any, stream: Any, packets: int) -> int | None:
    """Return how many packets a file's table names, if the file ends before the last of them; else None."""
    name, named = container.format.name, stream.frames
    if name.startswith("mov,"):  # a trimmed clip names more than its list of edits shows
        named = min(named, len(stream.index_entries))
    elif name == "avi":  # it counts frames that only repeat the one before
        with open(path, "rb") as file:
            start = file.read(8)
        if int.from_bytes(start[4:], "little") + 8 <= os.path.getsize(path):
            return None
    return named if named > packets + 1 else None


def _matroska_length(stream: Any) -> float | None:
    """Return when the video ends, in seconds, by the tag of Matroska and WebM files, which name no number of frames."""
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except (KeyError, ValueError):
        return None


def words_of(error: Exception) -> str:
    """Return what FFmpeg says of an error."""
    return getattr(error, "strerror", None) or type(error).__name__
