"""The losses against loops, finite differences, the corrected Eq. 4 and published libraries, in float64."""

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from model import expander, losses

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((Path(__file__).parent / "golden" / "losses.json").read_text())["cases"]

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


@pytest.mark.parametrize("reduction", ["active", "all"])
@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_the_partner_can_be_left_out_of_the_negatives(mining, reduction, unit_vectors, loops):
    labels = LABELS["balanced"]
    x = unit_vectors(len(labels), 4, seed=8)
    x[1::2] = 0.6 * x[::2] + 0.4 * x[1::2]  # each fake is near its original, so that the partner decides
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    for negatives in (None, loops.negatives(x, 0.3)):
        expected = loops.triplet_loss(x @ x.T, labels, 0.4, mining, reduction, negatives, without_partner=True)
        given = None if negatives is None else tf.constant(negatives)
        got = triplet_loss(
            x @ x.T, labels, 0.4, mining, reduction, negative_similarity=given, excluded=losses.partner_mask(8)
        )
        assert got == pytest.approx(expected, abs=1e-12)
        assert expected != pytest.approx(loops.triplet_loss(x @ x.T, labels, 0.4, mining, reduction, negatives))


@pytest.mark.parametrize("mining", ["all", "hard", "semi_hard"])
def test_a_batch_of_one_pair_has_no_triplet_without_the_partner(mining, unit_vectors):
    x = tf.Variable(unit_vectors(2, 3))
    with tf.GradientTape() as tape:
        loss, active = losses.triplet_loss(
            x @ tf.transpose(x), tf.constant([0, 1]), 1.0, mining, excluded=losses.partner_mask(2)
        )
    assert (float(loss), float(active)) == (0, 0)
    assert np.isfinite(tape.gradient(loss, x)).all()


def test_partners_are_the_rows_of_a_turn():
    expected = np.kron(np.eye(3, dtype=bool), np.array([[False, True], [True, False]]))
    assert np.array_equal(losses.partner_mask(6), expected)


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


