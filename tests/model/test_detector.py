"""The detector: the loss of a batch, its stages, the centre and saving."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.backbones import PIXEL_MEAN, PIXEL_STD
from model.detector import TRACKED, DeepfakeDetector
from model.optimizer import create_optimizer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_resnet")]  # it builds and trains detectors


def build(recipe):
    keras.utils.set_random_seed(recipe.seed)
    detector = DeepfakeDetector(recipe)
    detector.compile(optimizer=create_optimizer(recipe), jit_compile=False)
    detector.optimizer.build(detector.trainable_variables)
    return detector


@pytest.fixture(scope="module")
def plain(small_recipe, tiny_resnet):
    """A compiled detector that no test changes."""
    return build(small_recipe())


@pytest.fixture
def crops(crop):
    return np.stack([crop(i % 2, i) for i in range(6)]), np.array([0, 1] * 3)


# --- the loss ---------------------------------------------------------------------------------------------------------
STAGES = {"weight_center_start": 3, "expander_start": 5, "steps": 8}


def loop_loss(loops, recipe, embedding, logits, labels, center, step):
    """Eq. 1 by loops, with the stages."""
    cross_entropy = loops.cross_entropy(logits, labels)
    negatives = None
    if recipe.expander and step >= recipe.expander_step:
        negatives = loops.negatives(embedding, np.exp(-recipe.pulling_factor / cross_entropy))
    triplet, active = loops.triplet_loss(
        embedding @ embedding.T,
        labels,
        recipe.triplet_margin,
        recipe.triplet_mining,
        recipe.triplet_reduction,
        negatives,
        without_partner=recipe.triplet_partner == "exclude",
    )
    weight_center = 0.0
    if step >= recipe.weight_center_step:
        similarity = embedding @ center / max(np.linalg.norm(center), 1e-12)
        weight_center = loops.weight_center(
            similarity, np.equal(labels, 0), recipe.weight_center_scale, recipe.weight_center_margin
        )
    terms = {"triplet": triplet, "cross_entropy": cross_entropy, "weight_center": weight_center}
    weights = recipe.triplet_weight, recipe.cross_entropy_weight, recipe.weight_center_weight
    total = sum(weight * term for weight, term in zip(weights, terms.values(), strict=True))
    return {"loss": total, "active_triplets": active, **terms}


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"triplet_weight": 0.7, "cross_entropy_weight": 3.0, "weight_center_weight": 0.4, "triplet_margin": 0.3},
        {"triplet_mining": "semi_hard", "triplet_reduction": "all", "weight_center_scale": 5.0, "pulling_factor": 0.5},
        {"triplet_mining": "hard", "weight_center_margin": -0.2},
        {"expander": False, "expander_start": None},
        {"triplet_partner": "exclude"},
        {"triplet_partner": "exclude", "triplet_reduction": "all"},
    ],
)
def test_the_loss_of_a_batch_equals_loops_in_every_stage(choices, small_recipe, unit_vectors, loops, float64):
    recipe = small_recipe(**STAGES | choices)
    detector = build(recipe)
    rng = np.random.default_rng(4)
    embedding, logits, center = unit_vectors(8, 8, seed=1), rng.normal(size=(8, 2)), rng.normal(size=8)
    labels = [0, 1, 0, 1, 1, 1, 0, 0]
    detector.center.assign(center)
    # Against the hardest negative alone the expander has nothing to do here: it lies closer than the positive.
    stages_differ = recipe.expander and recipe.triplet_mining != "hard"
    seen = set()
    for step in range(7):
        detector.optimizer.iterations.assign(step)
        terms = detector.multi_metric_loss(tf.constant(embedding), tf.constant(logits), tf.constant(labels))
        expected = loop_loss(loops, recipe, embedding, logits, labels, center, step)
        for name, value in expected.items():
            assert float(terms[name]) == pytest.approx(value, abs=1e-7), (name, step)
        seen.add(round(expected["loss"], 9))
    assert len(seen) == (3 if stages_differ else 2)


def test_what_is_told_besides_the_loss(plain, unit_vectors):
    embedding, logits = unit_vectors(4, 8, seed=2), np.array([[2.0, 0], [0, 1], [1, 0], [3, 1]])
    plain.center.assign(center := np.arange(8.0))
    terms = plain.multi_metric_loss(
        *(tf.constant(x, tf.float32) for x in (embedding, logits)), tf.constant([0, 1, 0, 1])
    )
    similarity = embedding @ center / np.linalg.norm(center)
    assert float(terms["accuracy"]) == 0.75
    assert float(terms["real_similarity"]) == pytest.approx(similarity[[0, 2]].mean(), abs=1e-6)
    assert float(terms["fake_similarity"]) == pytest.approx(similarity[[1, 3]].mean(), abs=1e-6)
    assert float(terms["eta"]) == pytest.approx(np.exp(-1 / float(terms["cross_entropy"])), rel=1e-5)
    real, fake = embedding[::2], embedding[1::2]
    assert float(terms["real_spread"]) == pytest.approx(np.trace(np.cov(real.T)), abs=1e-5)
    assert float(terms["fake_spread"]) == pytest.approx(np.trace(np.cov(fake.T)), abs=1e-5)
    assert float(terms["weight_center_pull"]) == 0  # before its stage


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [1, 1, 1, 1]])
def test_a_batch_of_one_class_has_a_finite_loss_and_gradient(labels, small_recipe, crop):
    detector = build(small_recipe(weight_center_start=0, expander_start=0))
    crops = np.stack([crop(0, i) for i in range(4)])
    crops[1] = crops[0]  # identical embeddings, too
    result = detector.train_step((tf.constant(crops), tf.constant(labels)))
    assert all(np.isfinite(value) for value in result.values())
    assert all(np.isfinite(v.numpy()).all() for v in detector.variables)
    assert bool((detector.center.numpy() != 0).any()) == (labels[0] == 0)


def test_train_step_takes_the_loss_of_its_own_outputs(small_recipe, crops, loops, float64):
    recipe = small_recipe(weight_center_start=0, expander_start=0)
    detector = build(recipe)
    images, labels = crops
    detector.center.assign(np.linspace(-1, 1, 8))
    outputs = {name: value.numpy() for name, value in detector(images, training=True).items()}
    expected = loop_loss(loops, recipe, outputs["embedding"], outputs["logits"], labels, np.linspace(-1, 1, 8), 0)
    result = detector.train_step((tf.constant(images), tf.constant(labels)))
    for name, value in expected.items():
        assert float(result[name]) == pytest.approx(value, abs=1e-7), name
    assert int(detector.optimizer.iterations) == 1


def test_train_step_returns_the_epochs_means_under_the_metrics_names(small_recipe, crops):
    detector = build(small_recipe())
    dataset = tf.data.Dataset.from_tensors(crops).repeat(2)
    step = tf.function(lambda images, labels: detector.train_step((images, labels)))
    each = []
    for images, labels in dataset:
        detector.reset_metrics()
        each.append({name: float(v) for name, v in step(images, labels).items()})
    again = build(small_recipe())
    history = again.fit(dataset, epochs=1, shuffle=False, verbose=0).history
    assert set(history) == set(TRACKED) == {metric.name for metric in again.metrics}
    for name in TRACKED:
        assert history[name][0] == pytest.approx((each[0][name] + each[1][name]) / 2, rel=1e-3, abs=1e-4), name
    assert each[0]["loss"] != pytest.approx(each[1]["loss"], rel=1e-3)


# --- weight decay -----------------------------------------------------------------------------------------------------
def test_weight_penalty_is_half_the_decay_times_the_squares_of_the_kernels(small_recipe):
    detector = build(small_recipe(weight_decay=0.3))
    kernels = [v for v in detector.trainable_variables if v.path.endswith("/kernel")]
    assert len(kernels) == 6 + 2  # convolutions, embedding, classifier
    expected = 0.15 * sum(np.square(kernel.numpy(), dtype=np.float64).sum() for kernel in kernels)
    assert float(detector.weight_penalty()) == pytest.approx(expected, rel=1e-5)
    for v in detector.trainable_variables:
        if not v.path.endswith("/kernel"):
            v.assign(v + 3.0)
    assert float(detector.weight_penalty()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("choices", [{"weight_decay": 0.0}, {"weight_decay": 0.3, "weight_decay_form": "decoupled"}])
def test_no_weight_penalty_where_the_loss_holds_none(choices, small_recipe):
    assert build(small_recipe(**choices)).weight_penalty() == 0


@pytest.mark.parametrize("form", ["l2", "decoupled"])
def test_weight_decay_moves_kernels_only(form, small_recipe, crops, float64):
    after = {}
    for decay in (0.0, 0.2):
        detector = build(small_recipe(weight_decay=decay, weight_decay_form=form, learning_rate=0.5))
        before = {v.path: v.numpy() for v in detector.trainable_variables}
        detector.train_step(tuple(tf.constant(x) for x in crops))
        after[decay] = {v.path: v.numpy() for v in detector.trainable_variables}
    # From equal weights one step of either form takes learning rate x decay x kernel away, and the rest is equal. Two
    # models have paths that differ in a counter, so pairs go by order.
    for old, without, (path, with_decay) in zip(before.values(), after[0.0].values(), after[0.2].items(), strict=True):
        pull = 0.5 * 0.2 * old if path.endswith("/kernel") else 0.0
        # Decoupled decay comes before the gradient step of the same old weights: the sums are equal.
        np.testing.assert_allclose(with_decay, without - pull, rtol=0, atol=1e-8, err_msg=path)


# --- parts of other systems -------------------------------------------------------------------------------------------
def test_one_logit_learns_as_two_do(small_recipe, crops):
    """The logistic loss of one logit, log(1 + exp(-y z)), is the cross-entropy of its two halves."""
    detector = build(small_recipe(classifier="sigmoid", triplet_weight=0, weight_center_weight=0, expander=False))
    pictures, labels = crops
    outputs = detector(pictures)
    logit = np.asarray(outputs["logit"], np.float64)
    terms = detector.multi_metric_loss(outputs["embedding"], outputs["judged"], tf.constant(labels))
    expected = np.mean(np.log1p(np.exp(-np.where(labels == 1, logit, -logit))))
    assert outputs["judged"].shape == (6, 1)
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-5)


def test_the_squared_error_takes_the_place_of_the_cross_entropy(small_recipe, crops):
    choices = {"triplet_weight": 0, "weight_center_weight": 0, "expander": False}
    detector = build(small_recipe(classifier_loss="mean_squared_error", **choices))
    pictures, labels = crops
    outputs = detector(pictures)
    terms = detector.multi_metric_loss(outputs["embedding"], outputs["judged"], tf.constant(labels))
    error = np.mean((np.asarray(outputs["fake_probability"]) - labels) ** 2)
    assert float(terms["loss"]) == pytest.approx(error, rel=1e-5)
    assert float(terms["cross_entropy"]) == pytest.approx(float(plain_cross_entropy(outputs, labels)), rel=1e-5)


def plain_cross_entropy(outputs, labels):
    p = np.asarray(outputs["fake_probability"], np.float64)
    return -np.mean(np.where(labels == 1, np.log(p), np.log(1 - p)))


@pytest.mark.parametrize("distance", ["euclidean", "squared_euclidean"])
def test_triplets_by_distance(distance, small_recipe):
    detector = build(small_recipe(triplet_distance=distance, expander=False, triplet_reduction="all"))
    x, labels = np.random.default_rng(8).normal(size=(4, 8)).astype(np.float32), np.array([0, 1, 0, 1])
    terms = detector.multi_metric_loss(tf.constant(x), tf.zeros((4, 2)), tf.constant(labels))
    values = []
    for a, p, n in itertools.permutations(range(4), 3):
        if labels[a] == labels[p] != labels[n]:
            ap, an = (np.linalg.norm(x[a] - x[other]) for other in (p, n))
            values.append(max(0.0, ap - an + 1 if distance == "euclidean" else ap**2 - an**2 + 1))
    assert float(terms["triplet"]) == pytest.approx(np.mean(values), rel=1e-5)


def test_a_frozen_backbone_waits_for_its_step(small_recipe, crops):
    detector = build(small_recipe(frozen_steps=2, weight_decay=0, optimizer="adam"))
    kernel = detector.backbone.get_layer("stem_conv").kernel
    pictures, labels = (tf.constant(values) for values in crops)
    moved = []
    for _ in range(3):
        before, head = kernel.numpy(), detector.classifier.kernel.numpy()
        detector.train_step((pictures, labels))
        moved.append(bool(np.abs(kernel.numpy() - before).max() > 0))
        assert np.abs(detector.classifier.kernel.numpy() - head).max() > 0
    assert moved == [False, False, True]


def test_dropout_acts_in_training_alone(small_recipe, crops):
    detector = build(small_recipe(dropout=0.5))
    feature = tf.ones((64, detector.backbone.output_shape[-1]))
    quiet = [np.asarray(detector.head(feature)["logit"]) for _ in range(2)]
    assert np.array_equal(*quiet)
    assert np.asarray(detector.head(feature, training=True)["logit"]).std() > 0


def test_without_an_embedding_it_is_the_feature(small_recipe, crops):
    detector = build(small_recipe(embedding_size=0, normalize_embeddings=False, classifier_input="feature"))
    outputs = detector(crops[0])
    assert np.array_equal(outputs["embedding"], detector.backbone(detector.preprocess(crops[0])))
    assert detector.center.shape == outputs["embedding"].shape[1:]


# --- the centre -------------------------------------------------------------------------------------------------------
def test_the_centre_starts_at_the_first_mean_and_then_averages(small_recipe, unit_vectors, float64):
    detector = build(small_recipe(center_momentum=0.75))
    first, second = unit_vectors(4, 8, seed=1), unit_vectors(4, 8, seed=2)
    shift = detector.move_center(tf.constant(first), tf.constant([0, 1, 0, 1]))
    mean = first[[0, 2]].mean(axis=0)
    assert detector.center.numpy() == pytest.approx(mean, abs=1e-12)
    assert float(shift) == pytest.approx(np.linalg.norm(mean))
    shift = detector.move_center(tf.constant(second), tf.constant([1, 1, 0, 1]))
    assert detector.center.numpy() == pytest.approx(0.75 * mean + 0.25 * second[2], abs=1e-12)
    assert float(shift) == pytest.approx(0.25 * np.linalg.norm(second[2] - mean))


@pytest.mark.parametrize("center", [np.zeros(8), np.arange(8.0)])
def test_the_centre_stays_without_a_real(center, small_recipe, unit_vectors):
    detector = build(small_recipe())
    detector.center.assign(center)
    assert float(detector.move_center(tf.constant(unit_vectors(3, 8), tf.float32), tf.constant([1, 1, 1]))) == 0
    assert detector.center.numpy().tolist() == center.tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("center", [np.zeros(8), np.arange(8.0)])
def test_the_centre_only_moves_with_finite_embeddings(center, row, value, plain, unit_vectors):
    """Whether the embedding that is not is of a real or of a fake; the batch after it moves it again."""
    plain.center.assign(center)
    embedding = unit_vectors(4, 8).astype(np.float32)
    embedding[row, 3] = value
    assert float(plain.move_center(tf.constant(embedding), tf.constant([0, 1, 0, 1]))) == 0
    assert plain.center.numpy().tolist() == center.tolist()
    plain.move_center(tf.constant(unit_vectors(4, 8), tf.float32), tf.constant([0, 1, 0, 1]))
    assert np.isfinite(plain.center.numpy()).all() and (plain.center.numpy() != center).any()


def test_the_centre_moves_after_the_loss_and_gets_no_gradient(small_recipe, crops):
    detector = build(small_recipe(weight_center_start=0))
    assert not any(v is detector.center for v in detector.trainable_variables)
    images, labels = (tf.constant(x) for x in crops)
    embedding = detector(images, training=True)["embedding"].numpy()
    result = detector.train_step((images, labels))
    assert float(result["real_similarity"]) == 0  # taken against the centre before this step, which was none
    assert detector.center.numpy() == pytest.approx(embedding[::2].mean(axis=0), abs=1e-5)


# --- the outputs ------------------------------------------------------------------------------------------------------
def test_outputs_agree_with_each_other(plain, crops):
    plain.center.assign(center := np.linspace(-1, 2, 8))
    outputs = {name: value.numpy() for name, value in plain(crops[0]).items()}
    assert outputs["embedding"].shape == (6, 8) and outputs["logits"].shape == (6, 2)
    assert np.linalg.norm(outputs["embedding"], axis=1) == pytest.approx(1, abs=1e-5)
    assert outputs["logit"] == pytest.approx(outputs["logits"][:, 1] - outputs["logits"][:, 0])
    assert outputs["fake_probability"] == pytest.approx(1 / (1 + np.exp(-outputs["logit"])), abs=1e-6)
    expected = outputs["embedding"] @ center / np.linalg.norm(center)
    assert outputs["center_similarity"] == pytest.approx(expected, abs=1e-5)


def test_the_temperature_divides_the_logit_in_the_probability_alone(small_recipe, crops):
    detector = build(small_recipe())
    before = {name: value.numpy() for name, value in detector(crops[0]).items()}
    detector.temperature.assign(2.5)
    after = {name: value.numpy() for name, value in detector(crops[0]).items()}
    assert after["fake_probability"] == pytest.approx(1 / (1 + np.exp(-before["logit"] / 2.5)), abs=1e-6)
    assert np.abs(after["fake_probability"] - before["fake_probability"]).max() > 1e-3
    for name in before.keys() - {"fake_probability"}:
        assert np.array_equal(before[name], after[name]), name


def test_training_knows_no_temperature(small_recipe, crops):
    recipe, batch = small_recipe(weight_center_start=0, expander_start=0), tuple(tf.constant(x) for x in crops)
    trained = {}
    for temperature in (1.0, 7.0):
        detector = build(recipe)
        detector.temperature.assign(temperature)
        assert not any(v is detector.temperature for v in detector.trainable_variables)
        assert not any("temperature" in v.path for v in detector.optimizer.variables)
        for _ in range(2):
            detector.train_step(batch)
        assert float(detector.temperature) == temperature
        trained[temperature] = [v.numpy() for v in detector.weights if v is not detector.temperature]
    for one, other in zip(*trained.values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seen, width", [("embedding", 8), ("unit_embedding", 8), ("feature", 32)])
def test_the_classifier_sees_what_the_recipe_says(seen, width, small_recipe, crops):
    detector = build(small_recipe(classifier_input=seen))
    kernel, bias = (v.numpy() for v in (detector.classifier.kernel, detector.classifier.bias))
    assert kernel.shape == (width, 2)
    feature = detector.backbone(detector.preprocess(crops[0]))
    raw = detector.embedding(feature).numpy()
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    x = {"embedding": raw, "unit_embedding": unit, "feature": feature.numpy()}[seen]
    assert detector(crops[0])["logits"].numpy() == pytest.approx(x @ kernel + bias, abs=1e-4)


def test_embeddings_stay_as_they_are_if_asked(small_recipe, crops):
    detector = build(small_recipe(normalize_embeddings=False))
    raw = detector.embedding(detector.backbone(detector.preprocess(crops[0]))).numpy()
    assert detector(crops[0])["embedding"].numpy() == pytest.approx(raw, abs=1e-5)
    assert np.abs(np.linalg.norm(raw, axis=1) - 1).min() > 0.01


def test_preprocess_normalises_and_shrinks(plain, crop, small_recipe):
    crops = np.stack([crop(1, 1), crop(0, 2)])
    full = build(small_recipe(image_size=256)).preprocess(crops).numpy()
    np.testing.assert_allclose(full, (crops - np.array(PIXEL_MEAN)) / np.array(PIXEL_STD), atol=1e-4)
    small = plain.preprocess(crops).numpy()
    expected = tf.image.resize(crops, (32, 32), antialias=True).numpy()
    np.testing.assert_allclose(small, (expected - np.array(PIXEL_MEAN)) / np.array(PIXEL_STD), atol=1e-3)


def test_pixels_average_out_when_shrunk(plain):
    """Single-pixel stripes become grey: without antialiasing they would stay black and white."""
    stripes = np.zeros((1, 256, 256, 3), np.uint8)
    stripes[:, :, ::2] = 255
    grey = (127.5 - np.array(PIXEL_MEAN)) / np.array(PIXEL_STD)
    assert plain.preprocess(stripes).numpy()[0, 4:-4, 4:-4] == pytest.approx(
        np.broadcast_to(grey, (24, 24, 3)), abs=0.05
    )


def test_number_types_do_not_matter(plain, crops):
    as_bytes = plain(crops[0])["logit"].numpy()
    assert plain(crops[0].astype(np.float32))["logit"].numpy() == pytest.approx(as_bytes)


def test_a_saved_model_comes_back_equal(small_recipe, crops, tmp_path):
    detector = build(small_recipe(weight_center_start=0))
    images, labels = (tf.constant(x) for x in crops)
    detector.train_step((images, labels))
    detector.temperature.assign(1.75)
    detector.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert float(loaded.temperature) == 1.75
    assert loaded.recipe == detector.recipe
    assert (detector.center.numpy() != 0).any()
    assert loaded.center.numpy().tolist() == detector.center.numpy().tolist()
    before, after = detector(images), loaded(images)
    for name in before:
        assert np.array_equal(before[name], after[name]), name
    # Both go on alike: momenta and the step came along.
    assert int(loaded.optimizer.iterations) == 1
    detector.train_step((images, labels))
    loaded.train_step((images, labels))
    for one, other in zip(detector.trainable_variables, loaded.trainable_variables, strict=True):
        np.testing.assert_allclose(other.numpy(), one.numpy(), rtol=0, atol=1e-5, err_msg=one.path)


def test_a_weights_file_holds_centre_and_temperature(small_recipe, tmp_path):
    detector, other = (build(small_recipe(seed=seed)) for seed in (1, 2))
    detector.center.assign(np.arange(8.0))
    detector.temperature.assign(0.5)
    detector.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    assert float(other.temperature) == 0.5 and other.center.numpy().tolist() == list(range(8))
