"""The embedded sample: a small data set in FaceForensics++'s layout, made from two photographs in its dependencies.

It lets every stage run on a fresh machine without downloading data. All its clips show the same two people, and its
fakes are drawn by a few lines of code (`sample_clips.py`): figures measured on it say nothing about real fakes.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import av
import numpy as np

from artifacts.errors import InputError
from commands.parser import CommandParser
from commands.progress import bar
from commands.terminal import guard_terminal
from components.video_example_gen.sample_clips import MANIPULATIONS, RATE, SIZE, film, forge, people

VERSION = 1  # incremented whenever the same clips and seed give different videos
STAMP = "sample.json"
REMARK = "It is made from two photographs; figures measured on it say nothing about real fakes."


def splits(clips: int, seed: int) -> dict[str, list[list[str]]]:
    """Pair every even clip with an odd one and divide the pairs: {"train": [["004", "011"], ...], "val": ...}.

    Args:
        clips: number of real clips; three fifths go to training.
        seed: decides the pairs.
    """
    rng = np.random.default_rng(seed)
    even, odd = rng.permutation(np.arange(0, clips, 2)), rng.permutation(np.arange(1, clips, 2))
    pairs = [[f"{a:03}", f"{b:03}"] for a, b in zip(even, odd, strict=True)]
    held = max(1, round(len(pairs) / 5))
    return {"train": pairs[2 * held :], "val": pairs[:held], "test": pairs[held : 2 * held]}


def make_sample(root: Path | str, clips: int = 30, seed: int = 0) -> None:
    """Make the sample, unless it already exists; `root` appears only when it is complete.

    Args:
        root: the folder to create.
        clips: number of real clips, even, from 6 to 1000; there are four times as many fakes.
        seed: 0 or more; the same seed gives the same bytes on the same machine.

    Raises:
        InputError: `clips` or `seed` is out of range, or `root` holds something else or cannot be created.
    """
    if clips % 2 or not 6 <= clips <= 1000:
        raise InputError(f"clips is {clips}; it must be an even number from 6 to 1000")
    if seed < 0:
        raise InputError(f"seed is {seed}; it must be 0 or more")
    root = Path(root).absolute()
    stamp = {"clips": clips, "seed": seed, "version": VERSION}
    if _holds(root, stamp):
        return
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-")
    except OSError as error:
        raise InputError(
            f"{root}: cannot be created ({error.strerror}); choose a folder that can be written"
        ) from error
    with temporary as folder:
        made = Path(folder) / root.name
        _write(made, clips, seed)
        (made / STAMP).write_text(json.dumps({**stamp, "remark": REMARK}, indent=2) + "\n")
        try:
            os.rename(made, root)
        except OSError:
            # Another process may have made the same sample in the meantime.
            if not _holds(root, stamp):
                raise


def _holds(root: Path, stamp: Mapping[str, int]) -> bool:
    """Tell whether the folder holds this sample (True) or nothing (False).

    Raises:
        InputError: it holds something else.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        found = json.loads((root / STAMP).read_text())
        same = stamp.items() <= found.items()
    except (OSError, ValueError, AttributeError):
        raise InputError(f"{root}: exists and is not an embedded sample; choose another folder or remove it") from None
    if not same:
        other = ", ".join(f"{key} {found.get(key)}, not {stamp[key]}" for key in stamp if found.get(key) != stamp[key])
        raise InputError(f"{root}: holds another embedded sample ({other}); choose another folder or remove it")
    return True


def _write(root: Path, clips: int, seed: int) -> None:
    shares = splits(clips, seed)
    (root / "splits").mkdir(parents=True)
    for split, pairs in shares.items():
        (root / "splits" / f"{split}.json").write_text(json.dumps(pairs, indent=2) + "\n")
    videos, total = _videos(chain(*shares.values()), seed), clips * (1 + len(MANIPULATIONS))
    for path, frames in bar(videos, desc="embedded sample", total=total, unit="video"):
        _encode(root / path, frames)


def _videos(pairs: Iterable[Sequence[str]], seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield path and frames of each clip of each pair, and of its fakes."""
    for a, b in pairs:
        first, second = (film(people()[int(name) % 2], np.random.default_rng([seed, int(name)])) for name in (a, b))
        for name, other, target, source in ((a, b, first, second), (b, a, second, first)):
            yield f"original_sequences/youtube/c23/videos/{name}.mp4", target.frames
            for number, (method, manipulation) in enumerate(MANIPULATIONS.items()):
                rng = np.random.default_rng([seed, int(name), int(other), number])
                path = f"manipulated_sequences/{method}/c23/videos/{name}_{other}.mp4"
                yield path, forge(manipulation, target, source, rng)


def _encode(path: Path, frames: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
        # With several threads, x264's bytes depend on their number.
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 0, or 2 for an error that the user can fix."""
    guard_terminal()
    parser = CommandParser(
        prog="python -m components.video_example_gen.sample",
        description="Make the embedded sample: a small data set in FaceForensics++'s layout, with real clips, four "
        "kinds of fakes and split files. Nothing is downloaded. " + REMARK,
        epilog="example: python -m components.video_example_gen.sample --out data/sample    (30 real clips, 120 fakes)",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="created unless it already holds this sample")
    parser.add_argument("--clips", type=int, default=30, help="real clips, an even number from 6 (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other clips (default %(default)s)")
    given = parser.parse_args(arguments)
    try:
        make_sample(given.out, given.clips, given.seed)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"the embedded sample is in {given.out}. {REMARK}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