# --- published libraries ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", sorted(GOLDEN[0]["triplet"]))
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_triplet_loss_equals_pytorch_metric_learning(case, kind):
    mining, reduction, margin = kind.split("/")
    x = tf.Variable(np.array(case["embedding"]))
    with tf.GradientTape() as tape:
        gram = x @ tf.transpose(x)
        loss, _ = losses.triplet_loss(gram, tf.constant(case["labels"]), float(margin), mining, reduction)
    expected = case["triplet"][kind]
    assert float(loss) == pytest.approx(expected["value"], abs=1e-12, rel=0)
    np.testing.assert_allclose(tape.gradient(loss, x), expected["gradient"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(GOLDEN[0]["weight_center"]))
@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_weight_center_equals_pytorch_metric_learning(case, kind):
    scale, margin = map(float, kind.split("/"))
    x = tf.Variable(np.array(case["embedding"]))
    with tf.GradientTape() as tape:
        similarity = tf.linalg.matvec(x, tf.constant(case["center"], tf.float64))
        loss = losses.weight_center_loss(similarity, tf.equal(case["labels"], losses.REAL), scale, margin)
    expected = case["weight_center"][kind]
    assert float(loss) == pytest.approx(expected["value"], abs=1e-12, rel=0)
    np.testing.assert_allclose(tape.gradient(loss, x), expected["gradient"], rtol=0, atol=1e-12)


# TensorFlow Addons ended with Keras 2: it runs on tf-keras alone, and looks for one module under its old name.
ADDONS = """
import json, sys, types, warnings
warnings.simplefilter("ignore")
import tf_keras
from tf_keras.src.engine import keras_tensor
sys.modules["keras.src.engine"] = types.SimpleNamespace(keras_tensor=keras_tensor)
sys.modules["keras.src.engine.keras_tensor"] = keras_tensor
import tensorflow as tf
import tensorflow_addons as tfa

given = json.loads(sys.stdin.read())
x, labels = tf.Variable(given["embedding"], dtype=tf.float32), tf.constant(given["labels"])
found = {}
for mining, loss in (("semi_hard", tfa.losses.TripletSemiHardLoss), ("hard", tfa.losses.TripletHardLoss)):
    with tf.GradientTape() as tape:
        value = loss(margin=2 * given["margin"], distance_metric="squared-L2")(labels, x)
    found[mining] = {"value": float(value), "gradient": tape.gradient(value, x).numpy().tolist()}
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("margin", [1.0, 0.3])
def test_mined_triplets_equal_tensorflow_addons(margin, unit_vectors):
    """On unit vectors a margin m of dot products is one of 2 m of squared distances, and the loss doubles."""
    for name in ("tensorflow_addons", "tf_keras"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed: `make test` installs it where Python is 3.11")
    labels, embedding = [0, 1, 0, 1, 0, 1, 0, 1], unit_vectors(8, 4, seed=11)
    done = subprocess.run(
        [sys.executable, "-c", ADDONS],
        input=json.dumps({"embedding": embedding.tolist(), "labels": labels, "margin": margin}),
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for mining, expected in json.loads(done.stdout.splitlines()[-1]).items():
        x = tf.Variable(embedding, dtype=tf.float32)
        with tf.GradientTape() as tape:
            unit = x / tf.norm(x, axis=1, keepdims=True)  # so that both gradients are along the sphere
            loss, _ = losses.triplet_loss(unit @ tf.transpose(unit), tf.constant(labels), margin, mining, "all")
        assert float(loss) == pytest.approx(expected["value"] / 2, abs=1e-6)
        theirs = np.array(expected["gradient"]) / 2
        theirs -= np.sum(theirs * embedding, axis=1, keepdims=True) * embedding
        np.testing.assert_allclose(tape.gradient(loss, x), theirs, rtol=0, atol=1e-6)


# --- number types and backends ----------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("vectors", ["random", "identical", "opposite"])
@pytest.mark.parametrize("batch", LABELS)
def test_every_term_is_finite_in_every_precision(batch, vectors, dtype, unit_vectors):
    labels = tf.constant(LABELS[batch])
    x = unit_vectors(len(LABELS[batch]), 8, seed=3)
    if vectors != "random":
        x[:] = x[:1]
    if vectors == "opposite":
        x[1::2] *= -1
    sides = np.where(np.array(LABELS[batch])[:, None] == [[0, 1]], 100.0, -100.0)
    x, logits = tf.Variable(x, dtype=dtype), tf.Variable(sides, dtype=dtype)
    with tf.GradientTape(persistent=True) as tape:
        entropy = losses.cross_entropy_loss(logits, labels)  # 0: every sample is far on its own side
        gram = x @ tf.transpose(x)
        negatives = expander.expanded_negative_similarity(gram, expander.balance_factor(entropy))
        terms = [entropy, losses.weight_center_loss(gram[:, 0], labels == losses.REAL)]
        for mining in ("all", "hard", "semi_hard"):
            terms.append(losses.triplet_loss(gram, labels, 1.0, mining, negative_similarity=negatives)[0])
    assert float(entropy) == 0
    for term in terms:
        assert term.dtype == dtype and np.isfinite(float(term))
        for gradient in tape.gradient(term, [x, logits]):
            assert gradient is None or np.isfinite(np.asarray(tf.cast(gradient, tf.float32))).all()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_batch_with_more_triplets_than_a_half_can_count_costs_what_it_costs_in_float64(dtype, unit_vectors):
    """128 samples have 516,096 triplets, and float16 ends at 65,504."""
    labels = tf.constant([0, 1] * 64)
    # What the half-precision numbers are is not in question here: both sides start from the same ones.
    gram = tf.cast(tf.constant(np.einsum("id,jd->ij", *[unit_vectors(128, 8, seed=21)] * 2)), dtype)
    logits = tf.cast(tf.constant(np.random.default_rng(22).normal(0, 300, (128, 2))), dtype)
    relative = {"float16": 1e-3, "bfloat16": 8e-3}[dtype]  # of rounding the result

    def terms(gram, logits):
        found = [
            losses.cross_entropy_loss(logits, labels),
            losses.weight_center_loss(gram[:, 0], labels == losses.REAL),
        ]
        for negatives in (None, expander.expanded_negative_similarity(gram, 0.25)):
            for mining, reduction in itertools.product(("all", "hard", "semi_hard"), ("active", "all")):
                loss, active = losses.triplet_loss(gram, labels, 1.0, mining, reduction, negatives)
                found += [loss, tf.stop_gradient(active)]
        return found

    def with_gradients(dtype):
        given = [tf.cast(x, dtype) for x in (gram, logits)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            found = terms(*given)
            total = tf.add_n(found)
        assert {value.dtype for value in found} == {tf.as_dtype(dtype)}
        return ([float(value) for value in found], *(tf.cast(g, tf.float64) for g in tape.gradient(total, given)))

    values, *gradients = with_gradients(dtype)
    expected, *expected_gradients = with_gradients("float64")
    assert values == pytest.approx(expected, rel=relative)
    for one, other in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(one - other) < 10 * relative * np.linalg.norm(other)


OTHER_BACKEND = """
import json, sys
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from model import expander, losses

given = json.loads(sys.stdin.read())
x, labels = jnp.array(given["embedding"]), jnp.array(given["labels"])

def terms(x):
    gram = x @ x.T
    entropy = losses.cross_entropy_loss(x[:, :2], labels)
    negatives = expander.expanded_negative_similarity(gram, expander.balance_factor(entropy))
    found = [entropy, losses.weight_center_loss(gram[:, 0], labels == 0)]
    for mining in ("all", "hard", "semi_hard"):
        found.append(losses.triplet_loss(gram, labels, 1.0, mining, "active", negatives)[0])
    return jnp.stack(found)

assert "tensorflow" not in sys.modules
print(json.dumps({"values": terms(x).tolist(), "gradients": jax.jacobian(terms)(x).tolist()}))
"""


@pytest.mark.slow
def test_the_terms_and_their_gradients_are_the_same_on_another_backend(unit_vectors):
    """On Keras's JAX backend, in a process of its own."""
    labels, embedding = LABELS["unbalanced"], unit_vectors(7, 5, seed=12)
    done = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND],
        input=json.dumps({"embedding": embedding.tolist(), "labels": labels}),
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    x, y = tf.Variable(embedding), tf.constant(labels)
    with tf.GradientTape(persistent=True) as tape:
        gram = x @ tf.transpose(x)
        entropy = losses.cross_entropy_loss(x[:, :2], y)
        negatives = expander.expanded_negative_similarity(gram, expander.balance_factor(entropy))
        terms = [entropy, losses.weight_center_loss(gram[:, 0], y == 0)]
        for mining in ("all", "hard", "semi_hard"):
            terms.append(losses.triplet_loss(gram, y, 1.0, mining, "active", negatives)[0])
    assert found["values"] == pytest.approx([float(term) for term in terms], abs=1e-12)
    for term, gradient in zip(terms, found["gradients"], strict=True):
        np.testing.assert_allclose(gradient, tf.convert_to_tensor(tape.gradient(term, x)), rtol=0, atol=1e-12)


