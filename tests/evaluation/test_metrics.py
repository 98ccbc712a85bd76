import json
from types import SimpleNamespace

import numpy as np
import pyarrow
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, brier_score_loss, roc_auc_score

from artifacts.errors import InputError
from evaluation.figures import best_threshold
from evaluation.metrics import evaluate
from evaluation.vocabulary import FIGURE_KEYS

SCORES = {"logit": 1, "center_similarity": -1}


@pytest.fixture(scope="module")
def predictions(made):
    """Two data sets, two methods in one of them, videos of unequal length, rows in any order."""
    rng = np.random.default_rng(0)
    columns = made.full_columns(rng, {"a": ("df", "nt"), "b": ("fake",)}, videos=7, per_video=5)["frame"]
    rows = rng.permutation(len(columns["label"]))[:90]
    return {name: values[rows] for name, values in columns.items()}


def by_video(columns):
    """The mean of each video's rows, by loops."""
    ids = sorted(set(columns["video_id"]))
    first = [columns["video_id"].tolist().index(video) for video in ids]
    videos = {name: columns[name][first] for name in ("dataset", "method", "label")}
    for name in SCORES:
        videos[name] = np.array([columns[name][columns["video_id"] == video].astype(float).mean() for video in ids])
    return videos | {"video_id": np.array(ids, object), "fake_probability": 1 / (1 + np.exp(-videos["logit"]))}


def check(group, table, rows, thresholds):
    label = table["label"][rows]
    assert (group["real"], group["fake"]) == (int(np.sum(label == 0)), int(np.sum(label == 1)))
    for name, sign in SCORES.items():
        score, found = sign * table[name][rows].astype(float), group[name]
        assert list(found) == list(FIGURE_KEYS)
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(label, score))
        assert found["ap"]["value"] == pytest.approx(average_precision_score(label, score))
        called = score > sign * thresholds[name]
        assert found["balanced_acc_val"]["value"] == pytest.approx(balanced_accuracy_score(label, called))
        assert found["acc_val"]["value"] == pytest.approx(np.mean(called == label))
        assert found["auc"]["low"] <= found["auc"]["value"] <= found["auc"]["high"] and found["auc"]["reason"] is None
    probability = table["fake_probability"][rows].astype(float)
    assert group["logit"]["acc"]["value"] == pytest.approx(np.mean((probability > 0.5) == label))
    assert group["logit"]["brier"]["value"] == pytest.approx(brier_score_loss(label, probability))
    assert group["center_similarity"]["brier"]["reason"] == "a similarity is not a probability"


@pytest.mark.parametrize("level", ["frame", "video"])
def test_every_group_against_scikit_learn(predictions, level):
    table = predictions if level == "frame" else by_video(predictions)
    metrics = evaluate(predictions, predictions, resamples=20)
    found, thresholds = metrics[level], metrics["thresholds"][level]
    for name, sign in SCORES.items():
        assert thresholds[name] == sign * best_threshold(table["label"], sign * table[name])
    check(found["all"], table, slice(None), thresholds)
    assert set(found["datasets"]) == {"a", "b"} and set(found["datasets"]["a"]["methods"]) == {"df", "nt"}
    for dataset, group in found["datasets"].items():
        ours = table["dataset"] == dataset
        check(group, table, ours, thresholds)
        for method, of_method in group["methods"].items():
            # Its fakes against the reals of its own data set.
            check(of_method, table, ours & ((table["method"] == "real") | (table["method"] == method)), thresholds)


def test_the_same_to_the_last_digit_in_any_order_and_encoding(predictions):
    first = evaluate(predictions, predictions, resamples=20)
    order = np.random.default_rng(1).permutation(len(predictions["label"]))
    mixed = {name: values[order] for name, values in predictions.items()}
    for name in ("video_id", "dataset", "method"):
        mixed[name] = pyarrow.array(mixed[name].tolist()).dictionary_encode()
    again = evaluate(mixed, mixed, resamples=20)
    assert json.dumps(first) == json.dumps(again)
    assert json.dumps(evaluate(predictions, predictions, resamples=20, seed=1)) != json.dumps(first)


