import pytest
from pydantic import ValidationError

from evaluation.blessing import Threshold, bless
from evaluation.vocabulary import FIGURE_KEYS, FIGURES

NO_CLASS = "only fake examples"
NO_PROBABILITY = "a similarity is not a probability"


def _figure(value, reason=None, width=0.05):
    ends = (None, None) if value is None else (round(value - width, 6), round(value + width, 6))
    return {"value": value, "low": ends[0], "high": ends[1], "reason": reason}


def _group(auc, acc, eer=0.2, similarity=0.55, reason=None, **more):
    logit = {"acc": _figure(acc), "auc": _figure(auc, reason), "eer": _figure(eer)}
    by_center = {"auc": _figure(similarity), "acc": _figure(None, NO_PROBABILITY)}
    return {"real": 5, "fake": 5, "coverage": None, "logit": logit, "center_similarity": by_center, **more}


METRICS = {
    "frame": {
        "all": _group(0.65, 0.6),
        "datasets": {"ff": _group(0.75, 0.7, methods={"df": _group(0.85, 0.8)})},
    },
    "video": {
        "all": _group(0.9, 0.7),
        "datasets": {
            "ff": _group(0.95, 0.8, 0.1, 0.45, methods={"df": _group(0.99, 0.9, 0.05), "nt": _group(0.6, 0.5, 0.4)}),
            "odd": _group(None, 1.0, reason=NO_CLASS, methods={}),
        },
    },
}


def _bless(*thresholds, comparison=None, **options):
    return bless(METRICS, [Threshold(**threshold) for threshold in thresholds], comparison, **options)


def _row(difference, low, high, key="auc", last=0.8, reason=None, left_out=0, **more):
    ours = None if difference is None else last + difference
    return {
        "dataset": "ff", "method": None, "level": "video", "key": key, "score": "logit", "ours": ours, "last": last,
        "difference": difference, "low": low, "high": high, "reason": reason, "left_out": left_out, **more,
    }  # fmt: skip


def test_no_threshold_blesses_nothing():
    for comparison in (None, [], [_row(0.1, 0.05, 0.15)]):
        blessed, (reason,) = _bless(comparison=comparison)
        assert blessed is False and "no threshold is set (components.Evaluator.thresholds)" in reason


@pytest.mark.parametrize(
    ("threshold", "value"),
    [
        ({}, 0.9),
        ({"metric": "acc"}, 0.7),
        ({"level": "frame"}, 0.65),
        ({"dataset": "ff"}, 0.95),
        ({"dataset": "ff", "score": "center_similarity"}, 0.45),
        ({"dataset": "ff", "method": "df"}, 0.99),
        ({"dataset": "ff", "method": "nt", "metric": "acc"}, 0.5),
        ({"dataset": "ff", "method": "df", "metric": "acc", "level": "frame"}, 0.8),
    ],
)
def test_holds_the_figure_that_is_named(threshold, value):
    blessed, (reason,) = _bless(threshold | {"min": value})
    assert blessed and reason.endswith(f" {value:.4f} is at least {value}")
    above = round(value + 0.001, 4)
    blessed, (reason,) = _bless(threshold | {"min": above})
    assert not blessed and reason.endswith(f" {value:.4f} is below {above}")


@pytest.mark.parametrize(
    ("threshold", "subject"),
    [
        ({"dataset": "ff", "min": 0.5}, "ff video AUC 0.95"),
        ({"dataset": "ff", "method": "df", "metric": "eer", "max": 0.5}, "ff df video EER 0.05"),
        ({"score": "center_similarity", "min": 0.5}, "all video AUC by center_similarity 0.55"),
    ],
)
def test_the_sentence_names_it(threshold, subject):
    assert _bless(threshold)[1][0].startswith(subject)


def test_where_low_is_good_the_most_is_asked():
    threshold = {"metric": "eer", "dataset": "ff"}
    assert _bless(threshold | {"max": 0.1}) == (True, ["ff video EER 0.1000 is at most 0.1"])
    assert _bless(threshold | {"max": 0.09}) == (False, ["ff video EER 0.1000 is above 0.09"])


def test_the_worse_end_of_the_interval():
    ff = {"dataset": "ff", "on": "interval"}
    assert _bless(ff | {"min": 0.9}) == (True, ["ff video AUC 0.9500 with an interval from 0.9000 is at least 0.9"])
    assert _bless(ff | {"min": 0.91}) == (False, ["ff video AUC 0.9500 with an interval from 0.9000 is below 0.91"])
    eer = ff | {"metric": "eer"}
    assert _bless(eer | {"max": 0.15}) == (True, ["ff video EER 0.1000 with an interval up to 0.1500 is at most 0.15"])
    assert _bless(eer | {"max": 0.14}) == (False, ["ff video EER 0.1000 with an interval up to 0.1500 is above 0.14"])


def test_no_interval_reaches_nothing():
    figure = {"value": 1.0, "low": None, "high": None, "reason": "one video only"}
    metrics = {"video": {"all": {"logit": {"auc": figure}}}}
    assert bless(metrics, [Threshold(min=0.5)])[0]
    blessed, (reason,) = bless(metrics, [Threshold(min=0.5, on="interval")])
    assert (
        not blessed
        and reason == "all video AUC 1.0000 has no interval (one video only); one that reaches 0.5 is required"
    )


