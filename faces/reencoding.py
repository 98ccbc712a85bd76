"""Code films again, as platforms and messengers do, and cut the same faces out of them: only the coding differs.

The frames are those that a player shows, decoded as in the extraction of faces. Each is coded at the film's mean frame
rate, and the coded film is decoded; there, a face is cut out by the landmarks that were found in the film as it was. So
neither the choice of frames nor the face detector adds to what the coding does.
"""

import functools
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import Interpolation

from artifacts.manifest import Video
from artifacts.preprocessing import Preprocessing
from faces.alignment import AlignmentError, align
from faces.decoder import DecodeError
from faces.reading import FrameReader, Reading

ALL_FRAMES = 1 << 40
RATES = (1, 240)  # frames a second that a film can have; beyond, its header is damaged
DEFAULT_RATE = 30  # of a film that does not say


class Coding(NamedTuple):
    """How a film is coded.

    Attributes:
        codec: FFmpeg's name of the encoder.
        options: of the encoder.
        lines: pixels of the shorter side, where the film is larger; None keeps its size.
        bits: a second; None where `options` fix the quality instead.
    """

    codec: str
    options: dict[str, str]
    lines: int | None = None
    bits: int | None = None


@functools.cache
def _same_bytes() -> dict[str, str]:
    """Options by which x264 gives the same bytes every time.

    With AVX-512, its macroblock tree depends on what memory held before, for films of most widths.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            return {"x264-params": "asm=avx2"} if "avx512" in stream.read() else {}
    except OSError:
        return {}


def _h264(crf: float) -> Coding:
    return Coding("libx264", {"crf": f"{crf:g}", "preset": "medium", **_same_bytes()})


def _h265(crf: float) -> Coding:
    # One thread for each encoder: how they are divided would change the bytes. A quick preset here and for VP9, as for
    # calls: slower ones take two to five times as long at the same factor.
    parameters = "pools=none:frame-threads=1:log-level=none"
    return Coding("libx265", {"crf": f"{crf:g}", "preset": "veryfast", "x265-params": parameters})


def _vp9(crf: float) -> Coding:
    return Coding("libvpx-vp9", {"crf": f"{crf:g}", "b": "0", "deadline": "realtime", "cpu-used": "5"})


def _messenger(lines: float) -> Coding:
    """A small film at a low bitrate, H.264: 3 bit/s for each squared line, 691 kbit/s at 480 and 173 kbit/s at 240."""
    bits = round(3 * lines**2)
    options = {"preset": "veryfast", "maxrate": str(bits), "bufsize": str(2 * bits), **_same_bytes()}
    return Coding("libx264", options, int(lines), bits)


# Name -> strength -> how a film is coded. The strength is a constant rate factor, for messengers the number of lines.
PROFILES: dict[str, Callable[[float], Coding]] = {"h264": _h264, "h265": _h265, "vp9": _vp9, "messenger": _messenger}


def missing_encoder(name: str) -> str | None:
    """Return the encoder that a profile needs and PyAV lacks, or None."""
    codec = PROFILES[name](40).codec
    try:
        av.codec.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        return codec
    return None


class WantedFace(NamedTuple):
    """A face to be cut out.

    Attributes:
        frame: number of the frame.
        landmarks: (x, y) in pixels of the frame as a player shows it, float [5, 2].
    """

    frame: int
    landmarks: np.ndarray


def recoded_crops(
    reader: FrameReader,
    video: Video,
    faces: Sequence[WantedFace],
    codings: Sequence[Coding],
    how: Preprocessing,
    watch: Callable[[int], None] = lambda frames: None,
) -> np.ndarray:
    """Cut faces out of a film as it is and as it is after each coding.

    Args:
        reader: of `ALL_FRAMES`.
        video: line of a manifest.
        faces: in ascending order of their frames.
        codings: each is applied to the film as it is.
        how: the crops are cut.
        watch: called with the number of frames coded since the last call.

    Returns:
        RGB uint8 [1 + codings, faces, size, size, 3]; the first is of the film as it is.

    Raises:
        DecodeError: the film cannot be decoded, lacks one of the frames, or its frames have several sizes.
    """
    try:
        return _recoded(reader, video, faces, codings, how, watch)
    except av.error.FFmpegError as error:
        raise DecodeError("not_encodable", f"an encoder refuses it ({error.strerror or error})") from error


def _recoded(
    reader: FrameReader,
    video: Video,
    faces: Sequence[WantedFace],
    codings: Sequence[Coding],
    how: Preprocessing,
    watch: Callable[[int], None],
) -> np.ndarray:
    last, indices, found = faces[-1].frame, list[int](), dict[int, np.ndarray]()
    encoders: list[_Encoder] = []
    with reader.read_one(video) as reading, ThreadPoolExecutor(min(len(codings) or 1, _cores())) as pool:
        for batch in reading:
            if not encoders:
                encoders = [_Encoder(coding, batch.images.shape[1:3], _rate(reading)) for coding in codings]
            coded = [pool.submit(encoder.add, batch.images) for encoder in encoders]
            found |= _crops(faces, zip(batch.indices, batch.images, strict=True), (1.0, 1.0), how)
            for each in coded:  # before the next batch overwrites the images
                each.result()
            indices += batch.indices
            watch(len(batch.indices))
            if indices[-1] >= last:
                break
        recoded = [pool.submit(encoder.crops, faces, indices, how) for encoder in encoders]
        return np.stack([_stacked(faces, found), *(_stacked(faces, each.result()) for each in recoded)])


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _rate(reading: Reading) -> Fraction:
    frames, seconds = reading.info.get("frames", 0), reading.info.get("seconds", 0.0)
    rate = frames / seconds if frames and seconds else DEFAULT_RATE
    return Fraction(min(max(rate, RATES[0]), RATES[1])).limit_denominator(1001)


def _crops(
    faces: Sequence[WantedFace], frames: Any, scale: tuple[float, float], how: Preprocessing
) -> dict[int, np.ndarray]:
    """Cut the faces of some frames.

    Args:
        faces: all that are wanted.
        frames: (number, RGB uint8 [height, width, 3]) of each.
        scale: how much larger than the film's they are, in x and y.
        how: the crops are cut.

    Returns:
        number of a face -> its crop.
    """
    of_frame: dict[int, list[int]] = {}
    for number, face in enumerate(faces):
        of_frame.setdefault(face.frame, []).append(number)
    found = {}
    for index, image in frames:
        for number in of_frame.get(index, ()):
            landmarks = (np.asarray(faces[number].landmarks, np.float64) + 0.5) * scale - 0.5  # of pixels' corners
            try:
                found[number] = align(image, landmarks, how.crop_margin, how.crop_size, how.crop_lift)
            except AlignmentError as error:
                raise DecodeError("degenerate_landmarks", f"a face has no crop: {error}") from error
    return found


def _stacked(faces: Sequence[WantedFace], found: dict[int, np.ndarray]) -> np.ndarray:
    for number, face in enumerate(faces):
        if number not in found:
            raise DecodeError(
                "missing_frame", f"frame {face.frame}, in which a face was found, does not decode any more"
            )
    return np.stack([found[number] for number in range(len(faces))])


@dataclass
class _Encoder:
    """Codes the frames of one film, in memory.

    Attributes:
        coding: how.
        size: height and width of the frames that it is given.
        rate: frames a second.
    """

    coding: Coding
    size: tuple[int, int]
    rate: Fraction
    _bytes: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        height, width = self.size
        shrunk = min(1.0, (self.coding.lines or min(self.size)) / min(self.size))
        # Half of the colour is coded: sides are even. A film that keeps its size is padded to it.
        self._width, self._height = (_even(side * shrunk) for side in (width, height))
        self._scale = (1.0, 1.0) if shrunk == 1 else (self._width / width, self._height / height)
        self._container = av.open(self._bytes, "w", format="matroska")
        self._stream: Any = self._container.add_stream(self.coding.codec, rate=self.rate, options=self.coding.options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = self._width, self._height, "yuv420p"
        self._stream.codec_context.thread_count = 1
        if self.coding.bits:
            self._stream.codec_context.bit_rate = self.coding.bits
        self._count = 0

    def add(self, images: np.ndarray) -> None:
        """Code frames, RGB uint8 [n, height, width, 3].

        Raises:
            DecodeError: they have another size than those before.
        """
        if images.shape[1:3] != self.size:
            raise DecodeError("several_sizes", "its frames have several sizes, which no film of these encoders has")
        pads = ((0, 0), (0, self.size[0] % 2), (0, self.size[1] % 2), (0, 0))
        if self._scale == (1.0, 1.0) and any(pad for _, pad in pads):
            images = np.pad(images, pads, mode="edge")
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame = frame.reformat(self._width, self._height, "yuv420p", interpolation=Interpolation.AREA)
            frame.pts, frame.time_base = self._count, 1 / self.rate
            self._container.mux(self._stream.encode(frame))
            self._count += 1

    def crops(self, faces: Sequence[WantedFace], indices: Sequence[int], how: Preprocessing) -> dict[int, np.ndarray]:
        """End the film, decode it, and cut the faces out; `indices` are the numbers of the frames that were added."""
        self._container.mux(self._stream.encode())
        self._container.close()
        self._bytes.seek(0)
        with av.open(self._bytes, format="matroska") as film:
            frames = (
                (indices[number], frame.to_ndarray(format="rgb24")) for number, frame in enumerate(film.decode(video=0))
            )
            return _crops(faces, frames, self._scale, how)


def _even(side: float) -> int:
    return max(2, 2 * int(np.ceil(side / 2 - 1e-9)))