def test_what_is_told_beside_the_figures(predictions):
    metrics = evaluate(
        predictions, video_rule="median_logit", resamples=30, seed=4, temperature={"frame": 2, "video": 3}
    )
    assert (metrics["video_rule"], metrics["no_face"]) == ("median_logit", "left_out")
    assert metrics["bootstrap"] == {"resamples": 30, "fewest": 30, "level": 0.95, "unit": "video", "seed": 4}
    assert metrics["temperature"] == {"frame": 2, "video": 3}
    thresholds = metrics["thresholds"]
    assert thresholds["frame"] == thresholds["video"] == {"logit": None, "center_similarity": None}
    assert "validation" in thresholds["reason"]
    assert "threshold" in metrics["video"]["all"]["logit"]["acc_val"]["reason"]
    assert metrics["frame"]["all"]["coverage"] is None and metrics["frame"]["all"]["resamples"] == 30


def test_the_temperature_of_videos_moves_their_probabilities_only(predictions):
    plain, cool = (evaluate(predictions, resamples=0, temperature=t) for t in (None, {"frame": 9, "video": 5.0}))
    probability = 1 / (1 + np.exp(-by_video(predictions)["logit"] / 5))
    brier = brier_score_loss(by_video(predictions)["label"], probability)
    assert cool["video"]["all"]["logit"]["brier"]["value"] == pytest.approx(brier)
    assert cool["video"]["all"]["logit"]["auc"] == plain["video"]["all"]["logit"]["auc"]
    assert cool["frame"] == plain["frame"]  # there the probabilities are as served


@pytest.mark.parametrize(
    ("validation", "word"),
    [
        ([("a", "real", "0", 1.0), ("a", "real", "1", 2.0)], "only reals"),
        ([("a", "df", "0", 1.0)], "only fakes"),
        ([("a", "df", "0", 1.0), ("a", "real", "0", float("nan"))], "NaN"),
    ],
)
def test_a_validation_split_that_fixes_no_threshold(predictions, made, validation, word):
    metrics = evaluate(predictions, made.columns(validation), resamples=0)
    assert word in metrics["thresholds"]["reason"]
    assert metrics["video"]["all"]["logit"]["balanced_acc_val"]["value"] is None


@pytest.mark.parametrize(("method", "word", "acc"), [("real", "only real", 0.25), ("df", "only fake", 0.75)])
def test_one_class_gives_null_and_a_reason(made, method, word, acc):
    rows = [("a", method, str(k), x) for k, x in enumerate((-1.0, 1.0, 2.0, 3.0))]
    metrics = json.loads(json.dumps(evaluate(made.columns(rows), resamples=20), allow_nan=False))
    for level in ("frame", "video"):
        found = metrics[level]["datasets"]["a"]["logit"]
        assert found["auc"]["value"] is None and word in found["auc"]["reason"] and found["acc"]["value"] == acc


def test_no_number_from_logits_that_are_none(made):
    rows = [("a", "real", "0", float("nan")), ("a", "df", "1", 1.0), ("b", "real", "2", 0.0), ("b", "df", "3", 1.0)]
    metrics = json.loads(json.dumps(evaluate(made.columns(rows), resamples=20), allow_nan=False))
    for level in ("frame", "video"):
        found = metrics[level]["datasets"]["a"]["logit"]
        assert found["acc"]["value"] is None and found["auc"]["value"] is None and "NaN" in found["auc"]["reason"]
        assert metrics[level]["datasets"]["b"]["logit"]["auc"]["value"] == 1
        assert metrics[level]["all"]["logit"]["auc"]["value"] is None


@pytest.fixture
def listed(made):
    """Predictions of six videos, and nine listed videos."""
    rows = [("a", "real", str(k), -1.0 + k) for k in range(3)] + [("a", "df", str(k), k - 0.5) for k in range(3)]
    outcomes = {
        ("real", "0"): "with_face",
        ("real", "1"): "with_face",
        ("real", "2"): "with_face",
        ("real", "3"): "no_face",
    }
    outcomes |= {("df", str(k)): "with_face" for k in range(3)}
    outcomes |= {("df", "3"): "no_face", ("df", "4"): "undecoded"}
    videos = [
        {"video_id": f"a/{method}/{name}", "dataset": "a", "method": method, "label": int(method == "df")}
        | {"outcome": outcome}
        for (method, name), outcome in outcomes.items()
    ]
    return SimpleNamespace(columns=made.columns(rows), videos=videos)


def test_coverage(listed):
    metrics = evaluate(listed.columns, listed=listed.videos, resamples=0)
    coverage = {"listed": 9, "decoded": 8, "with_face": 6, "judged": 6}
    assert metrics["video"]["all"]["coverage"] == metrics["frame"]["datasets"]["a"]["coverage"] == coverage
    assert evaluate(listed.columns, listed=listed.videos[::-1], resamples=0) == metrics


