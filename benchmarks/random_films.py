"""Films of random orders and orientations, whose frames show their numbers; written by FFmpeg's own program."""

import random
import struct
import subprocess
from pathlib import Path

import av
import numpy as np

BLOCK = 16  # a frame of 64x48 shows its number in 12 blocks
ONE = 1 << 16
MATRICES = [  # all eight orientations: a, b, c, d of the display matrix
    (ONE, 0, 0, ONE), (0, ONE, -ONE, 0), (-ONE, 0, 0, -ONE), (0, -ONE, ONE, 0),
    (-ONE, 0, 0, ONE), (ONE, 0, 0, -ONE), (0, ONE, ONE, 0), (0, -ONE, -ONE, 0),
]  # fmt: skip
CODECS = {
    "mp4": ("libx264", "libx265", "mpeg4", "mpeg2video"),
    "mkv": ("libx264", "libx265", "libvpx", "mpeg4"),
    "ts": ("libx264", "libx265", "mpeg2video"),
    "avi": ("libx264", "mpeg4", "mpeg2video"),
    "mpg": ("mpeg2video", "mpeg1video"),
    "webm": ("libvpx", "libvpx-vp9"),
}
SHAPED = ("libx264", "libx265", "mpeg4")  # codecs that take any shape of pixels


def run_ffmpeg(*arguments: object, pixels: bytes | None = None) -> bytes:
    """Run the program `ffmpeg` and return what it writes on its output.

    Raises:
        subprocess.CalledProcessError: it fails.
    """
    line = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(line, input=pixels, capture_output=True, check=True, timeout=120).stdout


def numbered(first: int, count: int) -> bytes:
    """Return frames that show their numbers: RGB, 64x48."""
    numbers = np.arange(first, first + count)
    bits = (numbers[:, None] >> np.arange(12) & 1).reshape(-1, 3, 4).astype(np.uint8) * 200 + 25
    return bits.repeat(BLOCK, 1).repeat(BLOCK, 2)[..., None].repeat(3, -1).tobytes()


