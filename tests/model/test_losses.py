"""The losses against plain loops, finite differences and the corrected Eq. 4, in float64."""

import numpy as np
import pytest
import tensorflow as tf

from model import losses

LABELS = {
    "balanced": [0, 1, 0, 1, 0, 1, 0, 1],
    "unbalanced": [0, 1, 1, 1, 1, 0, 1],
    "one real": [1, 1, 0, 1],
    "only reals": [0, 0, 0, 0],
    "only fakes": [1, 1, 1],
    "one of each": [0, 1],
    "a single one": [1],
}


def triplet_loss(gram, labels, *args, **kwargs):
    loss, active = losses.triplet_loss(tf.constant(gram), tf.constant(labels, tf.int64), *args, **kwargs)
    assert loss.dtype == tf.float64 and loss.shape == () and active.shape == ()
    return float(loss), float(active)


@pytest.mark.parametrize("reduction", ["active", "all"])
@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("batch", LABELS)
def test_triplet_loss_equals_loops(batch, mining, reduction, unit_vectors, loops):
    labels = LABELS[batch]
    for seed, margin in ((0, 1.0), (1, 0.2), (2, 0.7)):
        x = unit_vectors(len(labels), 3, seed)
        expected = loops.triplet_loss(x @ x.T, labels, margin, mining, reduction)
        assert triplet_loss(x @ x.T, labels, margin, mining, reduction) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_triplet_loss_takes_negatives_that_depend_on_the_positive(mining, unit_vectors, loops):
    labels = LABELS["unbalanced"]
    x = unit_vectors(len(labels), 4, seed=5)
    negatives = np.random.default_rng(6).uniform(-1, 1, [len(labels)] * 3)
    expected = loops.triplet_loss(x @ x.T, labels, 0.5, mining, "active", negatives)
    got = triplet_loss(x @ x.T, labels, 0.5, mining, "active", negative_similarity=tf.constant(negatives))
    assert got == pytest.approx(expected, abs=1e-12)
    assert expected != pytest.approx(loops.triplet_loss(x @ x.T, labels, 0.5, mining, "active"))


def test_triplet_loss_by_hand():
    # Anchors 0 and 1 are positives of each other with S = 0.6; the fake has S = 0.5 and -0.5 to them.
    gram = np.array([[1, 0.6, 0.5], [0.6, 1, -0.5], [0.5, -0.5, 1]])
    assert triplet_loss(gram, [0, 0, 1], 0.2) == pytest.approx((0.1, 0.5))
    assert triplet_loss(gram, [0, 0, 1], 0.2, reduction="all") == pytest.approx((0.05, 0.5))


def test_a_batch_of_8_and_8_has_896_triplets(unit_vectors):
    x = unit_vectors(16, 4)
    labels = tf.constant([0, 1] * 8)
    positive, negative = losses.triplet_masks(labels)
    assert int(tf.reduce_sum(tf.cast(positive[:, :, None] & negative[:, None, :], tf.int32))) == 896
    # With a margin beyond any difference of similarities every triplet is active.
    assert triplet_loss(x @ x.T, [0, 1] * 8, 2.5)[1] == 1


@pytest.mark.parametrize("batch", ["only reals", "only fakes", "one of each", "a single one"])
@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_triplet_loss_is_exactly_zero_without_a_triplet(batch, mining, unit_vectors):
    labels = LABELS[batch]
    x = unit_vectors(len(labels), 3)
    assert triplet_loss(x @ x.T, labels, 1.0, mining) == (0, 0)


@pytest.mark.parametrize("reduction", ["active", "all"])
@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("batch", LABELS)
def test_triplet_gradient_is_finite_and_right(batch, mining, reduction, unit_vectors, loops):
    labels = LABELS[batch]
    x = unit_vectors(len(labels), 3, seed=9)
    gram = tf.Variable(x @ x.T)
    with tf.GradientTape() as tape:
        loss, _ = losses.triplet_loss(gram, tf.constant(labels), 0.7, mining, reduction)
    gradient = tape.gradient(loss, gram).numpy()
    assert np.isfinite(gradient).all()

    def by_loops(changed):
        return loops.triplet_loss(changed, labels, 0.7, mining, reduction)[0]

    assert gradient == pytest.approx(finite_differences(by_loops, x @ x.T), abs=1e-6)


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_identical_embeddings_cost_the_margin(mining):
    x = tf.Variable(np.tile([0.6, 0.8], (4, 1)))
    with tf.GradientTape() as tape:
        loss, active = losses.triplet_loss(x @ tf.transpose(x), tf.constant([0, 1, 0, 1]), 0.7, mining)
    assert (float(loss), float(active)) == (pytest.approx(0.7), 1)
    assert np.isfinite(tape.gradient(loss, x)).all()


