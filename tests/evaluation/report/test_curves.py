import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score, roc_curve

from evaluation.figures import compute
from evaluation.report import curves


def _rows(seed, count, ties=False):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, count)
    label[:2] = 0, 1
    score = rng.normal(1.1 * label, 1).astype(np.float32)
    return label, np.round(score) if ties else score


def _stray(x, y, at_x, at_y):
    """How far the points (x, y) lie from the line through (at_x, at_y), at most."""
    far = 0.0
    for px, py in zip(x, y, strict=True):
        ax, ay, bx, by = at_x[:-1], at_y[:-1], at_x[1:], at_y[1:]
        length = (bx - ax) ** 2 + (by - ay) ** 2
        share = np.clip(((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / np.where(length, length, 1), 0, 1)
        far = max(far, np.hypot(ax + share * (bx - ax) - px, ay + share * (by - ay) - py).min())
    return far


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=40))
@settings(deadline=None, max_examples=60)
def test_few_rows_give_the_whole_curve(rows):
    label, score = (np.array(part) for part in zip(*rows, strict=True))
    if label.all() or not label.any():
        return
    false, true = curves.roc(label, score)
    expected = roc_curve(label, score, drop_intermediate=False)
    assert np.allclose(false, expected[0]) and np.allclose(true, expected[1])
    assert np.trapezoid(true, false) == pytest.approx(roc_auc_score(label, score))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("count", [3000, 60_000])
def test_many_rows_give_few_points_without_visible_change(count, log, ties):
    label, score = _rows(3, count, ties)
    false, true = curves.roc(label, score, log=log)
    assert len(false) <= 402 and (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    exact = roc_curve(label, score, drop_intermediate=False)
    vertices = set(zip(exact[0].round(9), exact[1].round(9), strict=True))
    assert set(zip(false.round(9), true.round(9), strict=True)) <= vertices
    reals = (label == 0).sum()

    def x(rate):
        return 1 - np.log(np.maximum(rate, 0.5 / reals)) / np.log(0.5 / reals) if log else rate

    some = np.linspace(0, len(exact[0]) - 1, 3000).astype(int)
    assert _stray(x(exact[0][some]), exact[1][some], x(false), true) < 2**0.5 / 400


def test_infinite_scores_have_their_place():
    false, true = curves.roc(np.array([0, 1, 0, 1]), np.array([-np.inf, np.inf, 0.0, 1.0]))
    assert np.trapezoid(true, false) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reliability_against_a_loop_and_scikit_learn(dtype):
    rng = np.random.default_rng(0)
    probability = np.r_[rng.beta(0.3, 0.4, 400), 0, 1, 1 / 15, 14 / 15].astype(dtype).astype(np.float64)
    label = (rng.random(404) < probability).astype(np.int8)
    found = curves.reliability(label, probability)
    for k in range(15):
        inside = [k == 14 if p == 1 else k <= 15 * p < k + 1 for p in probability]
        assert found["count"][k] == sum(inside)
        assert found["predicted"][k] == pytest.approx(probability[inside].mean())
        assert found["observed"][k] == pytest.approx(label[inside].mean())
    observed, predicted = calibration_curve(label[:400], probability[:400], n_bins=15)
    found = curves.reliability(label[:400], probability[:400])
    assert np.allclose(found["observed"], observed) and np.allclose(found["predicted"], predicted)


def test_reliability_shows_the_calibration_error_of_the_table():
    label, score = _rows(5, 2000)
    probability = 1 / (1 + np.exp(-score.astype(np.float64)))
    found = curves.reliability(label, probability)
    held = found["count"] > 0
    gap = np.abs(found["observed"] - found["predicted"])[held]
    error, reason = compute(label, score, probability)["ece"]
    assert reason is None and error == pytest.approx((gap * found["count"][held]).sum() / 2000)


def test_empty_bins_hold_no_number():
    found = curves.reliability(np.array([0, 1]), np.array([0.99, 0.98]))
    assert found["count"].sum() == 2 and np.isnan(found["observed"][:-1]).all() and found["observed"][-1] == 0.5


def test_histograms_count_every_finite_score():
    score = np.array([np.nan, -np.inf, 1.0, 2.0, 2.0, 5.0, np.inf])
    edges = curves.edges_of(score, 4)
    assert edges.tolist() == [1, 2, 3, 4, 5] and curves.histogram(score, edges).tolist() == [1, 2, 0, 1]
    assert curves.edges_of(np.array([np.nan])) is None
    assert curves.histogram(np.array([3.0]), curves.edges_of(np.array([3.0]))).sum() == 1
