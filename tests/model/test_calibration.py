"""Temperatures against closed forms and scikit-learn; what a calibration says, sets, writes and reads."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from artifacts import face_examples
from artifacts.video_rules import VIDEO_RULES
from model import calibration, scoring
from model.calibration import BOUNDS, fit_temperature
from model.detector import DeepfakeDetector
from model.video_logits import videos_with_several_faces


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


@pytest.mark.slow
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
    assert found["fits"]["frame"] == of_frames._asdict() and found["readout"] == "classifier"
    assert found["fits"]["all"]["mean_logit"]["nll_after"] == pytest.approx(of_videos.nll_after)
    assert found["fits"]["all"] == found["fits"]["main"] and found["several_faces"] == 0
    deviations = [np.array(logits) - np.mean(logits) for logits in by_video.values()]
    pooled = sum(float(np.sum(part**2)) for part in deviations) / (16 - 8)
    assert found["spread"] == pytest.approx(np.sqrt(pooled), rel=1e-5) and found["spread"] > 0
    assert float(detector.temperature) == np.float32(found["frame"]) != 1
    assert calibration.calibrate(detector, val_files) == found  # the logit does not depend on it


def test_without_files_the_temperature_is_one(build):
    detector = build()
    detector.temperature.assign(3.0)
    nothing = {"temperature": 1.0, "nll_before": None, "nll_after": None, "reason": "no validation examples"}
    by_rule = dict.fromkeys(VIDEO_RULES, nothing)
    assert calibration.calibrate(detector, []) == {
        "readout": "classifier", "frame": 1.0, "video": 1.0,
        "fits": {"frame": nothing, "main": by_rule, "all": by_rule},
        "faces": 0, "videos": 0, "several_faces": 0, "spread": None, "reason": "no validation examples",
    }  # fmt: skip
    assert float(detector.temperature) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "reasons, expected",
    [
        ([None] * 5, None),
        (["a"] * 5, "a"),
        (["a", "b", None, None, None], "frame: a; mean_logit: b"),
        ([None, None, None, None, "b"], "max_logit: b"),
    ],
)
def test_a_reason_names_what_it_is_of_where_they_differ(reasons, expected, build, monkeypatch):
    # Frames, then the rules for the main person, then for all.
    waiting = iter([*reasons, *reasons[1:]])
    monkeypatch.setattr(calibration, "fit_temperature", lambda *rows: calibration.Fit(2.0, 1.0, 0.5, next(waiting)))
    assert calibration.calibrate(build(), [])["reason"] == expected


# --- by video rule ----------------------------------------------------------------------------------------------------
def simulate(seed, tracks, videos=500):
    """Faces of videos with 3 to 24 frames a track: a video's own level, which its label moves, and noise of its frames.

    A fake video with several people has one fake face.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for video in range(videos):
        label, people = video % 2, int(rng.integers(1, tracks + 1))
        faked = rng.integers(people)
        for track in range(people):
            level = rng.normal(1.5 if label and track == faked else -1.5, 2.5)
            rows += [(f"v{video:03d}", label, track, f, level + rng.normal(0, 1.5)) for f in range(rng.integers(3, 25))]
    rows = [rows[k] for k in rng.permutation(len(rows))]
    names = ("video_id", "label", "face/track", "frame/index", "logit")
    kinds = (object, np.int64, np.int64, np.int64, np.float32)
    return {n: np.array(c, k) for n, c, k in zip(names, zip(*rows, strict=True), kinds, strict=True)}


def by_loops(frames, rule, frame_temperature, faces):
    """(label, logit) of each video, track by track."""
    people = {}
    names = ("video_id", "label", "face/track", "logit")
    for video, label, track, logit in zip(*(frames[name] for name in names), strict=True):
        people.setdefault((video, label), {}).setdefault(track, []).append(float(logit))

    def of_track(logits):
        if rule == "mean_probability":
            mean = np.mean(1 / (1 + np.exp(-np.array(logits) / frame_temperature)))
            return frame_temperature * np.log(mean / (1 - mean))
        return {"mean_logit": np.mean, "median_logit": np.median, "max_logit": np.max}[rule](logits)

    label = np.array([label for _, label in people])
    joined = [[of_track(tracks[t]) for t in sorted(tracks)] for tracks in people.values()]
    return label, np.array([values[0] if faces == "main" else max(values) for values in joined])


def calibration_error(label, probability):
    """Expected calibration error over 15 bins, bin by bin."""
    place = np.minimum((probability * 15).astype(int), 14)
    return sum(abs(np.sum(label[place == b] - probability[place == b])) for b in range(15)) / len(label)


@pytest.mark.parametrize("faces", ["main", "all"])
@pytest.mark.parametrize("rule", VIDEO_RULES)
def test_each_rule_has_the_temperature_that_another_optimiser_finds(rule, faces):
    frames = simulate(1, tracks=3)
    fits = calibration.fit_all(frames)
    label, logit = by_loops(frames, rule, fits["frame"]["temperature"], faces)
    best = minimize_scalar(
        lambda log_t: np.mean(np.logaddexp(0, (1 - 2 * label) * logit / np.exp(log_t))), (-1, 1), tol=1e-10
    )
    assert fits[faces][rule]["temperature"] == pytest.approx(np.exp(best.x), rel=1e-4)
    assert fits[faces][rule]["nll_after"] == pytest.approx(best.fun)


def test_the_highest_logit_needs_more_than_the_mean_logit_does():
    """The temperature of the mean, which used to be shipped for every rule, leaves the highest far too sure."""
    fits = calibration.fit_all(simulate(2, tracks=1))["all"]
    mean, highest = (fits[rule]["temperature"] for rule in ("mean_logit", "max_logit"))
    label, logit = by_loops(simulate(3, tracks=1), "max_logit", 1.0, "all")  # other videos than those of the fit
    by_mean, by_own = (calibration_error(label, 1 / (1 + np.exp(-logit / t))) for t in (mean, highest))
    assert highest > 2 * mean and by_own < 0.85 * by_mean


def test_videos_with_several_people_are_counted():
    frames = simulate(4, tracks=2, videos=40)
    people = {}
    for video, track in zip(frames["video_id"], frames["face/track"], strict=True):
        people.setdefault(video, set()).add(track)
    assert videos_with_several_faces(frames) == sum(len(tracks) > 1 for tracks in people.values()) > 0


def test_logits_that_are_no_numbers_fit_nothing():
    frames = simulate(5, tracks=1, videos=4)
    frames["logit"][3] = np.nan
    fits = calibration.fit_all(frames)
    assert {fits["all"]["max_logit"]["reason"], fits["frame"]["reason"]} == {"the model gave NaN or infinite logits"}


def test_the_spread_is_that_around_each_video_and_needs_two_faces_of_one():
    assert calibration.spread_within_videos(["a", "a", "b"], [1.0, 3.0, 100.0]) == pytest.approx(np.sqrt(2))
    assert calibration.spread_within_videos(["a", "b"], [1.0, 3.0]) is None
    assert calibration.spread_within_videos(["a", "a"], [1.0, np.nan]) is None
