"""Lays the sound of a film under a drawn copy of it."""

import heapq
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from faces.decoder import OPENING
from faces.streams import film_of

# By suffix of the copy, sound that every usual player plays in such a file; other sound becomes AAC.
COPIED = {
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    ".mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"},
    ".mkv": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "vorbis", "dts", "pcm_s16le", "pcm_s24le", "mp2"},
}
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # samples a second
SLACK = 0.04  # seconds by which encoded sound may be off; more is made good by silence, or by leaving sound out
LEADS = (0.1, 60.0)  # seconds of sound before the picture; less is how codecs begin, more a time stamp that is wrong
OVERLAP = Fraction(1, 100)  # seconds; where films were joined, sound that begins earlier gives way to that before it
JUMP = 1.0  # seconds between two pieces of a film whose time stamps jump; more is no pause, but a jump
NOTHING = "none of it can be decoded"
_UNSAFE = (av.error.FFmpegError, ValueError, OSError, MemoryError, TypeError, AttributeError)


def add_sound(
    source: str, silent: str, target: str, metadata: dict[str, str], is_joined: bool, beat: Callable[[], None]
) -> str | None:
    """Write a film with the sound of another: as it is if the file may hold it, else as AAC.

    Args:
        source: path of the film with the sound.
        silent: path of the film without, H.264 whose first frame is at 0 s.
        target: path of the film that is made; it does not exist if there is no sound or it cannot be used.
        metadata: of the target.
        is_joined: the time stamps of the source jump.
        beat: called again and again while the work goes on.

    Returns:
        None, or a sentence on what of the sound is lost.
    """
    with av.open(source, options=OPENING) as container:
        sound = container.streams.best("audio")
        if sound is None:
            return None
        codec = sound.codec_context.name if sound.codec_context is not None else None
    if codec is None:
        return "its sound is left out: no decoder for it is available"
    suffix = os.path.splitext(target)[1].lower()
    ways: list[type[_Copied] | type[_Encoded]]
    ways = [_Copied, _Encoded] if codec in COPIED.get(suffix, ()) else [_Encoded]
    problem = NOTHING
    for way in ways:
        try:
            with _Sound(source, is_joined, beat) as read, av.open(silent) as film:
                lost = _join(film, way(read), target, metadata)
        except _UNSAFE as error:
            problem = str(getattr(error, "strerror", None) or error)
            lost = None
        if lost is not None:
            return (
                f"{lost} piece{'s' * (lost > 1)} of its sound {'are' if lost > 1 else 'is'} damaged" if lost else None
            )
        if os.path.exists(target):
            os.unlink(target)
    return f"its sound ({codec}) is left out: {problem}"


class _Sound:
    """The packets of the sound of a film, in order, with the seconds at which they begin in the drawn copy.

    A context manager.

    Attributes:
        stream: PyAV's.
        lead: seconds by which the sound begins before the picture, which the copy's picture has to wait for.
        lost: packets that could not be used.
    """

    def __init__(self, source: str, is_joined: bool, beat: Callable[[], None]) -> None:
        self._container = av.open(source, options=OPENING)
        self.stream = self._container.streams.best("audio")
        film, _ = film_of(self._container)
        begin = film.start_time * film.time_base if film is not None and film.start_time is not None else None
        self._begin = begin if begin is not None else Fraction(self._container.start_time or 0, av.time_base)
        heard = self.stream.start_time
        lead = self._begin - heard * self.stream.time_base if heard is not None else Fraction(0)
        self.lead = lead if LEADS[0] <= lead <= LEADS[1] else Fraction(0)
        self._shifts = _shifts_of(source, beat) if is_joined and film is not None else []
        self._is_joined, self._beat = is_joined, beat
        self.lost = 0

    def __enter__(self) -> "_Sound":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def packets(self) -> Iterator[tuple[Fraction, Any]]:
        """Yield (seconds, packet) of the sound; none begins before 0 s, or before the last one has ended."""
        expected, shift, ended, part = None, self.lead - self._begin, Fraction(0), 0
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.FFmpegError):  # the end, or a file that is damaged from here on
                return
            self._beat()
            if not packet.size:
                continue
            if packet.is_corrupt:
                self.lost += 1
                continue
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None and expected is None:
                expected = Fraction(0)
            seconds = expected if stamp is None else stamp * packet.time_base + shift
            if expected is not None and seconds is not None and self._is_joined and abs(seconds - expected) > JUMP:
                part += 1
                by_picture = self._shifts[part] - self._shifts[part - 1] if part < len(self._shifts) else None
                if by_picture is None or abs(seconds + by_picture - expected) > JUMP:
                    by_picture = expected - seconds  # the picture does not jump alike: the sound just goes on
                shift, seconds = shift + by_picture, seconds + by_picture
            assert seconds is not None
            expected = seconds + (packet.duration or 0) * packet.time_base
            if seconds >= (ended - OVERLAP if part else 0):
                ended = max(ended, expected)
                yield seconds, packet