def make_film(folder: Path, rng: random.Random) -> tuple[Path, str]:
    """Write a random film, and return it and how it was made."""
    container = rng.choice(list(CODECS))
    codec = rng.choice(CODECS[container])
    ratio = rng.choice(["1", "1", "2", "1/2", "4/3", "12/11", "16/15", f"{rng.randint(2, 9)}/{rng.randint(2, 9)}"])
    shape = ratio if codec in SHAPED and container != "avi" else "1"
    depth = 0 if codec.startswith(("libvpx", "mpeg1")) else rng.randint(0, 5 if codec.startswith("libx26") else 2)
    opened = rng.random() < 0.5
    how = f"{codec} in {container}, pixels {shape}, B-frames {depth}{', open' if opened else ''}"
    parts = [_encode(folder / f"part{k}.{container}", codec, depth, opened, shape, rng, 60 * k) for k in range(3)]
    path = folder / f"film.{container}"
    change = rng.choice(
        ["none", "cut", "join", "joined cuts", "bytes"] + ["edits", "matrix", "matrix"] * (container == "mp4")
    )
    if change == "edits":
        _edit(parts[0], path, rng)
    elif change == "matrix":
        number = rng.randrange(len(MATRICES))
        _orient(parts[0], path, MATRICES[number])
        change += f" {number}"
    elif change == "cut":
        _cut(parts[0], path, rng)
    elif change.startswith("join"):
        chosen = parts[: rng.randint(2, 3)]
        if change == "joined cuts":
            cuts = [folder / f"cut{k}.{container}" for k in range(len(chosen))]
            for part, cut in zip(chosen, cuts, strict=True):
                _cut(part, cut, rng)
            chosen = cuts
        try:
            _join(chosen, path)
        except subprocess.CalledProcessError:  # FFmpeg refuses some joints, as of a part without a key frame
            path, change = chosen[0], f"{change}, refused: the first part alone"
    elif change == "bytes" and container in ("ts", "mpg"):  # begins anywhere, as a recording does
        content = parts[0].read_bytes()
        path.write_bytes(content[rng.randrange(len(content) // 2) :] + parts[1].read_bytes())
    else:
        change = "none"
        path = parts[0]
    return path, f"{how}, {change}"


def _encode(path: Path, codec: str, depth: int, opened: bool, shape: str, rng: random.Random, first: int) -> Path:
    count, gop = rng.randint(20, 50), rng.randint(5, 20)
    options: list[object] = ["-c:v", codec, "-pix_fmt", "yuv420p", "-g", gop, "-threads", 1]
    if depth:
        options += ["-bf", depth]
    if codec == "libx264":
        options += ["-x264-params", f"open-gop={int(opened)}:b-adapt=0:b-pyramid=normal"]
    elif codec == "libx265":
        options += ["-x265-params", f"open-gop={int(opened)}:b-adapt=0:log-level=none:pools=none:frame-threads=1"]
    elif codec.startswith("libvpx"):
        options += ["-auto-alt-ref", int(opened), "-lag-in-frames", 10, "-b:v", "500k", "-deadline", "realtime"]
    else:
        options += ["-q:v", 3]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", 25, "-i", "-"]
    run_ffmpeg(*source, "-vf", f"setsar={shape}", *options, path, pixels=numbered(first, count))
    return path


def _cut(source: Path, path: Path, rng: random.Random) -> None:
    start, length = rng.uniform(0, 0.5), rng.uniform(0.2, 1)
    run_ffmpeg("-ss", f"{start:.3f}", "-i", source, "-t", f"{length:.3f}", "-c", "copy", path)
    if not _has_packets(path):
        path.write_bytes(source.read_bytes())


def _has_packets(path: Path) -> bool:
    try:
        with av.open(str(path)) as container:
            return any(packet.size for packet in container.demux(video=0))
    except (av.error.FFmpegError, IndexError):
        return False


def _join(parts: list[Path], path: Path) -> None:
    if path.suffix in (".ts", ".mpg"):
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        return
    listing = path.with_suffix(".txt")
    listing.write_text("".join(f"file '{part}'\n" for part in parts))
    run_ffmpeg("-f", "concat", "-safe", 0, "-i", listing, "-c", "copy", path)


def _orient(source: Path, path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write the display matrix into an MP4's track header."""
    content = bytearray(source.read_bytes())
    place = content.index(b"tkhd") + 44  # version 0
    a, b, c, d = matrix
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def _edit(source: Path, path: Path, rng: random.Random) -> None:
    """Put a random list of edits into an MP4 whose table stands at the end."""
    content = source.read_bytes()
    with av.open(str(source)) as container:
        (stream,) = container.streams.video
        ticks, seconds = 1 / stream.time_base, float(stream.duration * stream.time_base)
    edits, start = [], rng.uniform(0, seconds / 3)
    if rng.random() < 0.3:
        edits.append((rng.randint(40, 400), -1))  # nothing is shown at first
    for _ in range(rng.randint(1, 3)):
        length = rng.uniform(0.1, seconds / 3)
        if start + length > seconds:
            break
        edits.append((round(1000 * length), round(start * ticks)))
        start += length + rng.uniform(0, seconds / 4)
    table = struct.pack(">II", 0, len(edits)) + b"".join(struct.pack(">IiI", *edit, ONE) for edit in edits)
    box = _box(b"edts", _box(b"elst", table))
    moov = content.index(b"moov") - 4
    trak = content.index(b"trak", moov) - 4
    head = content.index(b"tkhd", trak) - 4
    head += int.from_bytes(content[head : head + 4], "big")
    old = int.from_bytes(content[head : head + 4], "big") if content[head + 4 : head + 8] == b"edts" else 0
    grown = bytearray(content[:head] + box + content[head + old :])
    for at in (moov, trak):
        size = int.from_bytes(content[at : at + 4], "big") + len(box) - old
        grown[at : at + 4] = size.to_bytes(4, "big")
    path.write_bytes(grown)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def number_in(image: np.ndarray) -> int:
    """Return the number that a frame shows, of any size and in its stored orientation."""
    height, width = image.shape[:2]
    rows, columns = (np.array([1, 3, 5]) * height) // 6, (np.array([1, 3, 5, 7]) * width) // 8
    bits = image[np.ix_(rows, columns)].mean(-1) > 125
    return int((bits.ravel() << np.arange(12)).sum())
