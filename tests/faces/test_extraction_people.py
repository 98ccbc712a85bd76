"""One extractor for many videos, and all people of a video instead of the main one."""

import numpy as np
import pytest

from artifacts import face_examples
from faces.extraction import FaceExtractor
from faces.frame_search import MAX_FACES
from faces.settings import ExtractionSettings
from tests.fixtures.extraction import sees_from


# --- one extractor for many videos ------------------------------------------------------------------------------------
@pytest.mark.slow
def test_many_videos_with_a_second_look_between(clip, clips, video, picture):
    """The detector is built when the first frame needs it, and once."""
    built = []

    def build():
        built.append(sees_from(clips, 20))
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


@pytest.mark.slow
def test_whoever_watches_sees_every_batch_and_may_give_up(clip, clips, video):
    seen = []

    def watch(batch, searched):
        seen.append((searched, batch.indices, [clips.number_in(image) for image in batch.images]))
        if len(seen) == 7:
            raise KeyboardInterrupt

    settings = ExtractionSettings(frames=20)
    with FaceExtractor(settings, make_detector=lambda: sees_from(clips, 20)) as extractor:
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
