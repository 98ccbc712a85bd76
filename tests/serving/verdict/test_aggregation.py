"""What comes of the scores of a file: by NumPy, and as the evaluator has it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from evaluation.video_scores import videos_of
from evaluation.vocabulary import VIDEO_RULES
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, REAL, UNSURE
from serving.verdict.verdict_options import VerdictOptions

RULE_TEMPERATURES = {"mean_logit": 0.5, "median_logit": 0.6, "mean_probability": 1.5, "max_logit": 3.0}


def fitted(temperature, reason=None):
    return {"temperature": temperature, "nll_before": 0.7, "nll_after": 0.6, "reason": reason}


CALIBRATION = {
    "frame": 2.0,
    "video": 0.5,
    "fits": {
        "frame": fitted(2.0),
        "main": {rule: fitted(t / 2) for rule, t in RULE_TEMPERATURES.items()},
        "all": {rule: fitted(t) for rule, t in RULE_TEMPERATURES.items()},
    },
    "several_faces": 5,
    "spread": 0.7,
    "reason": None,
}


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


@pytest.fixture
def table():
    """Rows of three tracks in disorder."""
    rng = np.random.default_rng(5)
    rows = [(track, k, rng.normal(track - 1, 0.5)) for track, count in ((0, 12), (1, 7), (2, 5)) for k in range(count)]
    return [rows[k] for k in rng.permutation(len(rows))]


def joined(logits, rule):
    """(logit, probability) of one face's frames, as `videos_of` says it."""
    if rule == "mean_probability":
        mean = float(np.mean([sigmoid(v / 2.0) for v in logits]))
        logit = 2.0 * math.log(mean / (1 - mean))
    else:
        logit = {"mean_logit": np.mean, "median_logit": np.median, "max_logit": np.max}[rule](logits)
    return float(logit), sigmoid(logit / RULE_TEMPERATURES[rule])


@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_each_face_is_joined_by_the_rule_and_the_file_is_its_highest_face(rule, table, made):
    found, scores = made.found_of(table)
    verdict = made.verdict_of(found, scores, VerdictOptions(video_rule=rule), CALIBRATION)
    expected = {t: joined([v for track, _, v in table if track == t], rule) for t in (0, 1, 2)}
    assert {face.track: face.logit for face in verdict.faces} == pytest.approx(
        {t: e[0] for t, e in expected.items()}, rel=1e-5
    )
    assert {face.track: face.fake_probability for face in verdict.faces} == pytest.approx(
        {t: e[1] for t, e in expected.items()}, rel=1e-5
    )
    assert verdict.logit == pytest.approx(max(e[0] for e in expected.values()), rel=1e-5)
    assert verdict.fake_probability == pytest.approx(max(e[1] for e in expected.values()), rel=1e-5)
    similarity = {t: [-v / 10 for track, _, v in table if track == t] for t in (0, 1, 2)}
    least = {"median_logit": np.median, "max_logit": np.min}.get(rule, np.mean)
    assert verdict.center_similarity == pytest.approx(min(least(v) for v in similarity.values()), rel=1e-5)


@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_it_says_what_the_evaluator_says_of_the_same_rows(rule, table, made):
    found, scores = made.found_of(table)
    count = len(table)
    names = np.full(count, "d/m/v", object)
    columns = vars(scores) | {
        "video_id": names, "dataset": np.full(count, "d", object), "method": np.full(count, "m", object),
        "label": np.ones(count, np.int8), "track": np.array([row[0] for row in table], np.int32),
        "frame_index": np.array([row[1] for row in table], np.int32),
    }  # fmt: skip
    evaluated = videos_of(columns, rule, {"frame": 2.0, "video": RULE_TEMPERATURES[rule]})
    verdict = made.verdict_of(found, scores, VerdictOptions(video_rule=rule), CALIBRATION)
    for name in ("logit", "fake_probability", "center_similarity"):
        assert getattr(verdict, name) == pytest.approx(evaluated[name][0], abs=1e-9)


