"""Heat maps: in batches, of some faces where there are many, and only while there is time."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from serving.verdict import scores
from serving.verdict.heat_maps import MOST_HEAT_MAPS, HeatMaps


class Maker:
    """Makes maps that hold the number of their frame; `sizes` are those of the batches."""

    def __init__(self):
        self.sizes = []

    def __call__(self, crops):
        self.sizes.append(len(crops))
        return np.stack([np.full((2, 2), example.frame_index, np.float32) for example in crops])


@pytest.fixture
def maker(monkeypatch):
    monkeypatch.setattr(scores, "crops_of", list)
    return Maker()


def faces(tracks, frames):
    """Faces in the order of extraction: frame by frame."""
    return [SimpleNamespace(track=track, frame_index=index) for index in range(frames) for track in range(tracks)]


def ask(maps, examples):
    """Ask for each heat map, as `verdict_view` does; returns the keys that have one."""
    have = []
    for key in sorted((example.track, example.frame_index) for example in examples):
        found = maps.get(key)
        if found is not None:
            assert (found == key[1]).all()
            have.append(key)
    return have


def test_all_faces_have_one_and_they_come_in_batches(maker):
    examples, seen = faces(2, 25), []
    maps = HeatMaps(examples, maker, lambda *of: seen.append(of))
    assert maker.sizes == [], "nobody has asked"
    assert len(ask(maps, examples)) == 50 and maker.sizes == [32, 18]
    assert seen == [("drawing", 0, 50), ("drawing", 32, 50)]


def test_of_many_faces_some_have_one_evenly_spaced(maker):
    examples = faces(1, 200)
    chosen = [index for _, index in ask(HeatMaps(examples, maker), examples)]
    assert len(chosen) == MOST_HEAT_MAPS and chosen[0] == 0 and chosen[-1] == 199
    assert set(np.diff(chosen)) == {3, 4} and sum(maker.sizes) == MOST_HEAT_MAPS and max(maker.sizes) <= scores.BATCH


def test_of_a_crowd_nobody_is_left_out(maker):
    examples = faces(3, 256)
    assert {track for track, _ in ask(HeatMaps(examples, maker), examples)} == {0, 1, 2}


def test_there_are_none_once_half_of_the_time_is_over(maker):
    examples = faces(1, 40)
    assert ask(HeatMaps(examples, maker, deadline=time.monotonic() - 1), examples) == [] and maker.sizes == []
    assert len(ask(HeatMaps(examples, maker, deadline=time.monotonic() + 1000), examples)) == 40


def test_the_time_may_end_between_two_batches(maker, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: len(maker.sizes))  # each batch takes a second
    monkeypatch.setattr("serving.verdict.heat_maps.time", clock)
    examples = faces(1, 40)
    assert len(ask(HeatMaps(examples, maker, deadline=2.0), examples)) == scores.BATCH


def test_without_faces_there_are_none(maker):
    assert HeatMaps([], maker).get((0, 0)) is None and maker.sizes == []


def test_a_model_without_heat_maps_is_asked_once(maker):
    asked, examples = [], faces(1, 40)
    assert ask(HeatMaps(examples, asked.append), examples) == [] and len(asked) == 1


def test_whoever_gives_up_does_so_before_the_next_batch(maker):
    def give_up(stage, done, total):
        if done:
            raise KeyboardInterrupt

    examples = faces(1, 40)
    maps = HeatMaps(examples, maker, give_up)
    with pytest.raises(KeyboardInterrupt):
        ask(maps, examples)
    assert maker.sizes == [32]