def finite_differences(function, x, step=1e-6):
    """Central differences of a scalar function of an array."""
    result = np.empty(x.shape)
    for place in np.ndindex(*x.shape):
        above, below = x.copy(), x.copy()
        above[place] += step
        below[place] -= step
        result[place] = (function(above) - function(below)) / (2 * step)
    return result


# --- losses of other systems ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("squared", [True, False])
def test_distances_are_euclidean(squared):
    x = np.random.default_rng(0).normal(size=(5, 3))
    distance = np.array([[np.linalg.norm(a - b) for b in x] for a in x])
    expected = -(distance**2) if squared else -distance
    assert np.asarray(losses.negative_distance(x, squared)) == pytest.approx(expected, abs=2e-6)


def test_equal_embeddings_have_a_finite_gradient():
    x = tf.Variable(np.ones((3, 2)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(losses.negative_distance(x, squared=False))
    assert np.isfinite(tape.gradient(total, x).numpy()).all()


def test_the_losses_of_several_judges_are_added():
    rng = np.random.default_rng(1)
    judged, labels = rng.normal(size=(6, 4, 2)), np.array([0, 1, 0, 1, 1, 0])
    total = sum(float(losses.cross_entropy_loss(judged[:, k], labels)) for k in range(4))
    assert float(losses.cross_entropy_loss(judged, labels)) == pytest.approx(total)


def test_the_squared_error_is_of_the_probability():
    logits, labels = np.array([[0.0, 2.0], [1.0, -1.0], [0.0, 0.0]]), np.array([1, 0, 1])
    p = 1 / (1 + np.exp(-(logits[:, 1] - logits[:, 0])))
    assert float(losses.mean_squared_error(logits, labels)) == pytest.approx(np.mean((p - labels) ** 2))