def test_the_interval_is_that_of_the_highest_of_several(made):
    rows = [(0, k, 2.0 + 3 * (-1) ** k) for k in range(8)] + [(1, k, 1.5 + 0.1 * (-1) ** k) for k in range(8)]
    verdict = made.verdict_of(*made.found_of(rows), VerdictOptions())
    first, second = verdict.faces
    assert first.verdict == UNSURE and second.verdict == FAKE and first.logit > second.logit
    assert verdict.verdict == FAKE and verdict.face == 1  # one face is fake for sure
    assert verdict.fake_probability == first.fake_probability
    assert verdict.interval == (second.interval[0], first.interval[1])
    assert verdict.interval[0] <= verdict.fake_probability <= verdict.interval[1]


@pytest.mark.parametrize(
    "levels, said, face",
    [((-2, -3), REAL, 0), ((-3, -2), REAL, 1), ((3, -2), FAKE, 0), ((3, 4), FAKE, 1), ((-2, 0.1), UNSURE, 1)],
)
def test_a_file_is_fake_if_one_face_is(levels, said, face, made):
    rows = [(track, k, level + 0.5 * (-1) ** k) for track, level in enumerate(levels) for k in range(8)]
    verdict = made.verdict_of(*made.found_of(rows), VerdictOptions())
    assert (verdict.verdict, verdict.face) == (said, face)


def test_a_single_picture_takes_the_frames_temperature_and_the_models_spread(made):
    found, scores = made.found_of([(0, 0, 3.0), (1, 0, -1.0)], kind="image", wanted=1)
    verdict = made.verdict_of(found, scores, VerdictOptions(), CALIBRATION)
    assert verdict.fake_probability == pytest.approx(sigmoid(3.0 / 2))
    reach = 1.959964 * 0.7
    assert verdict.faces[0].interval == pytest.approx((sigmoid((3 - reach) / 2), sigmoid((3 + reach) / 2)), rel=1e-5)
    without = made.verdict_of(found, scores, VerdictOptions(), {"frame": 2.0, "video": 0.5})
    assert without.interval is None and without.verdict == FAKE


def test_the_main_person_has_temperatures_of_their_own(made):
    found, scores = made.found_of([(0, k, 1.0 + 0.1 * k) for k in range(8)])
    verdict = made.verdict_of(found, scores, VerdictOptions(faces="main", video_rule="max_logit"), CALIBRATION)
    assert verdict.fake_probability == pytest.approx(sigmoid(1.7 / 1.5))
    assert verdict.model["calibrated"] and verdict.model["calibration_problem"] is None


@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_a_model_of_before_is_calibrated_for_the_mean_logit_only(rule, made):
    rows = [(0, k, 0.5 * k) for k in range(5)]
    old = {"frame": 2.0, "video": 0.5, "reason": None}
    verdict = made.verdict_of(*made.found_of(rows), VerdictOptions(video_rule=rule), old)
    mean_probability = np.mean([sigmoid(v / 2.0) for _, _, v in rows])
    expected = {"mean_logit": sigmoid(1.0 / 0.5), "median_logit": sigmoid(1.0), "max_logit": sigmoid(2.0)}
    assert verdict.fake_probability == pytest.approx(expected.get(rule, mean_probability))
    assert verdict.interval[0] < verdict.fake_probability < verdict.interval[1]
    assert verdict.model["calibrated"] == (rule == "mean_logit")
    assert (rule == "mean_logit") or rule in verdict.model["calibration_problem"]


@pytest.mark.parametrize("seen, noted", [(0, True), (5, False)])
def test_several_faces_are_noted_where_calibration_saw_one_a_video(seen, noted, made):
    calibration = {**CALIBRATION, "several_faces": seen}
    rows = [(track, k, 1.0) for track in (0, 1) for k in range(8)]
    two = made.verdict_of(*made.found_of(rows), VerdictOptions(), calibration)
    one = made.verdict_of(*made.found_of(rows[:8]), VerdictOptions(), calibration)
    assert ("several_faces" in two.notes, "several_faces" in one.notes) == (noted, False)


def test_without_a_calibration_temperatures_are_1(made):
    verdict = made.verdict_of(*made.found_of([(0, k, 1.25) for k in range(5)]), VerdictOptions())
    assert verdict.fake_probability == pytest.approx(sigmoid(1.25))


def test_with_another_threshold_another_verdict(made):
    found, scores = made.found_of([(0, k, 0.0 + 0.01 * (-1) ** k) for k in range(8)])
    said = [made.verdict_of(found, scores, VerdictOptions(threshold=t)).verdict for t in (0.4, 0.5, 0.6)]
    assert said == [FAKE, UNSURE, REAL]


