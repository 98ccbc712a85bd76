import random
from collections import Counter

import pytest

from artifacts.manifest import Video
from components.video_example_gen.splits import assign_splits, shared_identities

THIRDS = {"train": 0.8, "val": 0.1, "test": 0.1}


def _video(name, label=0, people=(), split=""):
    return Video(f"d/{name}", f"{name}.mp4", "d", "fake" if label else "real", label, split, tuple(people))


def _families(count, fakes=4):
    """Each original with its fakes, as in DFDC."""
    reals = [_video(f"{i}", 0, [f"p{i}"]) for i in range(count)]
    return reals + [_video(f"{i}_{j}", 1, [f"p{i}"]) for i in range(count) for j in range(fakes)]


def _celebrities(people, seed=0, density=0.3):
    """Everyone swapped with many others, as in Celeb-DF."""
    rng = random.Random(seed)
    pairs = [(a, b) for a in range(people) for b in range(people) if a != b and rng.random() < density]
    reals = [_video(f"id{i}_{k}", 0, [f"id{i}"]) for i in range(people) for k in range(5)]
    return reals + [_video(f"id{a}_id{b}", 1, [f"id{a}", f"id{b}"]) for a, b in pairs]


def _counts(videos):
    return Counter((video.split, video.label) for video in videos)


def _random_set(seed):
    rng = random.Random(seed)
    people = [f"p{i}" for i in range(rng.randint(1, 40))]
    size = rng.randint(1, 120)
    return [
        _video(f"{i}", rng.randint(0, 1), rng.sample(people, rng.randint(0, min(3, len(people))))) for i in range(size)
    ]


@pytest.mark.parametrize("seed", range(60))
def test_nobody_is_in_two_splits_and_every_video_is_accounted_for(seed):
    videos = _random_set(seed)
    divided, left_out = assign_splits(videos, THIRDS, seed)
    assert not shared_identities(divided)
    assert {v.split for v in divided} <= set(THIRDS)
    assert sorted([v.video_id for v in divided] + list(left_out)) == sorted(v.video_id for v in videos)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [3, 4, 7, 20])
def test_every_split_has_both_classes_on_tiny_sets(count, seed):
    divided, left_out = assign_splits(_families(count), THIRDS, seed)
    assert not left_out
    assert set(_counts(divided)) == {(split, label) for split in THIRDS for label in (0, 1)}


