"""Clips written here, the embedded sample, and stand-ins for the detector."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from components.face_example_gen.alignment import TEMPLATE
from components.face_example_gen.detector import Face
from components.video_example_gen.manifest import Video, write_manifest
from components.video_example_gen.sample import make_sample

ROOT = Path(__file__).parents[3]
BLOCK = 16  # a frame of 64x48 shows its number in 12 black or white blocks, which no codec blurs away


def picture(number):
    """A frame that shows its number."""
    bits = np.array([number >> k & 1 for k in range(12)], np.uint8).reshape(3, 4)
    return np.repeat(np.kron(bits * 200 + 25, np.ones((BLOCK, BLOCK), np.uint8))[..., None], 3, axis=2)


def number_in(image):
    """The number that a frame of `picture` shows."""
    bits = image.reshape(3, BLOCK, 4, BLOCK, 3).mean(axis=(1, 3, 4)) > 125
    return sum(1 << k for k, bit in enumerate(bits.ravel()) if bit)


def write_clip(
    path, times, images=None, *, scale=1000, codec="libx264", container=None, b_frames=2, rotation=0, gop=12
):
    """Write a video with one frame at each of `times` (in 1/`scale` s); by default the frames show their numbers."""
    images = [picture(k) for k in range(len(times))] if images is None else images
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=30)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, scale)
        stream.codec_context.gop_size, stream.codec_context.max_b_frames = gop, b_frames
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        for time, image in zip(times, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = int(time), Fraction(1, scale)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def write_sound(path):
    """Write an mp4 with one second of silence and no picture."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8000, layout="mono")
        for k in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 8000, 1000 * k
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def cut(source, target, part=0.5):
    """Copy the first part of a file."""
    content = Path(source).read_bytes()
    Path(target).write_bytes(content[: int(len(content) * part)])
    return target


def face(x=10.0, y=10.0, side=20.0, score=0.9):
    """A face as the detector would give it, upright in its box."""
    landmarks = np.array([x, y]) + TEMPLATE * side / 256
    return Face(np.array([x, y, side, side], np.float32), landmarks.astype(np.float32), score)


class FakeDetector:
    """Answers every frame with `answer(image)` and keeps the numbers of the frames that it saw."""

    def __init__(self, answer=lambda image: [face()]):
        self.answer, self.shapes, self.numbers = answer, [], []

    def __call__(self):
        return self

    def detect(self, image):
        self.shapes.append(image.shape)
        if image.shape == (48, 64, 3):
            self.numbers.append(number_in(image))
        return self.answer(image)


@pytest.fixture(scope="session")
def clips():
    """What this file offers to the tests."""
    names = (picture, number_in, write_clip, write_sound, cut, face, FakeDetector)
    return SimpleNamespace(**{thing.__name__: thing for thing in names})


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """The `Video`s of the smallest embedded sample: 30 clips of 24 frames, 256x256."""
    root = tmp_path_factory.mktemp("sample") / "sample"
    make_sample(root, clips=6)
    videos = []
    for path in sorted(root.glob("**/*.mp4")):
        real = "original_sequences" in path.parts
        method = "real" if real else path.parts[-4]
        videos.append(Video(f"sample/{method}/{path.stem}", str(path), "sample", method, int(not real), "train"))
    assert len(videos) == 30
    return videos


@pytest.fixture
def video(tmp_path):
    """video(path, **fields) makes a manifest line."""

    def make(path, label=0, kind="video", **fields):
        method = ("real", "fake")[label]
        fields = {"video_id": f"d/{method}/{Path(path).stem}", "split": "train", **fields}
        return Video(uri=str(path), dataset="d", method=method, label=label, kind=kind, **fields)

    return make


@pytest.fixture
def manifest(tmp_path):
    """manifest(videos) writes a `videos` artifact and returns its folder."""

    def write(videos, name="videos"):
        write_manifest(str(tmp_path / name), videos)
        return tmp_path / name

    return write


# Started by the test's process, a child counts that one's memory as its own peak; started by a small one it does not.
MEASURE = (
    "import os, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, *sys.argv[1:]])\n"
    "_, status, usage = os.wait4(child.pid, 0)\n"
    "print('PEAK', usage.ru_maxrss)\n"
    "sys.exit(os.waitstatus_to_exitcode(status))\n"
)


@pytest.fixture
def command():
    """command(*arguments) runs the component's command line in a process; gives code, out, err, peak [GB]."""

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        line = [sys.executable, "-c", MEASURE, "-m", "components.face_example_gen", *map(str, arguments)]
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=570, check=False)
        peak = int(done.stdout.split("PEAK ")[1].split()[0]) * 1024 / 1e9
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr, peak=peak)

    return run
