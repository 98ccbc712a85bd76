"""What an extraction gives for a video, a picture and a crop, and how crops are cut and stored."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
from skimage.data import astronaut

from artifacts import crop_decoding, face_examples
from faces import alignment
from faces.alignment import TEMPLATE, align, fit_crop
from faces.decoder import VideoFrames
from faces.detector import MtcnnDetector
from faces.frame_search import MAX_FACES
from faces.reading import FrameReader
from tests.fixtures.extraction import ONCE, pixels


def test_a_video(clip, clips, video, run):
    detector = clips.FakeDetector()
    found, rejects = run(video(clip, label=1), 4, detector)
    assert rejects == [] and [e.frame_index for e in found] == detector.numbers == pytest.approx([5, 15, 25, 35], abs=1)
    for example in found:
        assert (example.label, example.dataset, example.method, example.video_id) == (1, "d", "fake", "d/fake/clip")
        assert example.timestamp == pytest.approx(example.frame_index / 25, abs=1e-6)
        assert example.image_format == "webp" and pixels(example).shape == (256, 256, 3)
        assert tuple(example.box) == (10, 10, 20, 20) and example.score == 0.9
        assert np.allclose(example.landmarks, clips.face().landmarks)
        parsed = face_examples.parse(example.serialize())
        assert parsed["face/landmarks"].shape == (5, 2) and parsed["frame/index"] == example.frame_index


def test_a_crop_needs_no_detector(picture, video, run):
    path, image = picture
    (example,), rejects = run(video(path, kind="crop"))
    assert rejects == [] and np.array_equal(pixels(example), image)
    assert tuple(example.box) == (0, 0, 256, 256) and example.landmarks is None and example.score is None
    assert (example.frame_index, example.timestamp) == (0, 0.0)


def test_a_crop_of_a_clip_is_a_frame_of_it(picture, video, run):
    (example,), _ = run(replace(video(picture[0], kind="crop"), clip="d/real/clip", frame=15))
    assert (example.video_id, example.frame_index) == ("d/real/clip", 15)


def test_a_picture_is_a_video_of_one_frame(picture, clips, video, run):
    detector = clips.FakeDetector(lambda image: [clips.face(80, 80, 100)])
    (example,), rejects = run(video(picture[0], kind="image"), 32, detector)
    assert rejects == [] and detector.shapes == [(256, 256, 3)] and tuple(example.box) == (80, 80, 100, 100)
    found, rejects = run(video(picture[0], kind="image"), 32, clips.FakeDetector(lambda image: []), **ONCE)
    assert found == [] and [(r.scope, r.reason) for r in rejects] == [("frame", "no_face"), ("video", "no_face")]


def test_no_face_is_a_reject_and_each_frame_is_looked_at(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [])
    found, rejects = run(video(clip), 5, detector, **ONCE)
    assert found == [] and len(detector.numbers) == len(set(detector.numbers)) == 5
    assert [(r.scope, r.reason, r.frame) for r in rejects] == [
        *(("frame", "no_face", number) for number in detector.numbers),
        ("video", "no_face", None),
    ]
    assert {(r.video_id, r.uri, r.split, r.label) for r in rejects} == {("d/real/clip", clip, "train", 0)}


def test_some_frames_without_a_face(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [clips.face()] * (clips.number_in(image) > 10))
    found, rejects = run(video(clip), 4, detector)
    assert [e.frame_index for e in found] == detector.numbers[1:]
    assert [(r.scope, r.reason, r.frame) for r in rejects] == [("frame", "no_face", detector.numbers[0])]


def test_the_main_person_is_kept(clip, clips, video, run):
    def answer(image):
        other = clips.face(40, 2, 30 if clips.number_in(image) < 10 else 5)
        return [other, clips.face(2, 2, 25)]

    found, _ = run(video(clip), 4, clips.FakeDetector(answer))
    assert [tuple(e.box) for e in found] == [(2, 2, 25, 25)] * 4


def test_a_crowd_is_capped_at_its_best(clip, clips, video, monkeypatch, run):
    sizes = []
    cut = alignment.align

    def count(image, landmarks, *how):
        sizes.append(np.ptp(landmarks[:, 0]))
        return cut(image, landmarks, *how)

    monkeypatch.setattr(alignment, "align", count)
    crowd = [clips.face(3 * k, 0, 4 + k) for k in range(20)]
    (example,), _ = run(video(clip), 1, clips.FakeDetector(lambda image: crowd))
    assert len(sizes) == MAX_FACES["main"] == 5 and tuple(example.box) == (57, 0, 23, 23)


@pytest.mark.parametrize("place", [np.full((5, 2), 7.0), np.full((5, 2), np.nan)])
def test_landmarks_that_define_no_crop(clip, clips, video, place, run):
    good = clips.face()
    bad = type(good)(good.box, place.astype(np.float32), 0.9)
    detector = clips.FakeDetector(lambda image: [bad if clips.number_in(image) < 10 else good])
    found, rejects = run(video(clip), 4, detector)
    assert len(found) == 3
    assert [(r.scope, r.reason, r.frame) for r in rejects] == [("frame", "degenerate_landmarks", detector.numbers[0])]


def _bad_files(clips, folder):
    """name -> (path, kind, the reason that it is refused for)."""
    whole = clips.write_clip(folder / "whole.mp4", range(0, 1000, 40))
    (folder / "text.mp4").write_text("no video")
    (folder / "text.png").write_text("no picture")
    (folder / "empty.mp4").touch()
    (folder / "folder.png").mkdir()
    return {
        "missing": (folder / "none.mp4", "video", "missing_file"),
        "missing picture": (folder / "none.png", "image", "missing_file"),
        "missing crop": (folder / "none.png", "crop", "missing_file"),
        "text": (folder / "text.mp4", "video", "not_a_video"),
        "text picture": (folder / "text.png", "image", "not_an_image"),
        "text crop": (folder / "text.png", "crop", "not_an_image"),
        "empty": (folder / "empty.mp4", "video", "empty_file"),
        "folder": (folder / "folder.png", "crop", "unreadable_file"),
        "cut": (clips.cut(whole, folder / "cut.mp4"), "video", "not_a_video"),
        "sound": (clips.write_sound(folder / "sound.mp4"), "video", "no_video_stream"),
    }


def test_bad_files_are_refused_with_a_reason_the_same_for_real_and_fake(clips, video, tmp_path, run):
    for name, (path, kind, reason) in _bad_files(clips, tmp_path).items():
        told = []
        for label in (0, 1):
            found, (reject,) = run(video(path, label, kind))
            assert found == [] and (reject.scope, reject.reason, reject.frame) == ("video", reason, None), name
            assert reject.label == label and reject.method == ("real", "fake")[label] and reject.detail
            told.append(reject.detail)
        assert told[0] == told[1]


def test_frames_are_refused_the_same_for_real_and_fake(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [clips.face()] * (clips.number_in(image) % 2))
    (real, real_rejects), (fake, fake_rejects) = (run(video(clip, label), 8, detector) for label in (0, 1))
    assert [e.image for e in real] == [e.image for e in fake]
    rows = [[(r.scope, r.reason, r.detail, r.frame) for r in rejects] for rejects in (real_rejects, fake_rejects)]
    assert rows[0] == rows[1] and 0 < len(rows[0]) < 8


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not hold for root")
@pytest.mark.parametrize("kind", ["video", "image", "crop"])
def test_a_file_that_may_not_be_read(clip, video, tmp_path, kind, run):
    path = tmp_path / "secret.mp4"
    path.write_bytes(b"secret")
    path.chmod(0)
    found, (reject,) = run(video(path, kind=kind))
    assert found == [] and reject.scope == "video" and reject.reason in ("unreadable_file", "not_a_video")


def test_a_damaged_file_gives_its_good_part(clips, video, tmp_path, run):
    whole = clips.write_clip(tmp_path / "whole.mp4", range(0, 4000, 40), container={"movflags": "faststart"})
    path = clips.cut(whole, tmp_path / "cut.mp4", 0.6)
    found, rejects = run(video(path), 4, clips.FakeDetector())
    assert len(found) >= 3
    assert [(r.scope, r.reason) for r in rejects if r.scope != "frame"] == [("part", "damaged_file")]


@pytest.mark.slow
def test_a_detector_that_fails_is_no_reject(clip, clips, video, picture, run):
    """A bug or a missing weights file must stop the run, not turn every video into a reject."""

    def fail(image):
        raise error

    for error in (RuntimeError("broken"), FileNotFoundError(errno.ENOENT, "no weights"), PermissionError("weights")):
        for source in (video(clip), video(picture[0], kind="image")):
            with pytest.raises(type(error)):
                run(source, 2, clips.FakeDetector(fail))

    def unbuilt():
        raise OSError("cannot load the weights")

    with pytest.raises(OSError, match="weights"):
        run(video(clip), 2, unbuilt)


class Reading:
    """Stands for a `Reading` of a file none of whose chosen frames decodes."""

    wanted, damage, marks, info = (3, 9), "all packets are damaged", {}, {}

    def __iter__(self):
        return iter(())


def test_undecodable_frames_are_told_from_frames_without_a_face(clip, clips, video, run, monkeypatch):
    monkeypatch.setattr(FrameReader, "read", lambda self, videos: ((video, Reading()) for video in videos))
    found, rejects = run(video(clip), 2, clips.FakeDetector())
    assert found == [] and [(r.scope, r.reason, r.frame) for r in rejects] == [
        ("frame", "undecodable_frame", 3),
        ("frame", "undecodable_frame", 9),
        ("video", "undecodable", None),
        ("part", "damaged_file", None),
    ]


def test_a_clip_with_the_real_detector(clips, video, tmp_path, run):
    images = [np.roll(astronaut()[:256, 96:352], 2 * k, axis=1) for k in range(24)]
    path = clips.write_clip(tmp_path / "clip.mp4", range(0, 960, 40), images)
    detector = MtcnnDetector()
    found, rejects = run(video(path), 2, lambda: detector)
    assert rejects == [] and [e.frame_index for e in found] == [6, 18]
    for example in found:
        ((again,),) = detector.detect(pixels(example)[None])
        # In the crop, the landmarks lie where the template has them, but for the detector's own jitter.
        assert np.abs(again.landmarks - TEMPLATE).max() < 15


# --- how crops are cut and stored -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("margin", "size"), [(1.3, 256), (2.0, 256), (1.3, 112), (0.9, 300)])
def test_margin_and_size_of_the_crops(clip, clips, video, run, margin, size):
    found, _ = run(video(clip), 2, clips.FakeDetector(), crop_margin=margin, crop_size=size)
    frames = {frame.index: frame.image for frame in VideoFrames(clip, 2)}
    for example in found:
        expected = align(frames[example.frame_index], clips.face().landmarks, margin, size)
        assert expected.shape == (size, size, 3) and np.array_equal(pixels(example), expected)


@pytest.mark.parametrize("size", [112, 256, 300])
def test_a_crop_is_resized(picture, video, run, size):
    path, image = picture
    (example,), _ = run(video(path, kind="crop"), crop_size=size)
    assert np.array_equal(pixels(example), fit_crop(image, size)) and tuple(example.box) == (0, 0, 256, 256)


def test_both_formats_store_the_same_pixels(clip, clips, picture, video, run):
    for source in (video(clip), video(picture[0], kind="crop"), video(picture[0], kind="image")):
        stored = {}
        for image_format in ("png", "webp"):
            found, rejects = run(source, 3, clips.FakeDetector(), image_format=image_format)
            assert rejects == [] and {example.image_format for example in found} == {image_format}
            kinds = {"png": b"\x89PNG", "webp": b"RIFF"}
            assert {example.image[:4] for example in found} == {kinds[image_format]}
            stored[image_format] = [pixels(example) for example in found]
            assert all(np.array_equal(crop_decoding.decode_image(e.image).numpy(), pixels(e)) for e in found)
        assert np.array_equal(stored["png"], stored["webp"]) and len(stored["png"]) == (3 if source.uri == clip else 1)
