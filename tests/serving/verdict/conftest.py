"""Clips and pictures made here, and stand-ins for the face detector and the model."""

import json
from fractions import Fraction
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from artifacts.face_examples import FaceExample
from artifacts.rejects import Reject
from faces.alignment import TEMPLATE
from faces.detector import Face
from faces.extraction import FaceExtractor
from serving.verdict.aggregation import verdict_of as aggregate
from serving.verdict.finding import Found
from serving.verdict.scores import FaceScores

MODEL = {
    "name": "m", "version": None, "digest": "d", "calibrated": False, "readout": None, "preprocessing": {},
    "not_judged": None, "card": None,
}  # fmt: skip
SIDE = 60.0  # of a face that the stand-in finds


class Halves:
    """A detector that sees a face in each half of a frame that is not black; to `Brightness` bright ones are fake.

    Where a frame's first pixel is bright green it fails. `asked` keeps the sizes that it was asked for.
    """

    def __init__(self, score=0.99):
        self.score, self.asked = score, []

    def detect(self, images, min_face_size):
        self.asked.append(min_face_size)
        return [self._of(image) for image in images]

    def _of(self, image):
        if image[0, 0, 1] > 200 and image[0, 0, 0] < 60:
            raise RuntimeError("what nobody foresaw")
        width = image.shape[1]
        faces = []
        for number, half in enumerate((image[:, : width // 2], image[:, width // 2 :])):
            if half.mean() > 10:
                side = SIDE - 6 * number  # the left one is the main one
                corner = np.array([number * width / 2 + 10, 12])
                box = np.array([*corner, side, side], np.float32)
                faces.append(Face(box, (corner + TEMPLATE * side / 256).astype(np.float32), self.score))
        return faces


def picture(left, right, size=(96, 192)):
    """A picture of two grey halves, RGB uint8 [96, 192, 3]."""
    image = np.zeros((*size, 3), np.uint8)
    image[:, : size[1] // 2], image[:, size[1] // 2 :] = left, right
    return image


def write_picture(path, *grey, **options):
    """Write `picture(*grey)`; returns the path as text."""
    cv2.imwrite(str(path), picture(*grey, **options))
    return str(path)


def write_clip(path, images, times=None, rotation=0, codec="libx264"):
    """Write a film, one frame at each of `times` (in thousandths of a second; 25 frames a second by default)."""
    times = [40 * k for k in range(len(images))] if times is None else times
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25, options={"crf": "10"} if codec == "libx264" else {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for time, image in zip(times, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return str(path)


def read_clip(path):
    """(seconds, RGB image) of every frame of a film."""
    with av.open(str(path)) as file:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]


def example(track, index, size=80.0, score=0.99, image=b""):
    """A face as extraction gives it."""
    return FaceExample(
        image, "webp", 0, "", "", "f", index, index / 25, (5.0, 6.0, size - 8, size), None, score, track=track
    )


def reject(scope, reason, detail="", frame=None):
    return Reject("f", "f", "", "", 0, "", scope, reason, detail, frame)


def found_of(rows, kind="video", wanted=32, rejects=(), **fields):
    """(`Found`, scores) of rows (track, frame index, logit) in any order; `fields` are `example`'s."""
    examples = [example(track, index, **fields) for track, index, _ in rows]
    logit = np.array([row[2] for row in rows], np.float32)
    scores = FaceScores(logit, 1 / (1 + np.exp(-logit)), -logit / 10)
    info = {"width": 640, "height": 480, "frames": 250, "seconds": 10.0}
    return Found("clip.mp4", kind, examples, list(rejects), wanted, info), scores


def verdict_of(found, scores, options, calibration=None, model=MODEL):
    return aggregate(found, scores, options, calibration, model)


def parse(text):
    """JSON without NaN and infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="session")
def made(brightness):
    """What this file offers to the tests, and `Brightness`."""
    names = (
        Halves, brightness, picture, write_picture, write_clip, read_clip, example, reject, found_of, verdict_of, parse,
    )  # fmt: skip
    return SimpleNamespace(**{thing.__name__: thing for thing in names})


@pytest.fixture
def halves(monkeypatch):
    """Every `FaceExtractor` of the test detects by this `Halves`."""
    detector = Halves()
    monkeypatch.setattr(FaceExtractor, "_get_detector", lambda self: detector)
    return detector


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """Films of 20 frames, 192x96, name -> path: `fake` (bright, dark), `real`, `empty`, `two` (both bright)."""
    folder = tmp_path_factory.mktemp("films")
    greys = {"fake": (220, 40), "real": (40, 50), "empty": (0, 0), "two": (200, 230)}
    return {name: write_clip(folder / f"{name}.mp4", [picture(*grey)] * 20) for name, grey in greys.items()}
