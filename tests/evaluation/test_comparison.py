"""A model beside the last blessed one; all is worked out again by loops and scikit-learn, rows as tuples."""

import numpy as np
import pyarrow
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from artifacts.predictions import TEXTS
from evaluation.blessing import Threshold
from evaluation.comparison import compare
from evaluation.metrics import evaluate
from evaluation.vocabulary import FIGURE_KEYS

METHODS = {"a": ("df", "nt"), "b": ("fake",)}
LOW_IS_GOOD = {"eer", "brier", "ece"}


def _threshold(metric="auc", **more):
    return Threshold(**{"metric": metric, "max" if metric in LOW_IS_GOOD else "min": 0.5, **more})


def _other(frames, rng, noise=0.7, shift=0.0):
    """Another model's predictions of the same faces: noisier, and `shift` further towards real for fakes."""
    logit = frames["logit"] + rng.normal(0, noise, len(frames["logit"])) - shift * frames["label"]
    logit = logit.astype(np.float32)
    return frames | {
        "logit": logit,
        "center_similarity": np.tanh(-0.3 * logit),
        "fake_probability": (1 / (1 + np.exp(-logit / 0.8))).astype(np.float32),
    }


@pytest.fixture(scope="module")
def pair(made):
    """Two models' predictions of the same faces, in the same order."""
    rng = np.random.default_rng(0)
    frames = made.full_columns(rng, METHODS, videos=12, per_video=4)["frame"]
    return frames, _other(frames, rng)


def _same(row, other):
    """Whether two rows of a comparison agree, but for rounding in the order of sums."""
    numbers = [name for name, value in row.items() if isinstance(value, float)]
    assert {k: v for k, v in row.items() if k not in numbers} == {k: v for k, v in other.items() if k not in numbers}
    assert [row[name] for name in numbers] == pytest.approx([other[name] for name in numbers], rel=1e-6, abs=1e-9)


def _rows(columns, order):
    return {name: values[order] for name, values in columns.items()}


def _tuples(frames, dataset, method, level):
    """(video, label, logit) of each row of a group, the videos' mean logits where the level is video."""
    rows = [
        (video, label, float(logit))
        for video, of, how, label, logit in zip(
            *(frames[name] for name in ("video_id", "dataset", "method", "label", "logit")), strict=True
        )
        if dataset in ("all", of) and (method is None or label == 0 or how == method)
    ]
    if level == "frame":
        return rows
    by_video = {}
    for video, label, logit in rows:
        by_video.setdefault((video, label), []).append(logit)
    return [(video, label, float(np.mean(logits))) for (video, label), logits in by_video.items()]


def _auc(fake, score):
    return np.mean((score[fake][:, None] > score[~fake]) + 0.5 * (score[fake][:, None] == score[~fake]))


GROUPS = [("all", None), ("a", None), ("a", "df"), ("b", None)]


@pytest.mark.parametrize("level", ["frame", "video"])
@pytest.mark.parametrize(("dataset", "method"), GROUPS)
def test_values_against_scikit_learn(pair, dataset, method, level):
    thresholds = [_threshold(metric, dataset=dataset, method=method, level=level) for metric in ("auc", "acc")]
    temperature = {"frame": 1.4, "video": 1.0}
    auc, acc = compare(*pair, thresholds, resamples=200, temperatures=(temperature, temperature))
    expected = []
    for frames in pair:
        _, label, logit = zip(*_tuples(frames, dataset, method, level), strict=True)
        expected.append((roc_auc_score(label, logit), accuracy_score(label, np.array(logit) > 0)))
    for row, (ours, last) in zip((auc, acc), zip(*expected, strict=True), strict=True):
        assert (row["ours"], row["last"]) == (pytest.approx(ours), pytest.approx(last))
        assert row["difference"] == pytest.approx(ours - last)
        assert row["low"] < row["difference"] < row["high"] and row["reason"] is None and row["left_out"] == 0
    assert {key: auc[key] for key in ("dataset", "method", "level", "key", "score")} == {
        "dataset": dataset, "method": method, "level": level, "key": "auc", "score": "logit"
    }  # fmt: skip


