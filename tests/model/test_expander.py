"""The expander's closed form against synthetic negatives that are really built, in float64."""

import numpy as np
import pytest
import tensorflow as tf

from model import expander, losses


def expanded(x, eta):
    result = expander.expanded_negative_similarity(tf.constant(x @ x.T), tf.constant(eta, tf.float64))
    assert result.shape == (len(x),) * 3
    return result.numpy()


@pytest.mark.parametrize("eta", [0.0, 0.036, 0.236, 0.7, 1.0])
def test_closed_form_equals_built_negatives(eta, unit_vectors, loops):
    x = unit_vectors(7, 4, seed=1)
    assert expanded(x, eta) == pytest.approx(loops.negatives(x, eta), abs=1e-7)


def test_closed_form_needs_no_unit_vectors(unit_vectors, loops):
    x = unit_vectors(6, 3, seed=2) * np.linspace(0.5, 3, 6)[:, None]
    assert expanded(x, 0.3) == pytest.approx(loops.negatives(x, 0.3), abs=1e-7)


def test_eta_1_leaves_the_negatives(unit_vectors):
    x = unit_vectors(6, 3, seed=3)
    gram = x @ x.T
    assert expanded(x, 1.0) == pytest.approx(np.broadcast_to(gram[:, None, :], (6, 6, 6)), abs=1e-12)


def test_eta_0_puts_farther_negatives_at_the_distance_of_the_positive(unit_vectors):
    x = unit_vectors(6, 3, seed=4)
    similarity = expanded(x, 0.0)
    distance = np.linalg.norm(x[:, None] - x[None, :], axis=-1)
    seen = 0
    for a, p, k in np.ndindex(6, 6, 6):
        if distance[a, k] > distance[a, p]:
            # <z, z̃> = 1 - |z̃ - z| (1 - <z, z⁻>) / d⁻ on unit vectors
            moved = (1 - similarity[a, p, k]) / (1 - x[a] @ x[k]) * distance[a, k]
            assert moved == pytest.approx(distance[a, p], abs=1e-7)
            seen += 1
        else:
            assert similarity[a, p, k] == pytest.approx(x[a] @ x[k], abs=1e-12)
    assert seen > 20


@pytest.mark.parametrize("eta", [0.0, 0.01, 0.236, 0.9])
def test_never_passes_the_positive_and_only_gets_harder(eta, unit_vectors):
    x = unit_vectors(12, 3, seed=5)
    gram = x @ x.T
    similarity = expanded(x, eta)
    plain = np.broadcast_to(gram[:, None, :], similarity.shape)
    positive = np.broadcast_to(gram[:, :, None], similarity.shape)
    farther = plain < positive - 1e-9
    assert farther.sum() > 100
    assert (similarity[farther] <= positive[farther] + 1e-9).all()
    assert (similarity[farther] > plain[farther]).all()


def built_negatives(x, eta):
    """Similarities to negatives that are really made: three tensors [n, n, n, d]."""
    anchor, positive, negative = x[:, None, None], x[None, :, None], x[None, None, :]
    itself = tf.eye(x.shape[0], dtype=x.dtype)  # kept away from the root of 0; no triplet has such a pair
    d_positive = tf.sqrt(tf.reduce_sum((positive - anchor) ** 2, axis=-1) + itself[:, :, None])[..., None]
    d_negative = tf.sqrt(tf.reduce_sum((negative - anchor) ** 2, axis=-1) + itself[:, None, :])[..., None]
    t = tf.where(d_negative > d_positive, (eta * d_negative + (1 - eta) * d_positive) / d_negative, 1.0)
    return tf.reduce_sum(anchor * (anchor + t * (negative - anchor)), axis=-1)


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
@pytest.mark.parametrize("eta", [0.0, 0.036, 0.236, 0.7, 1.0])
def test_loss_and_gradient_equal_those_of_built_negatives(eta, mining, unit_vectors):
    x, labels = tf.Variable(unit_vectors(10, 6, seed=7)), tf.constant([0, 1] * 5)
    results = []
    for negatives in (built_negatives, lambda x, eta: expander.expanded_negative_similarity(x @ tf.transpose(x), eta)):
        with tf.GradientTape() as tape:
            similarity = negatives(x, tf.constant(eta, tf.float64))
            loss, _ = losses.triplet_loss(x @ tf.transpose(x), labels, 1.0, mining, negative_similarity=similarity)
        results.append((loss.numpy(), tape.gradient(loss, x).numpy()))
    (built, built_gradient), (closed, closed_gradient) = results
    assert closed == pytest.approx(built, abs=1e-12, rel=0)
    np.testing.assert_allclose(closed_gradient, built_gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("same", ["all", "a pair"])
def test_gradient_is_finite_with_identical_embeddings(eta, same, unit_vectors):
    vectors = unit_vectors(4, 3, seed=6)
    vectors[1:] = vectors[:1] if same == "all" else np.concatenate([vectors[:1], vectors[2:]])
    x = tf.Variable(vectors)
    with tf.GradientTape() as tape:
        result = expander.expanded_negative_similarity(x @ tf.transpose(x), tf.constant(eta, tf.float64))
        loss = tf.reduce_sum(result**2)
    assert np.isfinite(result).all()
    assert np.isfinite(tape.gradient(loss, x)).all()


def test_gradient_flows_through_all_three_vectors(unit_vectors, loops):
    values = unit_vectors(3, 3, seed=8)
    if np.linalg.norm(values[2] - values[0]) < np.linalg.norm(values[1] - values[0]):
        values = values[[0, 2, 1]]
    x = tf.Variable(values)
    with tf.GradientTape() as tape:
        similarity = expander.expanded_negative_similarity(x @ tf.transpose(x), tf.constant(0.3, tf.float64))[0, 1, 2]
    gradient = tape.gradient(similarity, x).numpy()
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1e-6
        difference = loops.negatives(values + step, 0.3)[0, 1, 2] - loops.negatives(values - step, 0.3)[0, 1, 2]
        assert gradient[place] == pytest.approx(difference / 2e-6, abs=1e-6)
    assert (np.abs(gradient).max(axis=1) > 1e-3).all()


@pytest.mark.parametrize(
    "loss, gamma, eta",
    [(np.log(2), 1, 0.2363), (0.3, 1, 0.0357), (0.1, 1, 4.54e-5), (np.log(2), 2, 0.0558), (1e9, 1, 1), (0, 1, 0)],
)
def test_balance_factor(loss, gamma, eta):
    assert float(expander.balance_factor(tf.constant(loss, tf.float64), gamma)) == pytest.approx(eta, rel=2e-3)


def test_balance_factor_of_0_is_exactly_0():
    assert float(expander.balance_factor(tf.constant(0.0))) == 0


def test_balance_factor_has_no_gradient():
    loss = tf.Variable(0.7)
    with tf.GradientTape() as tape:
        eta = expander.balance_factor(loss)
    assert tape.gradient(eta, loss) is None
