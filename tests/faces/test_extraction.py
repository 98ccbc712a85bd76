import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from artifacts import crop_decoding, face_examples
from faces import alignment
from faces.alignment import TEMPLATE, align, fit_crop
from faces.decoder import VideoFrames
from faces.detector import MtcnnDetector
from faces.extraction import FaceExtractor
from faces.frame_search import MAX_FACES
from faces.reading import FrameReader
from faces.settings import ExtractionSettings
from faces.tracker import overlap

NEVER = object()  # stands for a detector that must not be asked for
# If nothing is found, larger minimum sizes search twice; this one does not.
ONCE = {"min_face_size": 20.0}


@pytest.fixture(scope="module")
def extractor():
    with FaceExtractor(ExtractionSettings()) as extractor:
        yield extractor


@pytest.fixture
def run(extractor, monkeypatch):
    """run(video, count, detector, **settings) extracts one video: (examples, rejects)."""

    def run(video, count=4, detector=NEVER, **settings):
        def refuse():
            raise AssertionError("the detector was asked for")

        monkeypatch.setattr(extractor, "_get_detector", refuse if detector is NEVER else detector)
        extractor.choose(ExtractionSettings(frames=count, **settings))
        (extraction,) = extractor.extract_all([video])
        return extraction.examples, extraction.rejects

    return run