def test_interval_against_a_bootstrap_by_hand(pair):
    """Draw videos with all their frames, reals and each kind of fakes by themselves, from lists of tuples."""
    rng = np.random.default_rng(5)
    (row,) = compare(*pair, [_threshold(dataset="a", level="frame")], resamples=2000)
    ours, last = (_tuples(frames, "a", None, "frame") for frames in pair)
    strata = {}
    for (video, label, x), (same, _, y) in zip(ours, last, strict=True):
        assert video == same
        strata.setdefault(video.split("/")[1], {}).setdefault(video, []).append((label, x, y))
    assert sorted(strata) == ["df", "nt", "real"]
    draws = []
    for _ in range(2000):
        drawn = []
        for videos in strata.values():
            names = list(videos)
            for number in rng.integers(len(names), size=len(names)):
                drawn += videos[names[number]]
        label, x, y = zip(*drawn, strict=True)
        fake = np.array(label) == 1
        draws.append(_auc(fake, np.array(x)) - _auc(fake, np.array(y)))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert (row["low"], row["high"]) == (
        pytest.approx(low, abs=0.15 * (high - low)),
        pytest.approx(high, abs=0.15 * (high - low)),
    )


def test_ours_is_what_the_evaluation_says(pair, made):
    frames, last = pair
    validation = made.full_columns(np.random.default_rng(9), METHODS, videos=6, per_video=2)["frame"]
    temperature = {"frame": 1.4, "video": 1.1}
    options = {"video_rule": "median_logit"}
    metrics = [evaluate(each, validation, resamples=0, temperature=temperature, **options) for each in pair]
    thresholds = [_threshold(key, dataset="b", level=level) for key in FIGURE_KEYS for level in ("frame", "video")]
    thresholds += [
        _threshold(key, dataset="b", score="center_similarity") for key in ("auc", "acc_val", "eer", "balanced_acc_val")
    ]
    fixed = tuple(each["thresholds"] for each in metrics)
    rows = compare(
        frames, last, thresholds, resamples=200, temperatures=(temperature, temperature), fixed=fixed, **options
    )
    assert len(rows) == len(thresholds)
    for row in rows:
        group = [each[row["level"]]["datasets"]["b"][row["score"]][row["key"]] for each in metrics]
        assert [row["ours"], row["last"]] == [pytest.approx(figure["value"]) for figure in group]
        if row["ours"] is None:
            assert (
                row["difference"] is None and row["reason"] == group[0]["reason"] and "real examples" in row["reason"]
            )
        else:
            assert row["difference"] == pytest.approx(row["ours"] - row["last"])
    assert sum(row["ours"] is None for row in rows) == 4, "TPR needs more reals than these"


def test_order_and_encoding_do_not_matter(pair):
    frames, last = pair
    thresholds = [_threshold(), _threshold("ap", dataset="a", method="nt", level="frame"), _threshold("ece")]
    expected = compare(frames, last, thresholds, resamples=200)
    encoded = {name: pyarrow.array(v).dictionary_encode() if name in TEXTS else v for name, v in last.items()}
    assert compare(frames, encoded, thresholds, resamples=200) == expected
    order = np.random.default_rng(1).permutation(len(last["label"]))
    shuffled = _rows(last, order)
    others = {name: pyarrow.array(v).dictionary_encode() if name in TEXTS else v for name, v in shuffled.items()}
    for row, same in zip(compare(frames, others, thresholds, resamples=200), expected, strict=True):
        _same(row, same)
    for row, same in zip(compare(shuffled, frames, thresholds, resamples=200), expected, strict=True):
        assert row["difference"] == pytest.approx(-same["difference"]) and row["low"] == pytest.approx(-same["high"])


def test_only_shared_faces_count_and_the_others_are_told(pair):
    frames, last = pair
    rng = np.random.default_rng(2)
    ours_kept, last_kept = (rng.random(len(frames["label"])) < 0.8 for _ in range(2))
    both = ours_kept & last_kept
    thresholds = [_threshold(dataset=d, method=m, level=level) for d, m in GROUPS for level in ("frame", "video")]
    rows = compare(_rows(frames, ours_kept), _rows(last, last_kept), thresholds, resamples=200)
    expected = compare(_rows(frames, both), _rows(last, both), thresholds, resamples=200)
    for row, same in zip(rows, expected, strict=True):
        of_group = [row["dataset"] in ("all", d) and (row["method"] is None or m in ("real", row["method"]))
                    for d, m in zip(frames["dataset"], frames["method"], strict=True)]  # fmt: skip
        assert row["left_out"] == int(np.sum((ours_kept ^ last_kept) & of_group)) > 0
        _same(row | {"left_out": 0}, same)