@pytest.mark.parametrize(
    "fields, count, reason",
    [
        ({}, 4, None), ({}, 3, "too_few_frames"), ({"size": 31.9}, 8, "too_small"), ({"size": 32.0}, 8, None),
        ({"score": 0.85}, 8, "doubtful_face"), ({"score": None}, 8, None), ({"kind": "image"}, 1, None),
        ({"kind": "crop", "size": 10.0}, 1, None), ({"kind": "image", "size": 10.0}, 1, "too_small"),
    ],
)  # fmt: skip
def test_who_is_judged(fields, count, reason, made):
    verdict = made.verdict_of(*made.found_of([(0, k, 2.0) for k in range(count)], **fields), VerdictOptions())
    (face,) = verdict.faces
    assert face.reason == verdict.reason == reason
    assert (face.verdict == CANNOT_JUDGE) == (verdict.verdict == CANNOT_JUDGE) == bool(reason)
    assert len(face.frames) == count and face.logit == pytest.approx(2.0)
    if reason:
        assert (
            face.fake_probability is face.interval is verdict.fake_probability is verdict.logit is verdict.face is None
        )


def test_a_doubtful_face_counts_for_nothing_if_it_looks_real_or_another_is_fake(made):
    """The one who is seen in two frames only would be the most real, or the most fake."""
    for level, doubtful, said in ((-2.0, -9.0, REAL), (2.0, 9.0, FAKE)):
        rows = [(0, k, level) for k in range(10)] + [(1, k, doubtful) for k in (0, 20)]
        verdict = made.verdict_of(*made.found_of(rows), VerdictOptions())
        assert verdict.verdict == said and verdict.logit == pytest.approx(level) and verdict.face == 0
        assert (verdict.wanted, verdict.with_face, verdict.judged, verdict.doubtful) == (32, 11, 10, 1)
        assert [face.doubtful for face in verdict.faces] == [False, True] and verdict.reason is None
        assert verdict.faces[1].verdict == CANNOT_JUDGE and verdict.faces[1].fake_probability is None
        assert "doubtful_face" not in verdict.notes


def test_a_doubtful_face_that_alone_looks_fake_makes_the_verdict_unsure(made):
    rows = [(0, k, -2.0) for k in range(10)] + [(1, k, 2.0) for k in (0, 20)]
    verdict = made.verdict_of(*made.found_of(rows), VerdictOptions())
    real, doubtful = verdict.faces
    assert (verdict.verdict, verdict.face, verdict.reason) == (UNSURE, 1, "too_few_frames")
    assert verdict.fake_probability == doubtful.fake_probability == pytest.approx(sigmoid(2.0))
    assert (real.verdict, doubtful.verdict, doubtful.doubtful) == (REAL, UNSURE, True)
    assert (verdict.with_face, verdict.judged, verdict.doubtful) == (11, 11, 1)
    assert verdict.statement == (
        "Unsure: only a doubtful face (2) looks fake, with a probability of 88.1 %, based on 2 of 32 frames examined, "
        "evenly spaced over the clip's 250; it is seen in 2 of 32 frames, too few (80 pixels). Without it the file "
        "would be likely real."
    )


@pytest.mark.parametrize(
    ("seen", "fields", "reason"),
    [
        (range(0, 32, 2), {"score": 0.92, "size": 54.0}, "unsteady_face"),  # a skyline in a real clip and its fake
        (range(32), {"score": 0.85}, "doubtful_face"),
        (range(32), {"size": 31.0}, "too_small"),
        ((3,), {"score": 0.92}, "too_few_frames"),  # found once, so never lost; but nobody is sure that it is a face
    ],
)
def test_what_may_be_no_face_or_is_too_small_never_decides_beside_a_sound_face(seen, fields, reason, made):
    found, scores = made.found_of([(0, k, -4.0) for k in range(32)] + [(1, k, 4.0) for k in seen])
    place = {"size": 80.0} | fields
    examples = [
        made.example(1, example.frame_index, **place) if example.track else example for example in found.examples
    ]
    calibration = {**CALIBRATION, "several_faces": 0}
    verdict = made.verdict_of(replace(found, examples=examples), scores, VerdictOptions(), calibration)
    assert (verdict.verdict, verdict.face, verdict.reason) == (REAL, 0, None)
    assert verdict.fake_probability == verdict.faces[0].fake_probability < 0.01
    assert verdict.faces[1].reason == reason and verdict.faces[1].fake_probability is None
    assert verdict.notes["doubtful_face"].startswith("Doubtful face 2 looks fake (above 99.9 %), but no verdict")
    assert f"{place['size']:.0f} pixels" in verdict.notes["doubtful_face"]
    assert "several_faces" not in verdict.notes and verdict.statement.startswith("Likely real: the face is fake")