def _shifts_of(source: str, beat: Callable[[], None]) -> list[Fraction]:
    """By how many seconds the picture's time stamps are moved to go on where they jump: for each part of the film."""
    shifts, expected = [Fraction(0)], None
    with av.open(source, options=OPENING) as container:
        film, _ = film_of(container)
        step = 1 / Fraction(film.average_rate or film.guessed_rate or 25)
        packets = container.demux(film)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.FFmpegError):
                return shifts
            beat()
            if packet.dts is None:
                continue
            seconds = packet.dts * packet.time_base + shifts[-1]
            if expected is not None and abs(seconds - expected) > JUMP:
                shifts.append(shifts[-1] + expected - seconds)
                seconds = expected
            expected = seconds + step


class _Copied:
    """Sound as it is, but for pieces that do not decode: some players would stop there."""

    def __init__(self, sound: _Sound) -> None:
        self.sound = sound

    def add_to(self, file: Any) -> None:
        """Add a stream to the file."""
        self._stream = file.add_stream_from_template(self.sound.stream)

    def packets(self) -> Iterator[tuple[Fraction, Any]]:
        """Yield (seconds, packet) for the file.

        Raises:
            ValueError: nothing of it decodes.
        """
        heard, last = False, -1
        for seconds, packet in self.sound.packets():
            try:
                packet.decode()
                heard = True
            except (av.error.FFmpegError, ValueError):
                self.sound.lost += 1
                continue
            packet.pts = packet.dts = last = max(round(seconds / packet.time_base), last + 1)
            packet.stream = self._stream
            yield seconds, packet
        if not heard:
            raise ValueError(NOTHING)


class _Encoded:
    """Sound as AAC, in mono or stereo; what is damaged or missing is silent."""

    def __init__(self, sound: _Sound) -> None:
        self.sound = sound

    def add_to(self, file: Any) -> None:
        """Add a stream to the file."""
        context = self.sound.stream.codec_context
        rate = context.sample_rate if context.sample_rate in AAC_RATES else 48_000
        layout = "mono" if context.channels == 1 else "stereo"
        self._stream = file.add_stream("aac", rate=rate, layout=layout)
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        self._rate, self._channels = rate, 1 if layout == "mono" else 2

    def packets(self) -> Iterator[tuple[Fraction, Any]]:
        """Yield (seconds, packet) for the file."""
        done = 0  # samples
        for seconds, samples in self._pieces():
            begin = round(seconds * self._rate)
            if begin > done + SLACK * self._rate:
                yield from self._encode(np.zeros((self._channels, begin - done), np.float32), done)
                done = begin
            elif begin < done - SLACK * self._rate:
                samples = samples[:, done - begin :]
            yield from self._encode(samples, done)
            done += samples.shape[1]
        yield from self._packets(None)

    def _pieces(self) -> Iterator[tuple[Fraction, np.ndarray]]:
        """Yield (seconds, float32 [channels, samples])."""
        for seconds, packet in self.sound.packets():
            try:
                frames = [out for frame in packet.decode() for out in self._resampled(frame)]
            except (av.error.FFmpegError, ValueError):
                self.sound.lost += 1
                continue
            for frame in frames:
                samples = np.nan_to_num(frame.to_ndarray())
                yield seconds, samples
                seconds += Fraction(samples.shape[1], self._rate)

    def _resampled(self, frame: Any) -> list[Any]:
        frame.pts = None
        return list(self._resampler.resample(frame))

    def _encode(self, samples: np.ndarray, begin: int) -> Iterator[tuple[Fraction, Any]]:
        for start in range(0, samples.shape[1], self._rate):  # a second at a time
            piece = np.ascontiguousarray(samples[:, start : start + self._rate])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono" if self._channels == 1 else "stereo")
            frame.sample_rate, frame.pts = self._rate, begin + start
            frame.time_base = Fraction(1, self._rate)
            yield from self._packets(frame)

    def _packets(self, frame: Any) -> Iterator[tuple[Fraction, Any]]:
        for packet in self._stream.encode(frame):
            yield (packet.dts or 0) * packet.time_base, packet


def _join(film: Any, sound: _Copied | _Encoded, target: str, metadata: dict[str, str]) -> int | None:
    """Write the film and the sound into one file; returns how many packets were lost, None if all were."""
    options = {"movflags": "+faststart"} if target.endswith((".mp4", ".mov")) else {}
    heard = 0
    with av.open(target, "w", options=options) as file:
        file.metadata.update(metadata)
        seen = film.streams.video[0]
        picture = file.add_stream_from_template(seen)
        picture.time_base = seen.time_base
        sound.add_to(file)
        lead = round(sound.sound.lead / seen.time_base)

        def pictures() -> Iterator[tuple[Fraction, Any]]:
            for packet in film.demux(seen):
                if packet.size:
                    packet.stream = picture
                    packet.dts = packet.pts if packet.dts is None else packet.dts  # Matroska has the former alone
                    packet.pts, packet.dts = packet.pts + lead, packet.dts + lead
                    yield packet.dts * packet.time_base, packet

        for _, packet in heapq.merge(pictures(), sound.packets(), key=lambda one: one[0]):
            heard += packet.stream is not picture
            file.mux(packet)
    return sound.sound.lost if heard else None
