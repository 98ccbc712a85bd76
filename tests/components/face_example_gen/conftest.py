"""Clips and scenes made here, the embedded sample, real files where they are, and stand-ins for the detector."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import matplotlib
import numpy as np
import pytest
from skimage.data import astronaut

from components.face_example_gen.alignment import TEMPLATE
from components.face_example_gen.detector import Face
from components.face_example_gen.parameters import FaceExampleGenParameters
from components.face_example_gen.reading import FrameReader
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
    path, times, images=None, *, scale=1000, codec="libx264", container=None, b_frames=2, rotation=0, gop=12,
    pix_fmt="yuv420p", options=None,
):  # fmt: skip
    """Write a video with one frame at each of `times` (in 1/`scale` s); by default the frames show their numbers."""
    images = [picture(k) for k in range(len(times))] if images is None else images
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=30, options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pix_fmt, Fraction(1, scale)
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


def write_sizes(path, sizes):
    """Write a film of JPEGs, each of a size (height, width) of its own; they show their numbers in grey."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25, options={"strict": "unofficial"})
        stream.height, stream.width = sizes[0]
        stream.pix_fmt = "yuvj420p"
        for number, size in enumerate(sizes):
            image = np.full((*size, 3), 10 * number + 5, np.uint8)
            packet = av.Packet(cv2.imencode(".jpg", image)[1].tobytes())
            packet.pts = packet.dts = number
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            file.mux(packet)
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
    """Answers every frame with `answer(image)`, near known faces with `near(image, faces)`, and keeps what it was asked."""

    def __init__(self, answer=lambda image: [face()], near=None):
        self.answer, self.near = answer, near or (lambda image, faces: answer(image))
        self.shapes, self.numbers, self.sizes, self.near_numbers = [], [], [], []

    def __call__(self):
        return self

    def detect(self, images, min_face_size):
        found = []
        for image in images:
            self.shapes.append(image.shape)
            self.sizes.append(min_face_size)
            if image.shape == (48, 64, 3):
                self.numbers.append(number_in(image))
            found.append(self.answer(image))
        return found

    def detect_near(self, image, faces):
        self.near_numbers.append(number_in(image))
        return self.near(image, faces)


@pytest.fixture(scope="session")
def clips():
    """What this file offers to the tests."""
    names = (picture, number_in, write_clip, write_sizes, write_sound, cut, face, FakeDetector)
    return SimpleNamespace(**{thing.__name__: thing for thing in names})


@pytest.fixture(scope="session")
def portraits():
    """Two photographs of one face each, RGB uint8."""
    hopper = cv2.imread(f"{matplotlib.get_data_path()}/sample_data/grace_hopper.jpg", cv2.IMREAD_COLOR_RGB)
    return [astronaut(), hopper]


@pytest.fixture(scope="session")
def scene(portraits):
    """scene(seed) is a frame of 24x24 to 400x600 pixels with parts of the portraits in it, and often with noise."""
    parts = [np.ascontiguousarray(portraits[0][:300, 60:360]), np.ascontiguousarray(portraits[1][20:440, 60:500])]

    def make(seed):
        rng = np.random.default_rng(seed)
        height, width = np.exp(rng.uniform(np.log(24), np.log((400, 600)))).astype(int).tolist()
        if rng.random() < 0.3:
            height, width = width, height
        if seed % 4 == 0:  # a part of one portrait fills it, distorted
            part = parts[rng.integers(2)]
            x, y = rng.integers(0, 60, 2)
            side = rng.integers(180, part.shape[0] - 60)
            image = cv2.resize(part[y : y + side, x : x + side], (width, height), interpolation=cv2.INTER_AREA)
        else:  # several lie on a coloured ground
            ground = rng.integers(0, 255, (5, 7, 3)).astype(np.uint8)
            image = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
            for _ in range(rng.integers(1, 5)):
                part = parts[rng.integers(2)]
                side = min(max(int(rng.uniform(0.4, 1) * min(height, width)), 24), height, width)
                part = cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA)
                part = part[:, ::-1] if rng.random() < 0.5 else part
                y, x = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
                image[y : y + side, x : x + side] = part
        noise = rng.normal(0, rng.choice([0, 2, 8, 15]), image.shape)
        return np.clip(image * rng.uniform(0.5, 1.3) + noise, 0, 255).round().astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def real_data():
    """The folder of real files beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("there are no real files in ../shared/data")
    return folder


@pytest.fixture(scope="module")
def reading_of():
    """reading_of(video, count) is a function that gives a `Reading` of it; all share one process."""
    with FrameReader(1, 60.0) as reader:
        under_way = []

        def prepare(video, count):
            def read():
                under_way.clear()  # ends the one before
                reader.count = count
                under_way.append(reader.read([video]))
                return next(under_way[0])[1]

            return read

        yield prepare


@pytest.fixture(scope="session")
def parameters():
    """parameters(**fields) are those of an extraction."""
    return lambda **fields: FaceExampleGenParameters(**fields)


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
