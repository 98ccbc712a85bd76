"""Spread, signal and what contracts: against covariances in numpy, and against the losses themselves."""

import numpy as np
import pytest
import tensorflow as tf

from model import losses
from model.recipes import get_recipe
from model.spread import contraction_warning, spread_figures, weight_center_pull


def pairs(count, shared, signal, seed, dimensions=6, size=1.0):
    """`count` pairs real, fake, real, fake ... that have a part of their deviation in common, float64 [2 count, d].

    The class means are `signal` apart; the deviations have the length `size`, about.
    """
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(2, count, 2, dimensions))
    deviation = np.sqrt(shared) * common[:, :1] + np.sqrt(1 - shared) * own
    deviation[:, 1, 0] += signal / size * np.sqrt(dimensions)
    return size * deviation.reshape(2 * count, dimensions) / np.sqrt(dimensions)


def figures(x, labels=None):
    labels = np.arange(len(x)) % 2 if labels is None else labels
    found = spread_figures(tf.constant(x @ x.T), tf.constant(labels))
    assert {value.shape for value in found.values()} == {tf.TensorShape([])}
    return {name: float(value) for name, value in found.items()}


def by_covariances(x):
    """The same from means and covariances, with each bias subtracted."""
    real, fake = x[::2], x[1::2]
    n = len(real)
    spread = [np.trace(np.cov(rows.T)) for rows in (real, fake)]
    shared = np.sum((real - real.mean(0)) * (fake - fake.mean(0))) / (n - 1)  # trace of the partners' covariance
    mean = np.mean(spread)
    squared = np.sum((fake.mean(0) - real.mean(0)) ** 2) - (sum(spread) - 2 * shared) / n
    return {
        "real_spread": spread[0],
        "fake_spread": spread[1],
        "signal_to_spread": squared / mean,
        "partner_share": shared / mean,
    }


@pytest.mark.parametrize("shared", [0.0, 0.8])
@pytest.mark.parametrize("signal", [0.0, 1.5])
@pytest.mark.parametrize("count", [2, 8, 32])
def test_figures_are_those_of_covariances(count, signal, shared):
    x = pairs(count, shared, signal, seed=count) + 0.7
    x[1::2] *= 1.3  # the classes spread differently
    assert figures(x) == pytest.approx(by_covariances(x), abs=1e-9)


@pytest.mark.slow
def test_figures_are_without_bias_in_a_batch_of_eight():
    """The squared distance of the batch's means alone would add 2 (1 - r) / 4 = 0.4."""
    found = [figures(pairs(4, 0.2, 0.0, seed)) for seed in range(400)]
    for name, expected in (("real_spread", 1.0), ("signal_to_spread", 0.0), ("partner_share", 0.2)):
        values = [row[name] for row in found]
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 20), name