def _pixels(example):
    return cv2.imdecode(np.frombuffer(example.image, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.fixture(scope="module")
def clip(clips, tmp_path_factory):
    return str(clips.write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", range(0, 1600, 40)))


@pytest.fixture
def picture(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "face.png"), image[..., ::-1])
    return str(tmp_path / "face.png"), image


def test_a_video(clip, clips, video, run):
    detector = clips.FakeDetector()
    found, rejects = run(video(clip, label=1), 4, detector)
    assert rejects == [] and [e.frame_index for e in found] == detector.numbers == pytest.approx([5, 15, 25, 35], abs=1)
    for example in found:
        assert (example.label, example.dataset, example.method, example.video_id) == (1, "d", "fake", "d/fake/clip")
        assert example.timestamp == pytest.approx(example.frame_index / 25, abs=1e-6)
        assert example.image_format == "webp" and _pixels(example).shape == (256, 256, 3)
        assert tuple(example.box) == (10, 10, 20, 20) and example.score == 0.9
        assert np.allclose(example.landmarks, clips.face().landmarks)
        parsed = face_examples.parse(example.serialize())
        assert parsed["face/landmarks"].shape == (5, 2) and parsed["frame/index"] == example.frame_index


def test_a_crop_needs_no_detector(picture, video, run):
    path, image = picture
    (example,), rejects = run(video(path, kind="crop"))
    assert rejects == [] and np.array_equal(_pixels(example), image)
    assert tuple(example.box) == (0, 0, 256, 256) and example.landmarks is None and example.score is None
    assert (example.frame_index, example.timestamp) == (0, 0.0)


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
        ((again,),) = detector.detect(_pixels(example)[None])
        # In the crop, the landmarks lie where the template has them, but for the detector's own jitter.
        assert np.abs(again.landmarks - TEMPLATE).max() < 15


# --- looking again for smaller faces ----------------------------------------------------------------------------------
def _sees_from(clips, least, **more):
    """A detector that finds its face only where faces of `least` pixels are looked for."""
    detector = clips.FakeDetector(lambda image: [clips.face()] * (detector.sizes[-1] <= least), **more)
    return detector


def _told(rejects):
    return [(r.scope, r.reason, r.frame) for r in rejects]


def test_a_video_without_a_face_is_looked_at_again_from_20_pixels_on(clip, clips, video, run):
    detector = _sees_from(clips, 20)
    found, rejects = run(video(clip), 4, detector)
    assert detector.sizes == [39.8] * 4 + [20.0] * 4 and detector.numbers[:4] == detector.numbers[4:]
    assert [e.frame_index for e in found] == detector.numbers[4:] and _told(rejects) == [
        ("note", "smaller_faces", None)
    ]
    assert "39.8" in rejects[0].detail
    # The same as if only the smaller ones had been looked for.
    again, rejects = run(video(clip), 4, _sees_from(clips, 20), **ONCE)
    assert [e.image for e in again] == [e.image for e in found] and rejects == []


def test_one_face_in_one_frame_is_enough(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [clips.face()] * (clips.number_in(image) > 30))
    found, rejects = run(video(clip), 4, detector)
    assert len(found) == 1 and detector.sizes == [39.8] * 4
    assert _told(rejects) == [("frame", "no_face", number) for number in detector.numbers[:3]]


def test_twenty_pixels_are_looked_for_once(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [])
    assert _told(run(video(clip), 3, detector, **ONCE)[1])[-1] == ("video", "no_face", None)
    assert detector.sizes == [20.0] * 3


def test_a_second_look_that_finds_nothing_is_noted_too(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [])
    found, rejects = run(video(clip), 3, detector, min_face_size=79.1)
    assert found == [] and detector.sizes == [79.1] * 3 + [20.0] * 3
    frames = [("frame", "no_face", number) for number in detector.numbers[:3]]
    assert _told(rejects) == [*frames, ("video", "no_face", None), ("note", "smaller_faces", None)]


def test_a_second_look_at_a_file_that_has_gone(clip, clips, video, tmp_path, run):
    path = tmp_path / "clip.mp4"
    path.write_bytes(Path(clip).read_bytes())

    def vanish(image):
        path.unlink(missing_ok=True)
        return []

    found, rejects = run(video(path), 3, clips.FakeDetector(vanish))
    assert found == [] and _told(rejects) == [("video", "missing_file", None)]


# --- one extractor for many videos ------------------------------------------------------------------------------------
def test_many_videos_with_a_second_look_between(clip, clips, video, picture):
    """The detector is built when the first frame needs it, and once."""
    built = []

    def build():
        built.append(_sees_from(clips, 20))
        return built[-1]

    videos = [video(picture[0], kind="crop"), video(clip), video("gone.mp4"), video(clip, label=1)]
    with FaceExtractor(ExtractionSettings(frames=3), make_detector=build) as extractor:
        extractions = extractor.extract_all(videos)
        assert len(next(extractions).examples) == 1 and built == []
        first, gone, last = extractions
        assert len(built) == 1 and built[0].sizes == [39.8] * 3 + [20.0] * 3 + [39.8] * 3 + [20.0] * 3
        assert [example.image for example in first.examples] == [example.image for example in last.examples]
        assert first.info["frames"] == 40 and first.wanted == [example.frame_index for example in first.examples]
        assert gone.examples == [] and gone.wanted == [] and gone.info == {} and len(gone.rejects) == 1
        extractor.close()
        extractor.choose(ExtractionSettings(frames=2, min_face_size=20))
        (extraction,) = extractor.extract_all([video(clip)])
        assert len(extraction.examples) == 2 and extraction.rejects == [] and len(built) == 1


def test_whoever_watches_sees_every_batch_and_may_give_up(clip, clips, video):
    seen = []

    def watch(batch, searched):
        seen.append((searched, batch.indices, [clips.number_in(image) for image in batch.images]))
        if len(seen) == 7:
            raise KeyboardInterrupt

    settings = ExtractionSettings(frames=20)
    with FaceExtractor(settings, make_detector=lambda: _sees_from(clips, 20)) as extractor:
        (extraction,) = extractor.extract_all([video(clip)], watch)
        assert [searched for searched, _, _ in seen] == [8, 16, 20] * 2  # two looks
        assert all(indices == numbers for _, indices, numbers in seen)
        with pytest.raises(KeyboardInterrupt):
            list(extractor.extract_all([video(clip)], watch))
        (again,) = extractor.extract_all([video(clip)])
        assert [e.image for e in again.examples] == [e.image for e in extraction.examples]


def test_an_aborted_video_counts_as_crashed_and_the_next_is_read(clip, clips, video):
    def watch(batch, searched):
        if not aborted:
            aborted.append(searched)
            extractor.abort()

    aborted, settings = [], ExtractionSettings(frames=40)
    with FaceExtractor(settings, make_detector=clips.FakeDetector()) as extractor:
        extractor.abort()  # there is nothing yet
        first, second = extractor.extract_all([video(clip), video(clip)], watch)
    assert 8 <= len(first.examples) < 40 and "crashed" in first.rejects[-1].detail
    assert len(second.examples) == 40 and second.rejects == []


# --- everyone ---------------------------------------------------------------------------------------------------------
def _people(clips):
    """Three people; the order of the detector's answers changes, and one of them goes."""

    def answer(image):
        number = clips.number_in(image)
        large, middle, small = clips.face(2, 2, 25 + number % 3), clips.face(34, 2, 20), clips.face(34, 30, 14)
        faces = [small, large, middle] if number % 2 else [middle, small, large]
        return faces[: 2 if number > 30 else 3]

    return clips.FakeDetector(answer)


def test_all_faces_are_kept_each_with_its_track(clip, clips, video, run):
    found, rejects = run(video(clip), 7, _people(clips), faces="all")
    assert rejects == []
    by_frame = {}
    for example in found:
        by_frame.setdefault(example.frame_index, []).append(example)
    assert len(by_frame) == 7
    for number, of_frame in by_frame.items():
        tracks = [example.track for example in of_frame]
        # Even ones answer (middle, small, large), odd ones (small, large, middle): the third goes after frame 30.
        assert tracks == ([0, 1, 2] if number <= 30 else [0, 2] if number % 2 else [1, 2])
        sides = {example.track: example.box[2] for example in of_frame}
        assert all(side == {0: 25 + number % 3, 1: 20, 2: 14}[track] for track, side in sides.items())
        assert [int(face_examples.parse(e.serialize())["face/track"]) for e in of_frame] == tracks


def test_the_main_face_is_the_first_track_of_all(clip, clips, video, run):
    main, rejects = run(video(clip), 10, _people(clips))
    everyone, _ = run(video(clip), 10, _people(clips), faces="all")
    first = [example for example in everyone if example.track == 0]
    assert [e.serialize() for e in main] == [e.serialize() for e in first] and 0 < len(first) < 10
    gone = [r.frame for r in rejects]
    assert {(r.scope, r.reason, r.detail) for r in rejects} == {("frame", "no_face", "the main face is not in it")}
    assert sorted(gone + [e.frame_index for e in main]) == sorted({e.frame_index for e in everyone})


def test_all_of_a_crowd_are_capped_at_the_best(clip, clips, video, run):
    crowd = [clips.face(60 * k, 0, 4 + k % 50) for k in range(50)]
    found, rejects = run(video(clip), 2, clips.FakeDetector(lambda image: crowd), faces="all")
    assert len(found) == 2 * MAX_FACES["all"] == 64 and rejects == []
    for index in {example.frame_index for example in found}:
        of_frame = [example for example in found if example.frame_index == index]
        assert sorted(example.box[2] for example in of_frame) == list(range(22, 54))
        assert [example.track for example in of_frame] == list(range(32))


def test_landmarks_that_define_no_crop_cost_their_own_face_only(clip, clips, video, run):
    good, other = clips.face(2, 2, 12), clips.face(30, 2, 25)
    bad = type(other)(other.box, np.full((5, 2), 7, np.float32), 0.9)
    found, rejects = run(video(clip), 3, clips.FakeDetector(lambda image: [bad, good]), faces="all")
    assert [example.track for example in found] == [1, 1, 1] and rejects == []
    found, rejects = run(video(clip), 3, clips.FakeDetector(lambda image: [bad, bad]), faces="all")
    assert found == [] and {(r.scope, r.reason) for r in rejects[:3]} == {("frame", "degenerate_landmarks")}


# --- searching the whole of some frames only --------------------------------------------------------------------------
@pytest.mark.parametrize(("every", "count"), [(1, 20), (3, 20), (8, 20), (40, 20), (7, 1)])
def test_the_whole_of_every_kth_frame_is_searched(clip, clips, video, run, every, count):
    """Over more than one batch."""
    detector = clips.FakeDetector()
    found, rejects = run(video(clip), count, detector, detect_every=every)
    order = [example.frame_index for example in found]
    assert rejects == [] and len(order) == count
    assert detector.numbers == order[::every] and set(detector.sizes) == {39.8}
    assert detector.near_numbers == [number for k, number in enumerate(order) if k % every]


def test_the_faces_seen_last_are_what_is_looked_near(clip, clips, video, run):
    """Each is one pixel on from the one before, and the full search begins anew at 100."""
    known = []

    def near(image, faces):
        known.append([float(face.box[0]) for face in faces])
        return [clips.face(faces[0].box[0] + 1, 5, 20)]

    detector = clips.FakeDetector(lambda image: [clips.face(100, 5, 20)], near)
    found, _ = run(video(clip), 12, detector, detect_every=5)
    assert [example.box[0] for example in found] == [100, 101, 102, 103, 104, 100, 101, 102, 103, 104, 100, 101]
    assert known == [[x] for x in (100, 101, 102, 103, 100, 101, 102, 103, 100)]


def test_a_frame_without_a_face_nearby_is_searched_whole(clip, clips, video, run):
    detector = clips.FakeDetector(near=lambda image, faces: [clips.face()] * (clips.number_in(image) < 20))
    found, rejects = run(video(clip), 10, detector, detect_every=100)
    order = [example.frame_index for example in found]
    assert rejects == [] and len(order) == 10
    assert detector.near_numbers == order[1:] and detector.numbers == [order[0], *(n for n in order if n >= 20)]


def test_where_nobody_was_seen_the_whole_frame_is_searched(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [clips.face()] * (clips.number_in(image) >= 20))
    found, rejects = run(video(clip), 10, detector, detect_every=4)
    assert [r.reason for r in rejects] == ["no_face"] * 5 and len(found) == 5
    assert detector.near_numbers == [r.frame_index for r in found[1:] if (r.frame_index - 2) // 4 % 4]
    assert len(detector.numbers) + len(detector.near_numbers) == 10


def test_a_second_look_also_searches_the_whole_of_every_kth_frame(clip, clips, video, run):
    detector = _sees_from(clips, 20, near=lambda image, faces: [clips.face()])
    found, rejects = run(video(clip), 10, detector, detect_every=4)
    assert len(found) == 10 and _told(rejects) == [("note", "smaller_faces", None)]
    assert detector.sizes == [39.8] * 10 + [20.0] * 3 and len(detector.near_numbers) == 7


def test_searching_near_with_the_real_detector(clips, video, tmp_path, run):
    """A face that crosses the picture: the same frames, and boxes that differ by little."""
    ground = np.full((256, 384, 3), 90, np.uint8)
    images = []
    for k in range(24):
        image = ground.copy()
        image[20:240, 4 * k : 4 * k + 220] = astronaut()[10:230, 115:335]
        images.append(image)
    path = clips.write_clip(tmp_path / "clip.mp4", range(0, 960, 40), images)
    detector = MtcnnDetector()
    whole, rejects = run(video(path), 12, lambda: detector)
    assert len(whole) == 12 and rejects == []
    near, rejects = run(video(path), 12, lambda: detector, detect_every=6)
    assert [e.frame_index for e in near] == [e.frame_index for e in whole] and rejects == []
    shared = [overlap(a.box, b.box) for a, b in zip(near, whole, strict=True)]
    assert shared[0] > 0.999 and shared[6] > 0.999 and min(shared) > 0.8


# --- how crops are cut and stored -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("margin", "size"), [(1.3, 256), (2.0, 256), (1.3, 112), (0.9, 300)])
def test_margin_and_size_of_the_crops(clip, clips, video, run, margin, size):
    found, _ = run(video(clip), 2, clips.FakeDetector(), crop_margin=margin, crop_size=size)
    frames = {frame.index: frame.image for frame in VideoFrames(clip, 2)}
    for example in found:
        expected = align(frames[example.frame_index], clips.face().landmarks, margin, size)
        assert expected.shape == (size, size, 3) and np.array_equal(_pixels(example), expected)


@pytest.mark.parametrize("size", [112, 256, 300])
def test_a_crop_is_resized(picture, video, run, size):
    path, image = picture
    (example,), _ = run(video(path, kind="crop"), crop_size=size)
    assert np.array_equal(_pixels(example), fit_crop(image, size)) and tuple(example.box) == (0, 0, 256, 256)


def test_both_formats_store_the_same_pixels(clip, clips, picture, video, run):
    for source in (video(clip), video(picture[0], kind="crop"), video(picture[0], kind="image")):
        stored = {}
        for image_format in ("png", "webp"):
            found, rejects = run(source, 3, clips.FakeDetector(), image_format=image_format)
            assert rejects == [] and {example.image_format for example in found} == {image_format}
            kinds = {"png": b"\x89PNG", "webp": b"RIFF"}
            assert {example.image[:4] for example in found} == {kinds[image_format]}
            stored[image_format] = [_pixels(example) for example in found]
            assert all(np.array_equal(crop_decoding.decode_image(e.image).numpy(), _pixels(e)) for e in found)
        assert np.array_equal(stored["png"], stored["webp"]) and len(stored["png"]) == (3 if source.uri == clip else 1)


# --- notes, and the two classes ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def bright_clip(clips, tmp_path_factory):
    """A clip that is marked as having a high dynamic range."""
    path = tmp_path_factory.mktemp("hdr") / "hdr.mp4"
    options = {"x265-params": "transfer=smpte2084:log-level=none"}
    return str(clips.write_clip(path, range(0, 800, 40), codec="libx265", options=options))


def test_high_dynamic_range_is_a_note(bright_clip, clips, video, run):
    found, rejects = run(video(bright_clip), 4, clips.FakeDetector())
    assert len(found) == 4 and _told(rejects) == [("note", "hdr", None)] and rejects[0].detail


def test_notes_come_with_a_video_that_gives_nothing_too(bright_clip, clips, video, run):
    _, rejects = run(video(bright_clip), 1, clips.FakeDetector(lambda image: []))
    assert [r.reason for r in rejects] == ["no_face", "no_face", "smaller_faces", "hdr"]


def test_every_rule_is_the_same_for_real_and_fake(clip, bright_clip, clips, video, run):
    some = {"answer": lambda image: [clips.face()] * (clips.number_in(image) % 3)}
    for path, make, fields in (
        (clip, lambda: clips.FakeDetector(**some), {}),
        (clip, lambda: clips.FakeDetector(**some), {"faces": "all"}),
        (clip, lambda: clips.FakeDetector(**some), {"detect_every": 3}),
        (clip, lambda: _sees_from(clips, 20), {}),
        (clip, lambda: clips.FakeDetector(lambda image: []), {"min_face_size": 56.1}),
        (bright_clip, lambda: clips.FakeDetector(), {"crop_margin": 2, "crop_size": 64, "image_format": "png"}),
    ):
        told = []
        for label in (0, 1):
            found, rejects = run(video(path, label), 8, make(), **fields)
            assert {r.label for r in rejects} <= {label} and {e.label for e in found} <= {label}
            rows = [(e.image, e.frame_index, e.timestamp, tuple(e.box), e.score, e.track) for e in found]
            told.append((rows, [(r.scope, r.reason, r.detail, r.frame) for r in rejects]))
        assert told[0] == told[1] and (told[0][0] or told[0][1])