def test_a_face_is_known_by_video_frame_and_track(pair):
    frames, last = pair
    for name in ("frame_index", "track"):
        (row,) = compare(frames, last | {name: last[name] + 1000}, [_threshold()], resamples=200)
        assert row["reason"] == "no examples" and row["left_out"] == 2 * len(frames["label"])
        assert row["ours"] is row["last"] is row["difference"] is row["low"] is row["high"] is None
    tracks = np.arange(len(frames["label"]), dtype=np.int32) % 2
    renamed = frames | {"track": tracks, "frame_index": frames["frame_index"] // 20}
    (row,) = compare(renamed, _rows(renamed, slice(None, None, -1)), [_threshold()], resamples=200)
    assert row["difference"] == row["low"] == row["high"] == 0 and row["left_out"] == 0


def test_one_class_and_unknown_groups_have_a_reason(pair):
    only = _rows(pair[0], pair[0]["label"] == 1)
    (row,) = compare(only, only, [_threshold()], resamples=200)
    assert (row["ours"], row["difference"], row["reason"]) == (None, None, "only fake examples")
    for threshold in (_threshold(dataset="c"), _threshold(dataset="b", method="df")):
        (row,) = compare(*pair, [threshold], resamples=200)
        assert row["difference"] is None and row["reason"] in ("no examples", "only real examples")


def test_one_last_model_that_gives_nonsense(pair):
    broken = pair[1] | {"logit": np.full(len(pair[1]["label"]), np.nan, np.float32)}
    (row,) = compare(pair[0], broken, [_threshold(level="frame")], resamples=200)
    assert row["ours"] is not None and row["last"] is row["difference"] is None and "NaN" in row["reason"]


def test_a_figure_is_compared_once(pair):
    thresholds = [_threshold(min=0.5), _threshold(min=0.9, on="interval"), _threshold("acc")]
    assert [row["key"] for row in compare(*pair, thresholds, resamples=200)] == ["auc", "acc"]


def _world(rng, reals=40, fakes=40, per_video=3):
    """Scores of hard and easy videos; what is common to both models, and a function that gives a model of a quality."""
    label = np.repeat([0, 1], [reals, fakes])
    video = np.repeat(np.arange(reals + fakes), per_video)
    hardness = rng.normal(0, 1, reals + fakes)
    names = np.array([f"d/{'fake' if k >= reals else 'real'}/{k}" for k in range(reals + fakes)], object)
    common = {
        "video_id": names[video], "dataset": np.full(len(video), "d", object), "label": label[video].astype(np.int8),
        "method": np.where(label[video] == 1, "fake", "real").astype(object),
        "frame_index": np.tile(np.arange(per_video, dtype=np.int32), reals + fakes),
        "track": np.zeros(len(video), np.int32),
    }  # fmt: skip

    def model(quality):
        own = 0.5 * rng.normal(size=reals + fakes)
        logit = (quality * label + hardness + own)[video] + rng.normal(0, 0.5, len(video))
        return common | {"logit": logit.astype(np.float32), "center_similarity": -logit,
                         "fake_probability": 1 / (1 + np.exp(-logit))}  # fmt: skip

    return model


@pytest.mark.slow
def test_equal_models_are_found_different_at_the_nominal_rate():
    """Of 200 pairs of equally good models, 5 % have an interval without 0, though the frames of a video go together."""
    rng = np.random.default_rng(3)
    better = worse = 0
    for _ in range(200):
        model = _world(rng)
        (row,) = compare(model(1.5), model(1.5), [_threshold(level="frame")], resamples=200)
        better, worse = better + (row["low"] > 0), worse + (row["high"] < 0)
    # A binomial count of 200 and 0.05 lies between 2 and 20 with a probability of 0.998.
    assert 2 <= better + worse <= 20 and better and worse


@pytest.mark.slow
def test_a_worse_model_is_found_worse():
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(40):
        model = _world(rng)
        (row,) = compare(model(1.0), model(2.5), [_threshold()], resamples=200)
        found += row["high"] < 0
        assert row["difference"] < 0
    assert found >= 38
