"""Frames joined to videos, against the evaluation's figures; by loops, see the tests of `evaluation.video_scores`."""

import numpy as np
import pytest

from artifacts.video_rules import VIDEO_RULES
from evaluation.video_scores import videos_of
from model.video_logits import join, sort_rows, video_logits, videos_with_several_faces

ROWS = [  # video, label, track, frame, logit; the first track of a video need not be 0
    ("b", 1, 1, 4, 3.0),
    ("a", 0, 0, 1, -1.0),
    ("b", 1, 2, 0, 9.0),
    ("a", 0, 0, 0, -4.0),
    ("b", 1, 1, 2, 1.0),
]


@pytest.fixture
def columns():
    names = ("video_id", "label", "face/track", "frame/index", "logit")
    return {name: np.array(column) for name, column in zip(names, zip(*ROWS, strict=True), strict=True)}


def test_a_video_is_its_highest_track_or_its_main_person(columns):
    label, logit = video_logits(columns)
    assert label.tolist() == [0, 1] and logit.tolist() == [-2.5, 9.0]
    assert video_logits(columns, faces="main").logit.tolist() == [-2.5, 2.0]
    assert video_logits(columns, "max_logit", faces="main").logit.tolist() == [-1.0, 3.0]
    assert videos_with_several_faces(columns) == 1


@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_it_is_what_the_evaluation_says_to_the_last_bit(rule, columns):
    evaluated = {
        "video_id": columns["video_id"].astype(object),
        "dataset": np.full(5, "d", object),
        "method": np.full(5, "m", object),
        "label": columns["label"],
        "track": columns["face/track"],
        "frame_index": columns["frame/index"],
        "logit": columns["logit"],
        "center_similarity": -columns["logit"],
    }
    found = videos_of(evaluated, rule, {"frame": 1.7, "video": 1.0})
    assert video_logits(columns, rule, 1.7).logit.tolist() == found["logit"].tolist()


@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_a_single_frame_is_its_own_score_and_nothing_gives_nothing(rule):
    one = np.zeros(1, np.int64)
    assert join(np.array([1.25]), sort_rows(one, one, one), rule, 3.0) == pytest.approx([1.25])
    none = one[:0]
    assert join(np.array([]), sort_rows(none, none, none), rule).tolist() == []


def test_an_unknown_rule():
    with pytest.raises(ValueError, match=r"rule must be one of .*Received: 'best'"):
        join(np.array([]), sort_rows(*np.zeros((3, 0), np.int64)), "best")