def test_a_doubtful_face_that_looks_fake_beside_an_unsure_one_or_alone_is_noted(made):
    for level in (0.05, None):
        rows = [(0, k, level) for k in range(10) if level is not None] + [(1, k, 9.0) for k in (0, 20)]
        verdict = made.verdict_of(*made.found_of(rows), VerdictOptions())
        assert verdict.verdict == (CANNOT_JUDGE if level is None else UNSURE)
        assert verdict.face == (None if level is None else 0)
        assert verdict.notes["doubtful_face"].startswith("Doubtful face 2 looks fake")


@pytest.mark.parametrize(
    "seen, score, reason",
    [
        (range(32), 0.92, None),  # a dark face
        ([k for k in range(32) if k % 10], 0.92, None),  # lost now and then
        (range(0, 32, 2), 0.92, "unsteady_face"),  # a blurred background
        (range(0, 32, 2), 0.99, None),  # the detector is sure, each time
        (range(8, 16), 0.92, None),  # one scene of several
        ((3,), 0.92, "too_few_frames"),
    ],
)
def test_a_background_that_looks_like_a_face_now_and_then_is_doubtful(seen, score, reason, made):
    """The first face shows that all frames were searched."""
    found, scores = made.found_of([(0, k, -2.0) for k in range(32)] + [(1, k, -2.0) for k in seen])
    examples = [replace(example, score=score) if example.track else example for example in found.examples]
    verdict = made.verdict_of(replace(found, examples=examples), scores, VerdictOptions())
    assert [face.reason for face in verdict.faces] == [None, reason]


def test_frames_without_any_face_were_searched_too_and_undecodable_ones_were_not(made):
    seen, score = range(0, 32, 2), {"score": 0.92}
    for why, reason in (("no_face", "unsteady_face"), ("undecodable_frame", None)):
        rejects = [made.reject("frame", why, frame=k) for k in range(1, 32, 2)]
        verdict = made.verdict_of(
            *made.found_of([(0, k, -2.0) for k in seen], rejects=rejects, **score), VerdictOptions()
        )
        assert verdict.reason == reason
    steady = VerdictOptions(min_steady=0.4)
    rejects = [made.reject("frame", "no_face", frame=k) for k in range(1, 32, 2)]
    assert (
        made.verdict_of(*made.found_of([(0, k, -2.0) for k in seen], rejects=rejects, **score), steady).reason is None
    )


def test_frames_stand_in_their_order_and_count_once(made):
    verdict = made.verdict_of(
        *made.found_of([(0, 9, 1.0), (0, 2, 2.0), (1, 2, 3.0), (0, 5, 0.0)]), VerdictOptions(min_frames=1)
    )
    assert [frame.index for frame in verdict.faces[0].frames] == [2, 5, 9]
    assert [frame.logit for frame in verdict.faces[0].frames] == [2.0, 0.0, 1.0]
    assert verdict.faces[0].frames[0].timestamp == pytest.approx(2 / 25) and verdict.with_face == 3


def test_what_else_should_be_known_and_why_a_file_gave_nothing(made):
    rejects = [
        made.reject("frame", "no_face", frame=3),
        made.reject("note", "hdr", "bright"),
        made.reject("part", "damaged_file", "cut"),
    ]
    verdict = made.verdict_of(*made.found_of([(0, k, 1.0) for k in range(5)], rejects=rejects), VerdictOptions())
    assert verdict.notes == {"hdr": "bright", "damaged_file": "cut"} and verdict.reason is None
    nothing = made.found_of([], kind=None, wanted=0, rejects=[made.reject("video", "time_limit", "took too long")])
    verdict = made.verdict_of(*nothing, VerdictOptions())
    assert (verdict.reason, verdict.statement) == ("time_limit", "Cannot judge: took too long.")
    assert verdict.faces == () and verdict.kind is None