@pytest.mark.parametrize("seed", range(10))
def test_every_split_gets_its_share_of_both_classes(seed):
    divided, _ = assign_splits(_families(200), THIRDS, seed)
    assert _counts(divided) == {
        ("train", 0): 160, ("val", 0): 20, ("test", 0): 20, ("train", 1): 640, ("val", 1): 80, ("test", 1): 80,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_large_families_do_not_swamp_small_splits(seed):
    rng = random.Random(seed)
    videos = [_video(f"{i}_{j}", j % 2, [f"p{i}"]) for i in range(40) for j in range(rng.choice([2, 2, 4, 20]))]
    divided, _ = assign_splits(videos, THIRDS, seed)
    share = Counter(video.split for video in divided)["val"] / len(videos)
    assert 0.04 < share < 0.16


def test_one_family_goes_to_train_whole():
    divided, left_out = assign_splits(_families(1), THIRDS)
    assert {v.split for v in divided} == {"train"} and not left_out


def test_a_pair_of_people_is_kept_together_rather_than_losing_its_fakes():
    videos = [_video("a", 0, ["a"]), _video("b", 0, ["b"])]
    videos += [_video(f"{method}_{pair}", 1, pair) for method in "wxyz" for pair in ("ab", "ba")]
    divided, left_out = assign_splits(videos, THIRDS)
    assert not left_out and {v.split for v in divided} == {"train"}


def test_three_people_are_kept_together_rather_than_losing_their_fakes():
    videos = [_video(person, 0, [person]) for person in "abc"]
    videos += [_video(f"{i}_{pair}", 1, pair) for i in range(4) for pair in ("ab", "bc", "ca")]
    divided, left_out = assign_splits(videos, THIRDS)
    assert not left_out and {v.split for v in divided} == {"train"}


@pytest.mark.parametrize("seed", range(10))
def test_shares_of_both_classes_hold_when_families_differ(seed):
    rng = random.Random(seed)
    videos = [_video(f"{i}_{j}", int(j > 0), [f"p{i}"]) for i in range(100) for j in range(rng.choice([1, 2, 10]))]
    divided, _ = assign_splits(videos, THIRDS, seed)
    counts, totals = _counts(divided), Counter(v.label for v in videos)
    for split in ("val", "test"):
        assert abs(counts[split, 0] / totals[0] - 0.1) < 0.02 and abs(counts[split, 1] / totals[1] - 0.1) < 0.03


def test_deterministic_whatever_the_order_and_different_for_another_seed():
    videos = _families(40) + [_video(f"alone{i}", i % 2) for i in range(20)]
    shuffled = random.Random(1).sample(videos, len(videos))
    first = {v.video_id: v.split for v in assign_splits(videos, THIRDS, 3)[0]}
    assert first == {v.video_id: v.split for v in assign_splits(shuffled, THIRDS, 3)[0]}
    assert first != {v.video_id: v.split for v in assign_splits(videos, THIRDS, 4)[0]}


def test_the_division_stays_as_it_is_between_releases():
    divided, _ = assign_splits(_families(10, fakes=1), THIRDS, seed=0)
    assert sorted(v.video_id for v in divided if v.split == "val") == ["d/6", "d/6_0"]


@pytest.mark.parametrize("absent", [{"train": 0.9, "val": 0.1}, {"train": 0.9, "val": 0.1, "test": 0.0}])
def test_a_split_with_no_share_gets_none(absent):
    divided, left_out = assign_splits(_families(30), absent)
    assert {v.split for v in divided} == {"train", "val"} and not left_out
    assert Counter(v.split for v in divided if v.label == 0) == {"train": 27, "val": 3}


def test_no_split_wanted():
    divided, left_out = assign_splits(_families(2), {"train": 0.0})
    assert divided == [] and set(left_out.values()) == {"no split is wanted"}


@pytest.mark.parametrize("seed", range(5))
def test_a_knot_of_people_is_taken_apart(seed):
    videos = _celebrities(40, seed)
    divided, left_out = assign_splits(videos, {"train": 0.8, "val": 0.1}, seed)
    assert not shared_identities(divided)
    assert set(_counts(divided)) == {(split, label) for split in ("train", "val") for label in (0, 1)}
    assert set(left_out.values()) == {"its people are in train and val"}
    assert all("_id" in name for name in left_out), "only a video of two people can cross"
    assert len(left_out) < len(videos) / 3


def test_videos_follow_the_people_they_share_with_given_splits():
    given = [_video("v", 0, ["a"], "val"), _video("t", 0, ["b"], "train")]
    waiting = [_video("va", 1, ["a"]), _video("vc", 1, ["a", "c"]), _video("c", 0, ["c"]), _video("tb", 1, ["b"])]
    others = [_video(f"other{i}") for i in range(10)]
    divided, left_out = assign_splits([*given, *waiting, _video("vt", 1, ["a", "b"]), *others], THIRDS)
    assert {v.video_id: v.split for v in divided if "other" not in v.video_id} == {
        "d/v": "val", "d/t": "train", "d/va": "val", "d/vc": "val", "d/c": "val", "d/tb": "train",
    }  # fmt: skip
    assert left_out == {"d/vt": "its people are in train and val"}


def test_people_of_a_given_test_split_are_kept_out_of_train_and_val():
    given = [_video("t", 0, ["a"], "test")]
    waiting = [_video("x", 1, ["a"]), _video("y", 1, ["a", "b"]), _video("z", 0, ["b"])]
    divided, left_out = assign_splits(given + waiting, {"train": 0.8, "val": 0.2})
    assert left_out == {"d/x": "its people are in test", "d/y": "its people are in test"}
    assert {v.video_id: v.split for v in divided} == {"d/t": "test", "d/z": "train"}


def test_shared_identities_counts_people():
    videos = [_video("a", 0, "xy", "train"), _video("b", 0, "xy", "test"), _video("c", 0, "z", "val")]
    assert shared_identities(videos) == {("train", "test"): 2}