@pytest.mark.parametrize("labels", [[0] * 4, [1] * 4, [0, 1], [0, 1, 1, 1]])
def test_what_a_batch_cannot_tell_is_0(labels, unit_vectors):
    found = figures(unit_vectors(len(labels), 3), np.array(labels))
    assert found["signal_to_spread"] == found["partner_share"] == 0
    assert (found["real_spread"] > 0) == (labels.count(0) > 1)
    assert (found["fake_spread"] > 0) == (labels.count(1) > 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_equal_embeddings_have_finite_figures_in_every_precision(dtype):
    x = tf.cast(tf.constant(np.tile([[0.6, 0.8]], (8, 1))), dtype)
    for value in spread_figures(x @ tf.transpose(x), tf.constant([0, 1] * 4)).values():
        assert value.dtype == dtype and np.isfinite(float(value)) and abs(float(value)) < 1e-2


# --- why 1.00 is no proof of collapse ---------------------------------------------------------------------------------
def triplet(x, partner=True):
    """The triplet loss of a batch with a margin at which all triplets are active."""
    excluded = None if partner else losses.partner_mask(len(x))
    loss, active = losses.triplet_loss(
        tf.constant(x @ x.T), tf.constant([0, 1] * (len(x) // 2)), 9.0, excluded=excluded
    )
    assert float(active) == 1
    return float(loss) - 9.0


@pytest.mark.parametrize("size", [1.0, 0.2, 0.01])
def test_the_triplet_loss_is_the_margin_less_half_the_signal_whatever_the_spread(size):
    x = pairs(8, 0.8, 0.4, seed=3, size=size)
    found = figures(x)
    spread = (found["real_spread"] + found["fake_spread"]) / 2
    signal, share = found["signal_to_spread"] * spread, found["partner_share"] * spread
    assert triplet(x, partner=False) == pytest.approx(-signal / 2, abs=1e-12)
    assert triplet(x) == pytest.approx(-signal / 2 + share / 8, abs=1e-12)  # 8 negatives, one of them the partner


def test_spread_embeddings_without_a_signal_cost_the_margin_as_collapsed_ones_do(unit_vectors):
    costs = [triplet(unit_vectors(16, 32, seed), partner=False) for seed in range(60)]
    assert np.mean(costs) == pytest.approx(0, abs=4 * np.std(costs) / np.sqrt(60)) and abs(np.mean(costs)) < 0.02
    assert figures(unit_vectors(16, 32))["real_spread"] > 0.9
    assert triplet(np.tile(unit_vectors(1, 32), (16, 1))) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("partner", [True, False])
def test_the_triplet_loss_changes_with_the_square_of_the_scale(partner):
    x = pairs(8, 0.8, 0.5, seed=4) + 1.0
    for scale in (0.5, 0.9, 1.3):
        scaled = x.mean(0) + scale * (x - x.mean(0))
        assert triplet(scaled, partner) == pytest.approx(scale**2 * triplet(x, partner), abs=1e-12)


def around_a_centre(count, shared, signal, seed, size):
    """Unit vectors of pairs that deviate from (1, 0, ...) by `size` at right angles to it, as a function of a scale."""
    x = pairs(count, shared, signal, seed, size=size)

    def scaled(scale):
        z = np.concatenate([np.ones((len(x), 1)), scale * (x - x[::2].mean(0))], axis=1)
        return z / np.linalg.norm(z, axis=1, keepdims=True)

    return scaled


def weight_center(z):
    """Eq. 3 against the direction of the reals' mean."""
    return losses.weight_center_loss(tf.constant(z[:, 0]), tf.constant([True, False] * (len(z) // 2)))


@pytest.mark.parametrize("count", [8, 32])
def test_the_pull_of_weight_center_is_its_slope_over_the_spread(count):
    scaled = around_a_centre(count, 0.8, 0.03, seed=5, size=0.03)
    above, below = scaled(1.05), scaled(0.95)
    change = float(weight_center(above) - weight_center(below))
    of_spread = figures(above)["real_spread"] - figures(below)["real_spread"]
    # The spread is of a sample: divided by its size less one. The pull counts all.
    slope = change / (of_spread * (count - 1) / count)
    weight, triplet_weight = 0.7, 3.0
    pull = float(weight_center_pull(weight_center(scaled(1.0)), 2.0, weight, triplet_weight))
    assert pull == pytest.approx(weight * slope / triplet_weight, rel=5e-3)
    at_the_centre = {8: 0.746, 32: 0.922}[count]
    assert pull == pytest.approx(weight * at_the_centre / (2 * triplet_weight), rel=1e-2)


def test_there_is_no_pull_before_its_stage_nor_without_triplets_to_compare_with():
    assert float(weight_center_pull(tf.constant(0.0), 2.0, 1.0, 2.0)) == 0
    assert float(weight_center_pull(tf.constant(0.7), 2.0, 1.0, 0.0)) == 0


# --- the warning ------------------------------------------------------------------------------------------------------
def row_of(z, recipe):
    pull = weight_center_pull(
        weight_center(z), recipe.weight_center_scale, recipe.weight_center_weight, recipe.triplet_weight
    )
    return {**figures(z), "weight_center_pull": float(pull), "active_triplets": 1.0}


@pytest.mark.parametrize(
    "signal, choices, contracts",
    [
        (0.05, {}, True),
        (0.40, {}, True),  # rho 0.2: partners and Weight-Center together exceed it
        (0.40, {"weight_center_weight": 0.0}, True),
        (0.90, {}, False),
        (0.60, {"weight_center_weight": 0.1, "triplet_partner": "exclude"}, False),
        (0.30, {"weight_center_weight": 0.0, "triplet_partner": "exclude"}, False),
        (0.60, {"triplet_partner": "exclude", "triplet_weight": 0.5}, True),
    ],
)
def test_it_warns_where_the_loss_falls_as_the_embeddings_approach_each_other(signal, choices, contracts):
    recipe = get_recipe("without_expander", **choices)
    scaled = around_a_centre(8, 0.8, 0.1 * signal, seed=6, size=0.1)

    def loss(scale):
        z = scaled(scale)
        of_triplets = triplet(z, partner=recipe.triplet_partner == "include")
        return recipe.triplet_weight * of_triplets + recipe.weight_center_weight * float(weight_center(z))

    assert (loss(1.01) > loss(0.99)) == contracts
    text = contraction_warning(recipe, row_of(scaled(1.0), recipe))
    assert (text is not None) == contracts
    if text:
        assert ("triplet_partner=exclude" in text) == (recipe.triplet_partner == "include")
        assert ("lower weight_center_weight" in text) == (recipe.weight_center_weight > 0)


@pytest.mark.parametrize(
    "choices, changes",
    [
        ({"triplet_mining": "hard"}, {}),
        ({"triplet_weight": 0}, {}),
        ({}, {"active_triplets": 0.8}),
        ({}, {"signal_to_spread": None}),
    ],
)
def test_it_says_nothing_where_the_bound_does_not_hold(choices, changes):
    row = {"active_triplets": 1.0, "signal_to_spread": 0.0, "partner_share": 0.8, "weight_center_pull": 0.2}
    paper = get_recipe("without_expander")
    assert "rho 0.00 < 0.20 (partners among the negatives) + 0.40 (Weight-Center)" in contraction_warning(paper, row)
    assert contraction_warning(get_recipe("without_expander", **choices), row | changes) is None
    assert contraction_warning(paper, {"step": 3.0, "loss": 1.0}) is None  # of an earlier version


def test_nothing_is_said_of_the_first_steps():
    recipe = get_recipe("without_expander")
    row = row_of(around_a_centre(8, 0.8, 0.005, seed=6, size=0.1)(1.0), recipe)
    assert contraction_warning(recipe, row | {"step": 2}) is None and contraction_warning(recipe, row | {"step": 100})
