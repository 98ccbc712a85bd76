import pytest
from pydantic import ValidationError

from components.evaluator.blessing import judge
from components.evaluator.component import EvaluatorParameters, Threshold


def _figures(acc, auc, reason=None, **more):
    return {"acc": acc, "auc": auc, "reason": reason, "real": 5, "fake": 5, **more}


METRICS = {
    "frame": {
        "all": _figures(0.6, 0.65),
        "datasets": {"ff": _figures(0.7, 0.75, methods={"df": _figures(0.8, 0.85)})},
    },
    "video": {
        "all": _figures(0.7, 0.9),
        "datasets": {
            "ff": _figures(0.8, 0.95, methods={"df": _figures(0.9, 0.99), "nt": _figures(0.5, 0.6)}),
            "odd": _figures(1.0, None, "only fake examples", methods={}),
        },
    },
}


def _judge(*thresholds):
    return judge(METRICS, [Threshold(**threshold) for threshold in thresholds])


def test_no_threshold_blesses_nothing():
    blessed, (reason,) = _judge()
    assert blessed is False and "no threshold is set" in reason


@pytest.mark.parametrize(
    ("threshold", "value"),
    [
        ({}, 0.9),
        ({"metric": "acc"}, 0.7),
        ({"level": "frame"}, 0.65),
        ({"dataset": "ff"}, 0.95),
        ({"dataset": "ff", "method": "df"}, 0.99),
        ({"dataset": "ff", "method": "nt", "metric": "acc"}, 0.5),
        ({"dataset": "ff", "method": "df", "metric": "acc", "level": "frame"}, 0.8),
    ],
)
def test_holds_the_figure_that_is_named(threshold, value):
    blessed, (reason,) = _judge(threshold | {"min": value})
    assert blessed and f"{value:.4f} is at least {value}" in reason
    blessed, (reason,) = _judge(threshold | {"min": value + 0.001})
    assert not blessed and f"{value:.4f} is below" in reason


def test_all_must_hold():
    blessed, reasons = _judge({"min": 0.5}, {"min": 0.91}, {"min": 0.1})
    assert not blessed and len(reasons) == 3 and sum("below" in reason for reason in reasons) == 1
    assert _judge({"min": 0.5}, {"min": 0.1})[0]


@pytest.mark.parametrize(
    ("threshold", "why"),
    [
        ({"dataset": "none"}, "holds no such data set or method"),
        ({"dataset": "ff", "method": "fs"}, "holds no such data set or method"),
        ({"dataset": "odd"}, "only fake examples"),
    ],
)
def test_what_cannot_be_computed_does_not_pass(threshold, why):
    blessed, (reason,) = _judge(threshold | {"min": 0.0})
    assert not blessed and "cannot be computed" in reason and why in reason and threshold["dataset"] in reason


def test_a_method_needs_a_data_set():
    with pytest.raises(ValidationError, match="'df' needs a dataset"):
        EvaluatorParameters(thresholds=[{"method": "df", "min": 0.5}])


@pytest.mark.parametrize("fields", [{}, {"min": 1.1}, {"min": 0.5, "metric": "f1"}, {"min": 0.5, "level": "clip"}])
def test_wrong_thresholds_are_errors(fields):
    with pytest.raises(ValidationError):
        Threshold(**fields)