@pytest.mark.parametrize(("no_face", "probability", "sign"), [("real", 0.0, -1), ("fake", 1.0, 1)])
def test_a_video_without_a_face_counts_as_called(listed, no_face, probability, sign):
    """One real and one fake are added, with scores below (above) every other and the same for both."""
    metrics = evaluate(listed.columns, listed.columns, listed.videos, no_face=no_face, resamples=20)
    label = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    score = np.array([-1.0, 0.0, 1.0, -0.5, 0.5, 1.5, sign * 99, sign * 99])
    threshold = metrics["thresholds"]["video"]["logit"]
    found = metrics["video"]["all"]
    assert (found["real"], found["fake"]) == (4, 4)
    for name in SCORES:
        assert found[name]["auc"]["value"] == pytest.approx(roc_auc_score(label, score))
        assert found[name]["ap"]["value"] == pytest.approx(average_precision_score(label, score))
        assert found[name]["acc_val"]["value"] == pytest.approx(np.mean((score > threshold) == label))
        assert found[name]["auc"]["low"] is not None
    probabilities = np.where(np.abs(score) > 50, probability, 1 / (1 + np.exp(-score)))
    assert found["logit"]["brier"]["value"] == pytest.approx(brier_score_loss(label, probabilities))
    assert found["logit"]["acc"]["value"] == pytest.approx(np.mean((probabilities > 0.5) == label))
    assert found["coverage"] == {"listed": 9, "decoded": 8, "with_face": 6, "judged": 8}
    frames = metrics["frame"]["all"]
    assert (frames["real"], frames["fake"]) == (3, 3) and frames["coverage"]["judged"] == 6


def test_a_method_of_which_no_video_has_a_face_is_not_forgotten(listed):
    videos = [
        *listed.videos,
        {"video_id": "a/nt/0", "dataset": "a", "method": "nt", "label": 1, "outcome": "no_face"},
    ]
    videos += [{"video_id": "b/real/0", "dataset": "b", "method": "real", "label": 0, "outcome": "undecoded"}]
    metrics = evaluate(listed.columns, listed=videos, resamples=20)
    for level in ("frame", "video"):
        nt = metrics[level]["datasets"]["a"]["methods"]["nt"]
        assert nt["fake"] == 0 and nt["logit"]["auc"]["reason"] == "only real examples"
        b = metrics[level]["datasets"]["b"]
        assert b["methods"] == {} and b["logit"]["auc"]["reason"] == "no examples"
        assert b["coverage"] == {"listed": 1, "decoded": 0, "with_face": 0, "judged": 0}
    called = evaluate(listed.columns, listed=videos, no_face="real", resamples=20)
    assert (
        called["video"]["datasets"]["a"]["methods"]["nt"]["logit"]["auc"]["value"] == 0.125
    )  # ties with one real of 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.pop(0), "a/real/0: has predictions but is not listed"),
        (lambda rows: rows.append(dict(rows[0], video_id="a/real/9")), "a/real/9: has faces but no prediction"),
        (lambda rows: rows[1].update(label=1), "a/real/1: its label is 1 in the list of videos and 0 in the pred"),
        (lambda rows: rows[1].update(method="x"), "a/real/1: its method is x in the list of videos and real in the"),
        (lambda rows: rows[2].update(outcome="no_face"), "a/real/2: has predictions but counts as 'no_face'"),
        (lambda rows: rows.append(dict(rows[4])), "a/df/0: is listed twice"),
    ],
)
def test_predictions_that_contradict_the_list(listed, change, words):
    change(listed.videos)
    with pytest.raises(InputError, match=words):
        evaluate(listed.columns, listed=listed.videos, resamples=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"no_face": "drop"}, "no_face must be one of .*Received: 'drop'"),
        ({"no_face": "real"}, "no_face='real' needs the list of videos"),
        ({"video_rule": "best"}, "rule must be one of .*Received: 'best'"),
        (
            {"listed": [{"video_id": "a", "dataset": "a", "method": "a", "label": 0, "outcome": "lost"}]},
            "outcome must be one of",
        ),
    ],
)
def test_unknown_options(predictions, options, words):
    with pytest.raises(ValueError, match=words):
        evaluate(predictions, **options)
