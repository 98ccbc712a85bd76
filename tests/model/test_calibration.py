"""Temperatures against closed forms and scikit-learn; what a calibration says, sets, writes and reads."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from artifacts import face_examples
from model import calibration, scoring
from model.calibration import BOUNDS, fit_temperature
from model.detector import DeepfakeDetector


def loop_nll(label, logit, temperature):
    """Mean negative log-likelihood, row by row."""
    total = 0.0
    for y, x in zip(label, logit, strict=True):
        margin = (x if y else -x) / temperature
        total += np.log1p(np.exp(-margin)) if margin > -30 else -margin
    return total / len(label)


# --- the fit ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0, 2.5, 19.0])
def test_frequencies_that_a_temperature_explains_give_that_temperature(temperature):
    """Of four rows at logit ±ln(3) T three are of the class that the sign says, at ±ln(9) T nine of ten."""
    label, logit = [], []
    for sign, likely in ((1, 1), (-1, 0)):
        for odds in (3, 9):
            label += [likely] * odds + [1 - likely]
            logit += [sign * np.log(odds) * temperature] * (odds + 1)
    fit = fit_temperature(label, logit)
    assert fit.temperature == pytest.approx(temperature, rel=1e-9) and fit.reason is None
    assert fit.nll_before == pytest.approx(loop_nll(label, logit, 1.0))
    assert fit.nll_after == pytest.approx(loop_nll(label, logit, temperature))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_slope_of_a_logistic_regression_without_intercept(seed):
    rng = np.random.default_rng(seed)
    label = (rng.random(500) < 0.3).astype(int)
    logit = (rng.normal(size=500) + 1.2 * label) * rng.uniform(0.5, 5)
    regression = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10, max_iter=1000)
    slope = regression.fit(logit[:, None], label).coef_[0, 0]
    assert fit_temperature(label, logit).temperature == pytest.approx(1 / slope, rel=1e-5)


ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(-1e4, 1e4, width=32) | st.integers(-3, 3) | st.sampled_from([-1e30, 1e30])),
    min_size=1,
    max_size=30,
)


@given(ROWS)
def test_no_temperature_within_the_bounds_is_better(rows):
    label, logit = (np.array(column) for column in zip(*rows, strict=True))
    fit = fit_temperature(label, logit)
    assert BOUNDS[0] <= fit.temperature <= BOUNDS[1]
    assert (fit.reason is None) or fit.temperature in (1.0, BOUNDS[1])
    assert fit.nll_after == pytest.approx(loop_nll(label, logit, fit.temperature), rel=1e-9)
    assert fit.nll_after <= fit.nll_before
    if len(set(label)) == 2 and fit.reason != LOWER:
        for other in np.geomspace(*BOUNDS, 25):
            assert fit.nll_after <= loop_nll(label, logit, other) * (1 + 1e-9) + 1e-12


# What a split says that has no best temperature.
LOWER = "below 0.05 would be best: the logits separate the classes, or are tiny"
UPPER = "at its upper bound 20: the logits do not tell the classes apart, or are huge"


@pytest.mark.parametrize(
    "label, logit, temperature, reason",
    [
        ([], [], 1, "no validation examples"),
        ([0, 1], [np.nan, 1.0], 1, "the model gave NaN or infinite logits"),
        ([0, 1], [-np.inf, 1.0], 1, "the model gave NaN or infinite logits"),
        ([0, 0], [-1.0, 1.0], 1, "only real examples"),
        ([1], [3.0], 1, "only fake examples"),
        ([0, 1], [0.0, 0.0], 1, "every logit is 0"),
        ([0, 0, 1], [-2.0, 1.0, 3.0], None, None),
        ([0, 0, 1], [-2.0, -1.0, 3.0], 1, LOWER),
        ([0, 1], [-100.0, 0.0], 1, LOWER),
        ([0, 1], [2.0, -1.0], 20, UPPER),
        ([0, 1, 0, 1], [1.0, 1.0, -1.0, -1.0], 20, UPPER),
        ([0, 1], [1e30, -1e30], 20, UPPER),
        ([0, 1, 1], [-1e-4, 2e-4, -1e-5], 1, LOWER),
        ([0, 1, 1], [-900.0, 1000.0, -800.0], 20, UPPER),
    ],
)
def test_what_cannot_be_fitted_has_a_reason(label, logit, temperature, reason):
    fit = fit_temperature(label, logit)
    assert fit.reason == reason
    if temperature is None:
        assert BOUNDS[0] < fit.temperature < BOUNDS[1]
    else:
        assert fit.temperature == temperature
    if temperature == 1:
        assert fit.nll_before == fit.nll_after
    assert (fit.nll_before is None) == (not len(label) or not np.isfinite(logit).all())


# --- a detector's -----------------------------------------------------------------------------------------------------
@pytest.fixture
def build(small_recipe):
    """build(**choices) is a detector of random weights with logits of some size."""

    def make(**choices):
        recipe = small_recipe(**choices)
        keras.utils.set_random_seed(recipe.seed)
        detector = DeepfakeDetector(recipe)
        detector.classifier.bias.assign([0.2, 0.0])
        return detector

    return make


@pytest.fixture
def val_files(examples_dir):
    return face_examples.find_files(str(examples_dir), "val")


def test_the_detector_gets_the_temperature_of_its_faces(build, val_files):
    detector = build()
    frames = scoring.join_batches(scoring.score_examples(scoring.predictor(detector), val_files))
    found = calibration.calibrate(detector, val_files)
    of_frames = fit_temperature(frames["label"], frames["logit"])
    by_video = {}
    for video, label, logit in zip(frames["video_id"], frames["label"], frames["logit"], strict=True):
        by_video.setdefault((video, label), []).append(float(logit))
    of_videos = fit_temperature([label for _, label in by_video], [np.mean(logits) for logits in by_video.values()])
    assert (found["frame"], found["faces"], found["videos"]) == (of_frames.temperature, 16, 8)
    assert found["video"] == pytest.approx(of_videos.temperature, rel=1e-6)
    assert found["nll_before"]["frame"] == of_frames.nll_before
    assert found["nll_after"]["video"] == pytest.approx(of_videos.nll_after)
    deviations = [np.array(logits) - np.mean(logits) for logits in by_video.values()]
    pooled = sum(float(np.sum(part**2)) for part in deviations) / (16 - 8)
    assert found["spread"] == pytest.approx(np.sqrt(pooled), rel=1e-5) and found["spread"] > 0
    assert float(detector.temperature) == np.float32(found["frame"]) != 1
    assert calibration.calibrate(detector, val_files) == found  # the logit does not depend on it


@pytest.mark.parametrize(
    "choices, reason",
    [
        ({}, "no validation examples"),
        ({"cross_entropy_weight": 0, "expander": False}, "the recipe trains no classifier"),
    ],
)
def test_without_files_or_a_classifier_the_temperature_is_one(choices, reason, build, val_files):
    detector = build(**choices)
    detector.temperature.assign(3.0)
    found = calibration.calibrate(detector, val_files if choices else [])
    nothing = {"frame": None, "video": None}
    assert found == {
        "frame": 1.0, "video": 1.0, "faces": 0, "videos": 0, "nll_before": nothing, "nll_after": nothing,
        "spread": None, "reason": reason,
    }  # fmt: skip
    assert float(detector.temperature) == 1


@pytest.mark.parametrize(
    "frame, video, expected",
    [
        (None, None, None),
        ("a", "a", "a"),
        ("a", "b", "frame: a; video: b"),
        (None, "b", "video: b"),
        ("a", None, "frame: a"),
    ],
)
def test_a_reason_names_its_level_where_they_differ(frame, video, expected, build, monkeypatch):
    reasons = iter((frame, video))
    monkeypatch.setattr(calibration, "fit_temperature", lambda *rows: calibration.Fit(2.0, 1.0, 0.5, next(reasons)))
    assert calibration.calibrate(build(), [])["reason"] == expected


def test_the_spread_is_that_around_each_video_and_needs_two_faces_of_one():
    assert calibration.spread_within_videos(["a", "a", "b"], [1.0, 3.0, 100.0]) == pytest.approx(np.sqrt(2))
    assert calibration.spread_within_videos(["a", "b"], [1.0, 3.0]) is None
    assert calibration.spread_within_videos(["a", "a"], [1.0, np.nan]) is None
