"""Films of random orders and orientations, read here and by FFmpeg's own program: `python -m benchmarks.film_fuzz`.

Each film is written with a random codec, container, depth of B-frames and shape of its pixels, and then joined, cut,
trimmed by a list of edits, mirrored or turned. Number of frames, chosen frames, their times and pixels are compared
with what the program `ffmpeg` makes of the file.
"""

import collections
import contextlib
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from benchmarks import common
from benchmarks.random_films import make_film, number_in, run_ffmpeg
from faces.decoder import DecodeError, Frame, VideoFrames

LATE = 0.011  # seconds
LIKE = 6.0  # mean difference of values up to which pictures are the same; the nearest other number differs by 16
# What FFmpeg's program is asked for: square pixels, none lost.
SQUARE = "scale=w='if(gt(sar,1),round(iw*sar),iw)':h='if(lt(sar,1),round(ih/sar),ih)':flags=bicubic,format=rgb24"


@dataclass(frozen=True)
class Outcome:
    """What came of one film.

    Attributes:
        made: how it was made.
        frames: how many FFmpeg's program gives.
        fault: None, or how the films differ.
        notes: what was noted about the file.
        noted: the notes say that frames may be missing or out of order, and if there is a fault, the frames are those
            of a plain decode by the libraries that come with PyAV.
    """

    made: str
    frames: int
    fault: str | None
    notes: list[str]
    noted: bool


def judged(path: Path) -> tuple[list[np.ndarray], list[float]]:
    """Return what FFmpeg's program makes of a film: its frames, RGB, and their times in seconds after the first."""
    how = ["-threads", 1, "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf", SQUARE]
    images = run_ffmpeg(*how, "-c:v", "ppm", "-f", "image2pipe", "-")
    frames = []
    while images:
        _, size, _, rest = images.split(b"\n", 3)
        width, height = map(int, size.split())
        frames.append(np.frombuffer(rest, np.uint8, width * height * 3).reshape(height, width, 3))
        images = rest[width * height * 3 :]
    lines = run_ffmpeg(*how, "-enc_time_base", "1/90000", "-f", "framecrc", "-").decode().splitlines()
    ticks = [int(line.split(",")[2]) for line in lines if not line.startswith("#")]
    return frames, [(tick - ticks[0]) / 90000 for tick in ticks]


def straight(path: Path) -> list[int]:
    """Return the numbers that a plain decode by FFmpeg's libraries shows, those that come with PyAV."""
    shown: list[int] = []
    with av.open(str(path)) as container:
        container.streams.video[0].thread_count = 1
        for packet in container.demux(video=0):
            with contextlib.suppress(av.error.FFmpegError):
                shown += [number_in(frame.to_ndarray(format="rgb24")) for frame in packet.decode()]
    return shown


def compare(path: Path, count: int) -> Outcome:
    """Read a film here and by FFmpeg's program; `Outcome.made` is left empty.

    Args:
        path: of the film.
        count: how many frames are chosen.
    """
    frames, times = judged(path)
    try:
        video = VideoFrames(str(path), count)
        found = sorted(video, key=lambda frame: frame.index)
    except DecodeError as error:
        return Outcome("", len(frames), f"refused: {error}" if frames else None, [error.reason], noted=True)
    noted = bool(video.damage or set(video.marks) & {"discontinuous", "pictures_lost"})
    notes = [*video.marks, *([f"damage: {video.damage}"] if video.damage else [])]
    fault = _difference(video, found, frames, times)
    if fault and noted:
        # What lacks the pictures that it refers to is shown by one version of FFmpeg and dropped by another. The
        # library's own order must hold all the same.
        whole = straight(path)
        shown = [whole[frame.index] if frame.index < len(whole) else None for frame in found]
        noted = len(whole) == video.info["frames"] and shown == [number_in(frame.image) for frame in found]
    return Outcome("", len(frames), fault, notes, noted)


def _difference(video: VideoFrames, found: list[Frame], frames: list[np.ndarray], times: list[float]) -> str | None:
    if video.info["frames"] != len(frames):
        return f"{video.info['frames']} frames"
    if [frame.index for frame in found] != video.wanted.tolist():
        return "chosen frames are missing"
    for frame in found:
        expected = frames[frame.index]
        if frame.image.shape != expected.shape:
            return f"frame {frame.index} is {frame.image.shape}, not {expected.shape}"
        away = float(np.abs(frame.image.astype(int) - expected).mean())
        if away > LIKE:
            return f"frame {frame.index} differs by {away:.1f}"
        if "discontinuous" not in video.marks and abs(frame.timestamp - times[frame.index]) > LATE:
            return f"frame {frame.index} at {frame.timestamp:.3f} s, not {times[frame.index]:.3f}"
    return None


def outcomes(seed: int, count: int) -> Iterator[Outcome]:
    """Make and compare films; film k of a seed is the same whatever the count."""
    for k in range(count):
        rng = random.Random(f"{seed} {k}")
        with tempfile.TemporaryDirectory() as folder:
            path, made = make_film(Path(folder), rng)
            yield replace(compare(path, rng.choice([5, 16, 1000])), made=made)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzz and print what differs; returns the exit code, 1 if anything differs silently."""
    parser = common.parser("film_fuzz", __doc__)
    parser.add_argument("--seed", type=int, default=14, help="of the films; another seed gives others (default: 14)")
    parser.add_argument("--films", type=int, default=400, help="how many (default: 400; with --quick 12)")
    options = parser.parse_args(arguments)
    count = 12 if options.quick else options.films
    changes: collections.Counter[str] = collections.Counter()
    notes: collections.Counter[str] = collections.Counter()
    frames = silent = open_ = 0
    for number, outcome in enumerate(outcomes(options.seed, count)):
        frames += outcome.frames
        changes[outcome.made.split(", ")[-1].split(" ")[0]] += 1
        notes.update(note.split(":")[0] for note in outcome.notes)
        if outcome.fault:
            silent, open_ = silent + (not outcome.noted), open_ + outcome.noted
            word = "noted" if outcome.noted else "SILENT"
            print(f"{word}: film {number} ({outcome.made}; {outcome.frames} frames, {outcome.notes}): {outcome.fault}")
    print(f"{count} films, {frames} frames: {silent} differ silently, {open_} with a note; made by {dict(changes)}")
    print(f"notes: {dict(notes)}")
    figures = {"films": count, "frames": frames, "silent": silent, "noted": open_, "seed": options.seed}
    common.write_json(options.json, {}, figures)
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