def test_all_must_hold():
    blessed, reasons = _bless({"min": 0.5}, {"min": 0.91}, {"min": 0.1})
    assert not blessed and len(reasons) == 3 and sum("below" in reason for reason in reasons) == 1
    assert _bless({"min": 0.5}, {"min": 0.1})[0]


@pytest.mark.parametrize(
    ("threshold", "why"),
    [
        ({"dataset": "none"}, "holds no such data set or method"),
        ({"dataset": "ff", "method": "fs"}, "holds no such data set or method"),
        ({"dataset": "odd"}, NO_CLASS),
    ],
)
def test_what_cannot_be_computed_does_not_pass(threshold, why):
    blessed, (reason,) = _bless(threshold | {"min": 0.0})
    assert not blessed and "cannot be computed" in reason and why in reason and threshold["dataset"] in reason


@pytest.mark.parametrize(
    ("row", "blessed", "words"),
    [
        (
            _row(-0.05, -0.08, -0.021),
            False,
            "0.7500 against the last blessed model's 0.8000: -0.0500 (-0.0800 to -0.0210), "
            "certainly worse by more than 0.02",
        ),
        (
            _row(-0.05, -0.08, -0.02),
            True,
            "-0.0500 (-0.0800 to -0.0200), worse, but not certainly by more than 0.02",
        ),
        (_row(-0.001, -0.08, 0.07), True, "worse, but not certainly by more than 0.02"),
        (_row(0.0, -0.08, 0.07), True, "+0.0000 (-0.0800 to +0.0700), not worse"),
        (_row(0.05, 0.03, 0.08), True, "+0.0500 (+0.0300 to +0.0800), not worse"),
        (
            _row(0.05, 0.021, 0.08, "eer"),
            False,
            "EER 0.8500 against the last blessed model's 0.8000: +0.0500 (+0.0210 to +0.0800), certainly worse by more",
        ),
        (_row(0.05, 0.02, 0.08, "brier"), True, "worse, but not certainly by more"),
        (_row(-0.05, -0.08, -0.03, "ece"), True, "(-0.0800 to -0.0300), not worse"),
        (
            _row(-0.5, None, None, reason="one video only"),
            True,
            "-0.5000, worse; how certainly is not known (one video only)",
        ),
        (_row(0.5, None, None, reason="one video only"), True, "+0.5000, not worse; how certainly is not known"),
        (
            _row(None, None, None, reason=NO_CLASS),
            True,
            f"ff video AUC cannot be compared with the last blessed model's ({NO_CLASS})",
        ),
        (_row(0.0, 0.0, 0.0, left_out=3), True, "0.8000, without 3 faces that only one of them scored: +0.0000"),
    ],
)
def test_comparison(row, blessed, words):
    threshold = {"dataset": "ff", "min": 0.5}
    verdict, (of_threshold, of_row) = _bless(threshold, comparison=[row])
    assert verdict is blessed and of_threshold == _bless(threshold)[1][0] and words in of_row
    assert _bless({"dataset": "ff", "min": 0.99}, comparison=[row])[0] is False, "a comparison makes no threshold good"


def test_how_much_worse_is_tolerated():
    row = _row(-0.05, -0.08, -0.03)
    assert _bless({"min": 0.5}, comparison=[row], max_drop=0.03)[0]
    assert not _bless({"min": 0.5}, comparison=[row], max_drop=0.029)[0]
    assert not _bless({"min": 0.5}, comparison=[_row(0.1, 0.05, 0.15), row])[0], "each must hold"
    surely_worse = _row(-0.001, -0.002, -0.0001)
    assert _bless({"min": 0.5}, comparison=[surely_worse])[0]
    assert not _bless({"min": 0.5}, comparison=[surely_worse], max_drop=0)[0]


@pytest.mark.parametrize("metric", FIGURE_KEYS)
def test_every_figure_can_be_asked_for_from_its_good_side(metric):
    good, other = ("max", "min") if FIGURES[metric].low_is_good else ("min", "max")
    assert Threshold(**{"metric": metric, good: 0.5})
    for fields in ({}, {other: 0.5}, {good: 0.5, other: 0.5}):
        with pytest.raises(ValidationError, match=f"values of {metric} are good: give {good}, not {other}"):
            Threshold(metric=metric, **fields)


def test_a_method_needs_a_data_set():
    with pytest.raises(ValidationError, match="'df' needs a dataset"):
        Threshold(method="df", min=0.5)


@pytest.mark.parametrize("bound", [{"metric": "acc", "min": 0.5}, {"metric": "ece", "max": 0.5}])
def test_a_similarity_is_no_probability(bound):
    with pytest.raises(ValidationError, match='center_similarity is not a probability; take "score": "logit"'):
        Threshold(score="center_similarity", **bound)


@pytest.mark.parametrize(
    "fields",
    [{"min": 1.1}, {"min": -0.1}, {"metric": "f1"}, {"level": "clip"}, {"score": "x"}, {"on": "low"}, {"least": 0.5}],
)
def test_wrong_thresholds_are_errors(fields):
    with pytest.raises(ValidationError):
        Threshold(**{"min": 0.5, **fields})
