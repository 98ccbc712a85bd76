"""Where an extraction looks: again for smaller faces, and near the last ones; what it notes."""

from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from faces.detector import MtcnnDetector
from faces.tracker import overlap
from tests.fixtures.extraction import ONCE, sees_from, told


# --- looking again for smaller faces ----------------------------------------------------------------------------------
def test_a_video_without_a_face_is_looked_at_again_from_20_pixels_on(clip, clips, video, run):
    detector = sees_from(clips, 20)
    found, rejects = run(video(clip), 4, detector)
    assert detector.sizes == [39.8] * 4 + [20.0] * 4 and detector.numbers[:4] == detector.numbers[4:]
    assert [e.frame_index for e in found] == detector.numbers[4:] and told(rejects) == [("note", "smaller_faces", None)]
    assert "39.8" in rejects[0].detail
    # The same as if only the smaller ones had been looked for.
    again, rejects = run(video(clip), 4, sees_from(clips, 20), **ONCE)
    assert [e.image for e in again] == [e.image for e in found] and rejects == []


def test_one_face_in_one_frame_is_enough(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [clips.face()] * (clips.number_in(image) > 30))
    found, rejects = run(video(clip), 4, detector)
    assert len(found) == 1 and detector.sizes == [39.8] * 4
    assert told(rejects) == [("frame", "no_face", number) for number in detector.numbers[:3]]


def test_twenty_pixels_are_looked_for_once(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [])
    assert told(run(video(clip), 3, detector, **ONCE)[1])[-1] == ("video", "no_face", None)
    assert detector.sizes == [20.0] * 3


def test_a_second_look_that_finds_nothing_is_noted_too(clip, clips, video, run):
    detector = clips.FakeDetector(lambda image: [])
    found, rejects = run(video(clip), 3, detector, min_face_size=79.1)
    assert found == [] and detector.sizes == [79.1] * 3 + [20.0] * 3
    frames = [("frame", "no_face", number) for number in detector.numbers[:3]]
    assert told(rejects) == [*frames, ("video", "no_face", None), ("note", "smaller_faces", None)]


def test_a_second_look_at_a_file_that_has_gone(clip, clips, video, tmp_path, run):
    path = tmp_path / "clip.mp4"
    path.write_bytes(Path(clip).read_bytes())

    def vanish(image):
        path.unlink(missing_ok=True)
        return []

    found, rejects = run(video(path), 3, clips.FakeDetector(vanish))
    assert found == [] and told(rejects) == [("video", "missing_file", None)]


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
    detector = sees_from(clips, 20, near=lambda image, faces: [clips.face()])
    found, rejects = run(video(clip), 10, detector, detect_every=4)
    assert len(found) == 10 and told(rejects) == [("note", "smaller_faces", None)]
    assert detector.sizes == [39.8] * 10 + [20.0] * 3 and len(detector.near_numbers) == 7


@pytest.mark.slow
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


# --- notes, and the two classes ---------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def bright_clip(clips, tmp_path_factory):
    """A clip that is marked as having a high dynamic range."""
    path = tmp_path_factory.mktemp("hdr") / "hdr.mp4"
    options = {"x265-params": "transfer=smpte2084:log-level=none"}
    return str(clips.write_clip(path, range(0, 800, 40), codec="libx265", options=options))


def test_high_dynamic_range_is_a_note(bright_clip, clips, video, run):
    found, rejects = run(video(bright_clip), 4, clips.FakeDetector())
    assert len(found) == 4 and told(rejects) == [("note", "hdr", None)] and rejects[0].detail


def test_notes_come_with_a_video_that_gives_nothing_too(bright_clip, clips, video, run):
    _, rejects = run(video(bright_clip), 1, clips.FakeDetector(lambda image: []))
    assert [r.reason for r in rejects] == ["no_face", "no_face", "smaller_faces", "hdr"]


def test_every_rule_is_the_same_for_real_and_fake(clip, bright_clip, clips, video, run):
    some = {"answer": lambda image: [clips.face()] * (clips.number_in(image) % 3)}
    for path, make, fields in (
        (clip, lambda: clips.FakeDetector(**some), {}),
        (clip, lambda: clips.FakeDetector(**some), {"faces": "all"}),
        (clip, lambda: clips.FakeDetector(**some), {"detect_every": 3}),
        (clip, lambda: sees_from(clips, 20), {}),
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
