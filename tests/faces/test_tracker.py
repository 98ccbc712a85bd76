import numpy as np
import pytest

from faces.tracker import link, overlap


def main_of(frames):
    """For each frame the index of the main person's face, or None."""
    tracks = link(frames)
    assert [len(numbers) for numbers in tracks] == [len(faces) for faces in frames]
    assert all(len(set(numbers)) == len(numbers) for numbers in tracks), "two faces of a frame on one track"
    return [numbers.index(0) if 0 in numbers else None for numbers in tracks]


def test_overlap():
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    assert overlap((0, 0, 10, 10), (2, 2, 5, 5)) == pytest.approx(0.25)


@pytest.mark.parametrize("frames", [[], [[]], [[], [], []]])
def test_no_faces(frames):
    assert link(frames) == frames and main_of(frames) == [None] * len(frames)


def test_stays_with_the_main_person_when_another_is_larger_for_a_while(clips):
    frames = []
    for number in range(10):
        main, other = clips.face(50, 50, 60), clips.face(200, 50, 90 if number in (3, 4) else 30)
        frames.append([other, main] if number % 2 else [main, other])
    assert main_of(frames) == [number % 2 for number in range(10)]


def test_confidence_counts(clips):
    frames = [[clips.face(0, 0, 40, score=0.5), clips.face(100, 0, 35, score=0.99)]] * 3
    assert main_of(frames) == [1, 1, 1]


def test_frames_without_the_main_person_give_none(clips):
    main, other = clips.face(0, 0, 50), clips.face(200, 0, 20)
    assert main_of([[main, other], [other], [], [other, main]]) == [0, None, None, 1]


def test_one_track_takes_one_face_of_a_frame(clips):
    # Two overlapping boxes in the second frame: the better one goes on, the other starts a track of its own.
    frames = [[clips.face(0, 0, 50)], [clips.face(15, 15, 50), clips.face(1, 1, 50)], [clips.face(2, 2, 50)]]
    assert main_of(frames) == [0, 1, 0]


def test_a_slowly_moving_face_is_followed(clips):
    frames = [[clips.face(300, 0, 25), clips.face(20 * k, 0, 50)] for k in range(8)]
    assert main_of(frames) == [1] * 8


@pytest.mark.parametrize("seed", range(40))
def test_against_brute_force(clips, seed):
    """People who stand apart and come and go: the one with the greatest sum of confidence times area is chosen."""
    rng = np.random.default_rng(seed)
    people, length = int(rng.integers(1, 5)), int(rng.integers(1, 9))
    frames, places, sums = [], [], np.zeros(people)
    for _ in range(length):
        present = [person for person in rng.permutation(people) if rng.random() < 0.7]
        faces = []
        for person in present:
            side, score = float(rng.uniform(50, 80)), float(rng.uniform(0.6, 1))
            faces.append(clips.face(200.0 * person + rng.uniform(-5, 5), rng.uniform(-5, 5), side, score))
            sums[person] += score * np.prod(faces[-1].box[2:])
        frames.append(faces)
        places.append({person: index for index, person in enumerate(present)})
    main = int(sums.argmax())
    assert main_of(frames) == [place.get(main) if sums.any() else None for place in places]
    # Everyone has a track, numbered by the same sum: nobody is lost, and none is two.
    order = sorted(np.flatnonzero(sums), key=lambda person: -sums[person])
    tracks = link(frames)
    for faces, place, numbers in zip(frames, places, tracks, strict=True):
        expected = {index: order.index(person) for person, index in place.items()}
        assert numbers == [expected[index] for index in range(len(faces))]


def test_tracks_are_numbered_by_prominence(clips):
    small, middle, large = clips.face(0, 0, 20), clips.face(100, 0, 40), clips.face(200, 0, 60)
    assert link([[small, middle, large], [large, small], [middle]]) == [[2, 1, 0], [0, 2], [1]]


def test_one_who_stays_is_more_prominent_than_one_who_is_large_once(clips):
    once, stays = clips.face(200, 0, 60), clips.face(0, 0, 40)
    assert link([[once, stays], [stays], [stays]]) == [[1, 0], [0], [0]]


def test_best_pairs_are_linked_first(clips):
    """The second face overlaps both tracks; it belongs to the nearer, although the other comes first."""
    left, right = clips.face(0, 0, 50), clips.face(40, 0, 50)
    assert link([[left, right], [clips.face(32, 0, 50)], [clips.face(33, 0, 50), clips.face(1, 0, 50)]]) == [
        [1, 0],
        [0],
        [0, 1],
    ]


def test_a_jump_starts_a_new_track(clips):
    """Less than a fifth of overlap is another person."""
    assert link([[clips.face(0, 0, 30)], [clips.face(20, 0, 30)], [clips.face(41, 0, 31)]]) == [[0], [0], [1]]