def test_triplet_loss_refuses_unknown_choices():
    with pytest.raises(ValueError, match="Received: mining='easy'"):
        triplet_loss(np.eye(2), [0, 1], 1.0, "easy")
    with pytest.raises(ValueError, match="Received: reduction='sum'"):
        triplet_loss(np.eye(2), [0, 1], 1.0, "all", "sum")


REALS = {
    "mixed": [True, False, True, True, False],
    "all real": [True] * 5,
    "one real": [False, False, False, True, False],
}


@pytest.mark.parametrize("scale, margin", [(2.0, 0.5), (0.7, -0.1), (50.0, 1.0)])
@pytest.mark.parametrize("reals", REALS)
def test_weight_center_equals_loop(reals, scale, margin, loops):
    similarity = np.random.default_rng(1).uniform(-1, 1, 5)
    loss = losses.weight_center_loss(tf.constant(similarity), tf.constant(REALS[reals]), scale, margin)
    assert float(loss) == pytest.approx(loops.weight_center(similarity, REALS[reals], scale, margin), abs=1e-12)


@pytest.mark.parametrize("reals", REALS)
def test_weight_center_gradient_is_the_corrected_eq_4(reals, loops):
    is_real, scale, margin = REALS[reals], 2.0, 0.5
    values = np.random.default_rng(2).uniform(-1, 1, 5)
    similarity = tf.Variable(values)
    with tf.GradientTape() as tape:
        loss = losses.weight_center_loss(similarity, tf.constant(is_real), scale, margin)
    gradient = tape.gradient(loss, similarity).numpy()
    weights = np.zeros(5)
    for k in range(5):
        if is_real[k]:
            others = sum(np.exp(-scale * (values[i] - values[k])) for i in range(5) if is_real[i])  # with i = k
            weights[k] = 1 / (np.exp(-scale * (margin - values[k])) + others)
    assert gradient == pytest.approx(-weights, abs=1e-12)
    assert gradient == pytest.approx(
        finite_differences(lambda s: loops.weight_center(s, is_real, scale, margin), values), abs=1e-8
    )


def test_weight_center_without_a_real_is_exactly_zero():
    similarity = tf.Variable(np.array([0.3, -0.8]))
    with tf.GradientTape() as tape:
        loss = losses.weight_center_loss(similarity, tf.constant([False, False]))
    assert float(loss) == 0
    assert tape.gradient(loss, similarity).numpy().tolist() == [0, 0]


def test_weight_center_survives_extreme_exponents():
    loss = losses.weight_center_loss(tf.constant([-1e4, 1e4], tf.float64), tf.constant([True, True]), 2.0, 0.5)
    assert float(loss) == pytest.approx(1e4 + 0.5)


def test_cross_entropy_equals_loop(loops):
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(0, 4, (7, 2)), rng.integers(0, 2, 7)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = losses.cross_entropy_loss(variable, tf.constant(labels))
    assert float(loss) == pytest.approx(loops.cross_entropy(logits, labels), abs=1e-12)
    expected = finite_differences(lambda x: loops.cross_entropy(x, labels), logits)
    assert tape.gradient(loss, variable).numpy() == pytest.approx(expected, abs=1e-8)


def test_cross_entropy_at_chance_and_far_out():
    assert float(losses.cross_entropy_loss(tf.zeros([4, 2], tf.float64), tf.constant([0, 1, 1, 0]))) == pytest.approx(
        np.log(2)
    )
    far = tf.constant([[1e4, -1e4], [1e4, -1e4]], tf.float64)
    assert float(losses.cross_entropy_loss(far, tf.constant([0, 1]))) == pytest.approx(1e4)


def finite_differences(function, x, step=1e-6):
    """Central differences of a scalar function of an array."""
    result = np.empty(x.shape)
    for place in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        result[place] = (function(above) - function(below)) / (2 * step)
    return result
