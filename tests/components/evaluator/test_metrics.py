import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from components.evaluator.metrics import evaluate
from components.evaluator.table import print_table, rows_of


@pytest.fixture(scope="module")
def predictions(made):
    """Two data sets, two methods in one of them, videos of unequal length."""
    rng = np.random.default_rng(0)
    rows = []
    for dataset, methods in (("a", ("real", "df", "nt")), ("b", ("real", "fake"))):
        for method in methods:
            for video in range(7):
                mean = rng.normal(0.0 if method == "real" else 0.8, 1)
                rows += [(dataset, method, f"{video:03}", rng.normal(mean, 1)) for _ in range(rng.integers(1, 6))]
    rng.shuffle(rows)
    return made.columns([(d, m, v, float(x)) for d, m, v, x in rows])


def _brute_auc(label, logit):
    pairs = [(f > r) + 0.5 * (f == r) for f in logit[label == 1] for r in logit[label == 0]]
    return float(np.mean(pairs))


def _check(figures, label, logit):
    assert figures["auc"] == pytest.approx(roc_auc_score(label, logit)) == pytest.approx(_brute_auc(label, logit))
    assert figures["acc"] == pytest.approx(accuracy_score(label, 1 / (1 + np.exp(-logit)) > 0.5))
    assert (figures["real"], figures["fake"]) == (int(np.sum(label == 0)), int(np.sum(label == 1)))
    assert figures["reason"] is None


def _by_video(columns):
    ids = sorted(set(columns["video_id"]))
    parts = [name.split("/") for name in ids]
    return {
        "dataset": np.array([part[0] for part in parts]),
        "method": np.array([part[1] for part in parts]),
        "label": np.array([int(part[1] != "real") for part in parts]),
        "logit": np.array([columns["logit"][columns["video_id"] == name].astype(float).mean() for name in ids]),
    }


@pytest.mark.parametrize("level", ["frame", "video"])
def test_against_scikit_learn_and_counting_pairs(predictions, level):
    table = predictions if level == "frame" else _by_video(predictions)
    metrics = evaluate(predictions)[level]
    _check(metrics["all"], table["label"], table["logit"])
    assert set(metrics["datasets"]) == {"a", "b"} and set(metrics["datasets"]["a"]["methods"]) == {"df", "nt"}
    for dataset, figures in metrics["datasets"].items():
        ours = table["dataset"] == dataset
        _check(figures, table["label"][ours], table["logit"][ours])
        for method, of_method in figures["methods"].items():
            # Its fakes against the reals of its own data set.
            rows = ours & ((table["method"] == "real") | (table["method"] == method))
            _check(of_method, table["label"][rows], table["logit"][rows])
            assert (of_method["real"] == figures["real"] and of_method["fake"] < figures["fake"]) or dataset == "b"


def test_a_video_is_known_by_its_whole_name(made):
    """The same name under two methods is two videos."""
    rows = [
        ("a", "real", "0", -1.0),
        ("a", "df", "000_003", 5.0),
        ("a", "df", "000_003", 1.0),
        ("a", "nt", "000_003", -9),
    ]
    metrics = evaluate(made.columns(rows))["video"]["datasets"]["a"]
    assert (metrics["real"], metrics["fake"]) == (1, 2)
    assert metrics["methods"]["df"]["auc"] == 1 and metrics["methods"]["nt"]["auc"] == 0


def test_a_saturated_detector_keeps_its_order(made):
    rows = [("a", "real", str(k), 50.0 + k) for k in range(10)] + [("a", "df", str(k), 55.0 + k) for k in range(10)]
    figures = evaluate(made.columns(rows))["frame"]["all"]
    assert (
        figures["auc"] == pytest.approx(_brute_auc(np.repeat([0, 1], 10), np.r_[50:60, 55:65]))
        and figures["acc"] == 0.5
    )


@pytest.mark.parametrize(("method", "word", "acc"), [("real", "only real", 0.25), ("df", "only fake", 0.75)])
def test_one_class_gives_null_and_a_reason(made, method, word, acc):
    rows = [("a", method, str(k), x) for k, x in enumerate((-1.0, 1.0, 2.0, 3.0))]
    metrics = json.loads(json.dumps(evaluate(made.columns(rows))))
    for level in ("frame", "video"):
        figures = metrics[level]["datasets"]["a"]
        assert figures["auc"] is None and word in figures["reason"] and figures["acc"] == acc


def test_no_number_from_logits_that_are_none(made):
    rows = [("a", "real", "0", float("nan")), ("a", "df", "1", 1.0), ("b", "real", "2", 0.0), ("b", "df", "3", 1.0)]
    metrics = evaluate(made.columns(rows))
    for level in ("frame", "video"):
        figures = metrics[level]["datasets"]["a"]
        assert figures["acc"] is None and figures["auc"] is None and "NaN" in figures["reason"]
        assert metrics[level]["datasets"]["b"]["auc"] == 1 and metrics[level]["all"]["auc"] is None


def test_the_table(predictions, capsys):
    metrics = evaluate(predictions) | {"caveats": {"a": "for play only", "c": "not there"}}
    assert [row[:2] for row in rows_of(metrics)] == [
        ("a", "df"), ("a", "nt"), ("a", "all"), ("b", "fake"), ("b", "all"), ("all", "all"),
    ]  # fmt: skip
    print_table(metrics)
    told = capsys.readouterr().out
    df = metrics["video"]["datasets"]["a"]["methods"]["df"]
    assert f"{df['auc']:.4f}" in next(line for line in told.splitlines() if line.split()[:2] == ["a", "df"])
    assert "NOTE on a: for play only" in told and "not there" not in told


def test_the_table_says_why_a_figure_is_missing(made, capsys):
    metrics = evaluate(made.columns([("a", "df", "0", 1.0)])) | {"caveats": {}}
    print_table(metrics)
    told = capsys.readouterr().out
    assert "none" in told and "(only fake examples)" in told
