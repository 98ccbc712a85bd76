from fractions import Fraction

import cv2
import numpy as np
import pytest

from artifacts.preprocessing import Preprocessing
from faces import reencoding
from faces.alignment import TEMPLATE, align
from faces.decoder import DecodeError, VideoFrames
from faces.reading import FrameReader
from faces.reencoding import ALL_FRAMES, PROFILES, Coding, WantedFace, missing_encoder, recoded_crops

STRENGTHS = {"h264": (23, 40), "h265": (28, 42), "vp9": (32, 52), "messenger": (480, 240)}
HOW = Preprocessing()


def landmarks(side=90, x=20, y=5):
    """Of a face that fills a square of the frame."""
    return np.asarray(TEMPLATE * side / 256 + (x, y), np.float32)


@pytest.fixture(scope="module")
def moving(portraits):
    """moving(width, height, count) gives frames: a portrait that moves, with noise."""

    def make(width=160, height=120, count=9):
        rng, images = np.random.default_rng(0), []
        for k in range(count):
            part = np.ascontiguousarray(portraits[0][6 * k : 6 * k + 240, 100 + 8 * k : 420 + 8 * k])
            image = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
            images.append(np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8))
        return images

    return make


@pytest.fixture
def crops_of(video):
    """crops_of(path, frames, codings, landmarks, how) cuts the same face out of some frames."""

    def cut(path, frames, codings, points=None, how=HOW, watch=lambda count: None):
        faces = [WantedFace(frame, landmarks() if points is None else points) for frame in frames]
        with FrameReader(ALL_FRAMES, 60) as reader:
            return recoded_crops(reader, video(path), faces, codings, how, watch)

    return cut


def error(one, other):
    return float(np.mean((one.astype(float) - other) ** 2))


@pytest.mark.slow
def test_the_same_faces_and_only_the_coding_differs(clips, moving, crops_of, tmp_path):
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 360, 40), moving(), options={"crf": "8"})
    wanted, coded = [0, 3, 4, 8], []
    codings = [PROFILES[name](strength) for name, of in STRENGTHS.items() for strength in of]
    crops = crops_of(path, wanted, codings, watch=coded.append)
    assert crops.shape == (9, 4, 256, 256, 3) and crops.dtype == np.uint8 and sum(coded) == 9
    frames = {frame.index: frame.image for frame in VideoFrames(str(path), 1000)}
    for number, frame in enumerate(wanted):
        assert np.array_equal(crops[0, number], align(frames[frame], landmarks())), "as extraction cuts it"
    for number, (name, strength) in enumerate((name, strength) for name, of in STRENGTHS.items() for strength in of):
        for k in range(4):
            errors = [error(crops[number + 1, k], crops[0, other]) for other in range(4)]
            assert 0 < errors[k] == min(errors), (name, strength, "frame for frame")
        shift = crops[number + 1].mean(axis=(0, 1, 2)) - crops[0].mean(axis=(0, 1, 2))
        assert np.abs(shift).max() < 4, (name, strength, "no colour changes its place")
    for number in (1, 3, 5):
        assert error(crops[number + 1], crops[0]) > 1.3 * error(crops[number], crops[0]), "stronger"
    again = crops_of(path, wanted, codings)
    assert np.array_equal(again, crops), "the same every time"


def test_a_good_coding_changes_next_to_nothing(clips, moving, crops_of, tmp_path):
    """Hence what a strong one changes is its own doing: not the colours' conversion, not the frames, not the place."""
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 360, 40), moving(), options={"crf": "20"})
    uncoded, coded = crops_of(path, [1, 7], [Coding("libx264", {"crf": "1"})])
    assert error(uncoded, coded) < 8 and np.abs(uncoded.mean((0, 1, 2)) - coded.mean((0, 1, 2))).max() < 1.5


def test_odd_sides_and_films_that_are_turned(clips, moving, crops_of, tmp_path):
    """Coordinates are those of what a player shows."""
    images = moving(133, 101, 4)
    path = clips.write_clip(
        tmp_path / "a.mkv", range(0, 160, 40), images, codec="ffv1", pix_fmt="bgr0", b_frames=0, gop=1
    )
    uncoded, coded = crops_of(path, [2], [Coding("libx264", {"crf": "1"})])
    assert error(uncoded, coded) < 15, "coloured noise, of which half is coded"
    path = clips.write_clip(tmp_path / "t.mp4", range(0, 160, 40), moving(160, 120, 4), rotation=90)
    uncoded, coded = crops_of(path, [2], [Coding("libx264", {"crf": "1"})], landmarks(60, 30, 60))
    frame = list(VideoFrames(str(path), 1000))[2].image
    assert frame.shape == (160, 120, 3) and np.array_equal(uncoded[0], align(frame, landmarks(60, 30, 60)))
    assert error(uncoded, coded) < 10


def test_a_messenger_shrinks_large_films_only(clips, moving, crops_of, tmp_path):
    points = landmarks(300, 200, 60)
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 160, 40), moving(720, 540, 4), options={"crf": "12"})
    sharp = Coding("libx264", {"crf": "1"})
    crops = crops_of(path, [1], [sharp, sharp._replace(lines=540), sharp._replace(lines=135)], points)
    assert np.array_equal(crops[1], crops[2]) and error(crops[3], crops[0]) > 3 * error(crops[1], crops[0])
    # A quarter of the size, and at its place still: no shifted copy of the original is nearer.
    small = cv2.GaussianBlur(crops[0, 0], (0, 0), 2.5).astype(float)
    inner = crops[3, 0, 16:-16, 16:-16]
    shifts = {(x, y): error(inner, small[16 + y : 240 + y, 16 + x : 240 + x]) for x in (-2, 0, 2) for y in (-2, 0, 2)}
    assert min(shifts, key=shifts.get) == (0, 0)
    coding = PROFILES["messenger"](240)
    assert coding.lines == 240 and coding.bits == 172_800 and PROFILES["h264"](40).options["crf"] == "40"


def test_the_bitrate_of_a_messenger_holds(clips, portraits, tmp_path):
    """Noise would take far more."""
    rng, coding = np.random.default_rng(1), PROFILES["messenger"](240)
    encoder = reencoding._Encoder(coding, (360, 640), Fraction(25))
    encoder.add(rng.integers(0, 255, (100, 360, 640, 3)).astype(np.uint8))
    encoder.crops([], range(100), HOW)
    bits = 8 * len(encoder._bytes.getvalue()) / 4
    assert 0.3 * coding.bits < bits < 1.6 * coding.bits


def test_what_cannot_be_coded_says_why(clips, moving, crops_of, tmp_path):
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 160, 40), moving(count=4))
    with pytest.raises(DecodeError, match="frame 4, in which a face was found, does not decode any more"):
        crops_of(path, [0, 4], [])
    with pytest.raises(DecodeError) as raised:
        crops_of(tmp_path / "moved.mp4", [0], [])
    assert raised.value.reason == "missing_file"
    with pytest.raises(DecodeError, match="several sizes"):
        crops_of(clips.write_sizes(tmp_path / "b.mov", [(48, 64), (48, 64), (64, 48)]), [0, 2], [PROFILES["h264"](23)])
    with pytest.raises(DecodeError, match="a face has no crop"):
        crops_of(path, [0], [], np.zeros((5, 2)))


def test_a_missing_encoder_is_named(monkeypatch):
    assert [missing_encoder(name) for name in PROFILES] == [None] * 4
    monkeypatch.setitem(PROFILES, "vp9", lambda crf: Coding("libnone", {}))
    assert missing_encoder("vp9") == "libnone"
