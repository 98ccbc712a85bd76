"""The interval by its formula in loops, and how often it holds the true mean."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from serving.verdict.uncertainty import FEWEST, RANGE_FROM, effective_count, interval

logits = st.lists(st.floats(-30, 30), min_size=1, max_size=40)


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


def autoregressive(rng, count, correlation):
    """A stationary AR(1) series with mean 0."""
    values = [rng.normal() / math.sqrt(1 - correlation**2)]
    for _ in range(count - 1):
        values.append(correlation * values[-1] + rng.normal())
    return np.array(values)


def test_the_formula_in_loops():
    values, temperature = [1.0, 1.4, 1.1, 0.2, 0.4, 0.1], 1.7
    n = len(values)
    mean = sum(values) / n
    squares = sum((v - mean) ** 2 for v in values)
    r = sum((values[k] - mean) * (values[k + 1] - mean) for k in range(n - 1)) / squares
    assert r > 0
    r += (1 + 4 * r) / n
    effective = max(n * (1 - r) / (1 + r), 2)
    reach = stats.t(max(effective - 1, 1)).ppf(0.975) * math.sqrt(squares / (n - 1) / effective)
    expected = sigmoid((mean - reach) / temperature), sigmoid((mean + reach) / temperature)
    assert effective_count(np.array(values)) == pytest.approx(effective)
    assert interval(values, temperature) == pytest.approx(expected)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_of_few_frames_the_models_usual_spread_counts(count):
    values = [0.3, 5.0, -1.0][:count]
    mean, reach = sum(values) / count, 1.959964 * 0.8 / math.sqrt(count)
    expected = sigmoid((mean - reach) / 2), sigmoid((mean + reach) / 2)
    assert interval(values, 2.0, 0.8) == pytest.approx(expected, rel=1e-5)
    assert interval(values, 2.0) is None


def test_from_so_many_frames_on_their_own_spread_counts():
    values = [0.0, 1.0, 0.5, 0.2]
    assert len(values) == FEWEST
    assert interval(values, 1.0, 100.0) == interval(values, 1.0)


def test_frames_that_are_all_alike_leave_no_doubt():
    assert interval([2.0] * 8, 1.0) == pytest.approx((sigmoid(2),) * 2)
    assert effective_count(np.full(8, 3.0)) == 8


def test_neighbours_that_differ_count_in_full_and_a_drift_counts_as_two():
    assert effective_count(np.array([1.0, -1.0] * 8)) == 16
    assert effective_count(np.arange(16.0)) == 2


def test_a_drift_does_not_reach_beyond_what_was_seen():
    values = np.linspace(-10, -2, 32)
    assert effective_count(values) == 2  # Student's t alone would reach from 0 to 1
    assert interval(values, 1.5) == pytest.approx((sigmoid(-10 / 1.5), sigmoid(-2 / 1.5)))
    short = values[:: 32 // (RANGE_FROM - 1)][: RANGE_FROM - 1]
    assert interval(short, 1.5)[1] > 0.5


# The share of clips whose interval holds the true mean; in brackets what it must lie within, of 1,500 clips.
@pytest.mark.parametrize(
    "count, correlation, least, most",
    [
        (4, 0.0, 0.935, 0.985),
        (8, 0.0, 0.935, 0.985),
        (32, 0.0, 0.935, 0.985),
        (32, 0.3, 0.915, 0.975),
        (32, 0.6, 0.90, 0.97),
        (32, 0.8, 0.86, 0.95),
    ],
)
def test_it_holds_the_true_mean_about_as_often_as_it_says(count, correlation, least, most):
    rng = np.random.default_rng(count)
    held = naive = 0
    for _ in range(1500):
        values = autoregressive(rng, count, correlation)
        low, high = interval(values, 1.0)
        held += low <= 0.5 <= high
        naive += abs(values.mean()) <= 2 * values.std(ddof=1) / math.sqrt(count)
    assert least <= held / 1500 <= most
    if correlation == 0.6:  # what it would be if neighbours were taken for independent
        assert naive / 1500 < 0.75


@settings(deadline=None, max_examples=200)
@given(logits, st.floats(0.05, 20), st.one_of(st.none(), st.floats(0, 10)))
def test_it_holds_the_probability_and_lies_within_0_and_1(values, temperature, spread):
    bounds = interval(values, temperature, spread)
    if bounds is None:
        assert len(values) < FEWEST and spread is None
        return
    low, high = bounds
    middle = 1 / (1 + np.exp(-np.clip(np.mean(values) / temperature, -700, 700)))
    assert 0 <= low <= high <= 1
    assert low <= middle * (1 + 1e-9) and middle <= high * (1 + 1e-9)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(-5, 5), min_size=4, max_size=40), st.floats(0.1, 3))
def test_higher_logits_move_both_bounds_up_and_other_orders_of_signs_mirror_them(values, shift):
    low, high = interval(values, 1.0)
    up_low, up_high = interval(np.array(values) + shift, 1.0)
    assert up_low >= low - 1e-12 and up_high >= high - 1e-12
    mirrored = interval(-np.array(values), 1.0)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=60))
def test_there_are_never_more_independent_frames_than_frames(values):
    assert 2 <= effective_count(np.array(values)) <= len(values)
