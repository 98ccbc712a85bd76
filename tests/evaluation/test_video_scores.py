"""Frames joined to videos, worked out again with loops over dicts."""

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from artifacts.errors import InputError
from evaluation.video_scores import videos_of
from evaluation.vocabulary import VIDEO_RULES

NUMBERS = ("frame_index", "track", "logit", "center_similarity")


def columns(rows):
    """Columns from (video_id, frame, track, logit, similarity); method and data set are in the id."""
    rows = [dict(zip(("video_id", *NUMBERS), row, strict=True)) for row in rows]
    for row in rows:
        row["dataset"], row["method"], _ = row["video_id"].split("/")
        row["label"] = int(row["method"] != "real")
    kinds = {"video_id": object, "dataset": object, "method": object, "label": np.int8}
    kinds |= {"frame_index": np.int32, "track": np.int32, "logit": np.float32, "center_similarity": np.float32}
    return {name: np.array([row[name] for row in rows], kind) for name, kind in kinds.items()}


def joined(values, rule):
    values = [float(value) for value in values]
    if rule == "median_logit":
        return float(np.median(values))
    return max(values) if rule == "max_logit" else sum(values) / len(values)


SOME = [
    ("a/df/1", 0, 0, 2.0, -0.5),
    ("a/real/1", 7, 0, -1.0, 0.9),
    ("a/df/1", 9, 0, -1.0, 0.1),
    ("a/df/1", 4, 0, 5.0, 0.2),
    ("a/df/1", 4, 1, 1.0, -0.9),
    ("b/real/1", 0, 0, 3.0, 0.3),
    ("a/df/1", 9, 1, 1.5, -0.7),
    ("b/real/1", 2, 0, 2.5, 0.4),
]


@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_a_video_is_its_highest_track_by_the_rule(rule):
    found = videos_of(columns(SOME), rule, {"frame": 2.0, "video": 4.0})
    assert found["video_id"].tolist() == ["a/df/1", "a/real/1", "b/real/1"]
    assert found["label"].tolist() == [1, 0, 0] and found["frames"].tolist() == [5, 1, 2]
    assert found["dataset"].tolist() == ["a", "a", "b"] and found["method"].tolist() == ["df", "real", "real"]
    for place, video in enumerate(found["video_id"]):
        logits, away = [], []
        for track in {row[2] for row in SOME if row[0] == video}:
            rows = [row for row in SOME if row[0] == video and row[2] == track]
            if rule == "mean_probability":
                mean = np.mean([expit(row[3] / 2.0) for row in rows])
                logits.append(2.0 * np.log(mean / (1 - mean)))
            else:
                logits.append(joined([row[3] for row in rows], rule))
            away.append(joined([-np.float32(row[4]) for row in rows], rule))
        assert found["logit"][place] == pytest.approx(max(logits), rel=1e-9)
        assert found["center_similarity"][place] == pytest.approx(-max(away), rel=1e-9)
        assert found["fake_probability"][place] == pytest.approx(expit(max(logits) / 4.0), rel=1e-9)


def test_without_a_temperature_of_the_rule_only_the_mean_of_probabilities_has_one():
    """Models of before hold a temperature for the mean logit only; a mean of probabilities needs none of its own."""
    table = columns([("a/df/0", 0, 0, -3.0, 0.0), ("a/df/0", 1, 0, 1.0, 0.0)])
    temperature = {"frame": 2.0, "video": None}
    probability = {rule: videos_of(table, rule, temperature)["fake_probability"][0] for rule in VIDEO_RULES}
    assert probability["mean_probability"] == pytest.approx((expit(-1.5) + expit(0.5)) / 2)
    assert probability["mean_logit"] == probability["median_logit"] == pytest.approx(expit(-1.0))
    assert probability["max_logit"] == pytest.approx(expit(1.0))


rows = st.lists(
    st.tuples(
        st.sampled_from(["a/real/0", "a/df/0", "a/nt/0", "b/real/0", "b/real/1"]),
        st.integers(0, 50),
        st.integers(0, 1),
        st.floats(-90, 90, width=32),
        st.floats(-1, 1, width=32),
    ),
    max_size=30,
    unique_by=lambda row: row[:3],
)


@settings(max_examples=100, deadline=None)
@given(rows=rows, rule=st.sampled_from(list(VIDEO_RULES)), seed=st.integers(0, 9))
def test_neither_the_order_of_rows_nor_the_dictionary_matters(rows, rule, seed):
    """To the last bit: sums are made in one order, whatever order the rows come in."""
    table = columns(rows)
    order = np.random.default_rng(seed).permutation(len(rows))
    mixed = {name: values[order] for name, values in table.items()}
    for name in ("video_id", "dataset", "method"):
        names = [*sorted(set(mixed[name]), reverse=seed % 2 == 0), "unused"]
        codes = np.array([names.index(text) for text in mixed[name]], np.int32)
        mixed[name] = pyarrow.DictionaryArray.from_arrays(codes, names)
    first, again = videos_of(table, rule), videos_of(mixed, rule)
    assert first["video_id"].tolist() == sorted({row[0] for row in rows})
    for name, values in first.items():
        assert values.tolist() == again[name].tolist()


def test_saturated_videos_stay_in_order():
    """The mean of probabilities rounds to 1 for each of them."""
    table = columns([(f"a/df/{k}", frame, 0, 40.0 + k + frame, 0.0) for k in range(5) for frame in range(3)])
    found = videos_of(table, "mean_probability")
    assert (np.diff(found["logit"]) > 0.9).all() and np.isfinite(found["logit"]).all()
    far = columns([("a/df/0", 0, 0, -3000.0, 0.0), ("a/df/1", 0, 0, 3000.0, 0.0)])
    assert videos_of(far, "mean_probability")["logit"].tolist() == [-3000, 3000]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_what_is_no_number_stays_none(rule, odd):
    logits = [("a/df/0", 1.0), ("a/df/0", odd), ("a/df/0", 3.0), ("a/df/1", 1.0)]
    table = columns([(video, frame, 0, logit, 0.0) for frame, (video, logit) in enumerate(logits)])
    found = videos_of(table, rule)
    assert np.isnan(found["logit"]).tolist() == np.isnan(found["fake_probability"]).tolist() == [True, False]
    assert found["center_similarity"].tolist() == [0, 0]


@pytest.mark.parametrize(("name", "value", "words"), [("label", 1, "0 and 1"), ("method", "df", "df and real")])
def test_rows_of_one_video_must_agree(name, value, words):
    table = columns([("a/real/0", 0, 0, 1.0, 0.0), ("a/real/1", 0, 0, 1.0, 0.0), ("a/real/1", 5, 0, 1.0, 0.0)])
    table[name][2] = value
    with pytest.raises(InputError, match=f"a/real/1: its rows differ in {name}: {words}. A video_id must name one"):
        videos_of(table)


def test_a_face_counts_once():
    table = columns([("a/real/0", 3, 0, 1.0, 0.0), ("a/real/1", 3, 0, 1.0, 0.0), ("a/real/0", 3, 0, 2.0, 0.0)])
    with pytest.raises(InputError, match="a/real/0: frame 3, track 0 occurs twice"):
        videos_of(table)


def test_an_unknown_rule():
    with pytest.raises(ValueError, match="rule must be one of .*Received: 'mean'"):
        videos_of(columns(SOME), "mean")
