"""A made-up clip with three people in it, and what is found in pictures and in files that are none."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from artifacts.face_examples import FaceExample
from artifacts.preprocessing import Preprocessing
from artifacts.rejects import Reject
from serving.verdict.aggregation import verdict_of
from serving.verdict.finding import Found
from serving.verdict.reliance import why_not_judged
from serving.verdict.scores import FaceScores
from serving.verdict.thumbnails import thumbnail
from serving.verdict.verdict_options import VerdictOptions

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&\u2028'\".mp4"
FRAMES = range(0, 48, 4)
FIGURE = {"value": 0.812, "low": 0.7, "high": 0.9, "reason": None}
NONE = {"value": None, "low": None, "high": None, "reason": "6 real examples; it needs 100"}
CARD = {
    "name": "paper",
    "recipe": {"backbone": "resnet34", "image_size": 112},
    "trained_on": [
        {"dataset": "ffpp", "method": "df", "label": 1, "videos": 720, "faces": 23040},
        {"dataset": "ffpp", "method": "real", "label": 0, "videos": None, "faces": None},
    ],
    "calibration": None,
    "tested_on": [
        {"dataset": "ffpp", "method": None, "level": level, "real": real, "fake": 560, "auc": FIGURE, "tpr_1": NONE}
        for level, real in (("video", 140), ("frame", 4480))
    ],
    "unknown": "Fakes by other means.",
    "small_faces": {"sides": {"32": {"auc": 0.825, "reals_called_fake": 0.418}}, "so": "they are shown"},
    "clips": {"verdicts": [{"clip": "004_982", "label": "fake", "verdict": "real", "fake_probability": 0.0132}]},
    "caveats": {"ffpp": "its test split is small"},
    "date": "2026-11-25",
}


def encode(image, **options):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "WEBP", **options)
    return stream.getvalue()


def face(track, index, size):
    """A face whose crop and place tell who and when it is."""
    crop = np.full((256, 256, 3), (60 * track, 5 * index, 90), np.uint8)
    box = (20.0 + 100 * track, 30.0, size, size)
    return FaceExample(
        encode(crop, lossless=True), "webp", 0, "", "", "clip", index, index / 12, box, None, 0.99, track=track
    )


def of_clip(name, model):
    """Face 1 looks fake and is away for two frames, face 2 is too small, face 3 is seen twice."""
    seen = {0: [index for index in FRAMES if index not in (16, 20)], 1: FRAMES, 2: FRAMES[:2]}
    sizes = {0: 80.0, 1: 20.0, 2: 60.0}
    examples = [face(track, index, sizes[track]) for index in FRAMES for track in seen if index in seen[track]]
    rejects = [Reject(name, name, "", "", 0, "", "note", "hdr", "high dynamic range, taken as it is")]
    frames = {index: thumbnail(np.full((240, 320, 3), 5 * index, np.uint8)) for index in FRAMES}
    info = {"width": 320, "height": 240, "frames": 48, "seconds": 4.0}
    found = Found(name, "video", examples, rejects, len(FRAMES), info, frames)
    logits = np.array([2 + np.sin(example.frame_index) - 3 * (example.track == 2) for example in examples], np.float32)
    heat = {
        (example.track, example.frame_index): np.linspace(0, 1, 256 * 256, dtype=np.float32).reshape(256, 256)
        for example in examples
        if example.track == 0
    }
    return conclude(found, logits, model), found, heat


def of_picture(name, model, faces=2):
    examples = [face(track, 0, 70.0) for track in range(faces)]
    info = {"width": 320, "height": 240, "frames": 1, "seconds": 0.0}
    found = Found(name, "image", examples, [], 1, info, {0: thumbnail(np.zeros((240, 320, 3), np.uint8))})
    if not faces:
        found.rejects.append(Reject(name, name, "", "", 0, "", "video", "no_face", "no face was found"))
    return conclude(found, np.array([-4.0, -1.0][:faces], np.float32), model), found, {}


def of_nothing(name, model):
    reject = Reject(name, name, "", "", 0, "", "video", "not_a_video", "cannot be opened as a video")
    found = Found(name, None, [], [reject], 0, {})
    return conclude(found, np.zeros(0, np.float32), model), found, {}


def conclude(found, logits, model):
    scores = FaceScores(logits, 1 / (1 + np.exp(-logits)), np.tanh(-logits))
    return verdict_of(found, scores, VerdictOptions(), None, model)


@pytest.fixture(scope="session")
def made():
    """Files as (verdict, found, heat): `clip`, `picture`, `nobody`, `nothing`; functions that make more, and names."""
    model = {"name": "deepfake", "version": 7, "digest": "0123456789abcdef", "calibrated": False, "card": CARD}
    model |= {"not_judged": None, "readout": None, "calibration_problem": None}
    model["preprocessing"] = Preprocessing().as_dict()
    bare = {"name": "model", "version": None, "digest": "0123456789abcdef", "calibrated": True, "card": None}
    bare |= {"preprocessing": model["preprocessing"], "not_judged": why_not_judged(None), "readout": None}
    return SimpleNamespace(
        clip=of_clip(HOSTILE, model),
        picture=of_picture("two.jpg", bare),
        nobody=of_picture("empty street.jpg", model | {"card": {"tested_on": None, "caveats": None}}, faces=0),
        nothing=of_nothing("notes.mp4", bare),
        HOSTILE=HOSTILE,
        FRAMES=FRAMES,
    )
