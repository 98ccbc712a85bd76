"""Capsule-Forensics against a forward pass in numpy, and the published counts."""

import keras
import numpy as np
import pytest

from model import capsule
from model.backbones import create_backbone
from model.detector import DeepfakeDetector
from model.recipes import get_recipe


def parameters(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.slow
def test_the_second_version_trains_the_published_number_of_parameters():
    detector = DeepfakeDetector(get_recipe("capsule", image_size=64))
    assert parameters(detector.trainable_variables) == 1_571_070
    frozen = [v for v in detector.backbone.non_trainable_variables if v.path.startswith("block")]
    assert parameters(frozen) == 2_325_568  # VGG19 up to its third pooling


def squashed(x, axis):
    length = np.linalg.norm(x, axis=axis, keepdims=True)
    return length**2 / (1 + length**2) * x / length


@pytest.mark.parametrize("axis", [1, 2])
def test_squashing_keeps_the_direction(axis):
    x = np.random.default_rng(1).normal(size=(2, 5, 3))
    assert np.asarray(capsule.squash(x, axis)) == pytest.approx(squashed(x, axis), rel=1e-6)


def test_a_zero_vector_stays_zero_with_a_finite_gradient(float64):
    import tensorflow as tf

    x = tf.Variable(np.zeros((1, 4)))
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(capsule.squash(x, 1))
    assert float(y) == 0 and np.isfinite(tape.gradient(y, x).numpy()).all()


def routed(votes):
    """Two iterations of routing for one image; votes [2, capsules, 4]."""
    agreement = np.zeros_like(votes)
    for _ in range(2):
        shares = np.exp(agreement) / np.exp(agreement).sum(axis=1, keepdims=True)
        outputs = squashed((shares * votes).sum(axis=1, keepdims=True), axis=2)
        agreement = agreement + votes * outputs
    return outputs[:, 0].T


def test_routing_is_two_rounds_of_votes():
    rng = np.random.default_rng(2)
    layer = capsule.DynamicRouting()
    features = rng.normal(size=(3, 5 * 8)).astype(np.float32)
    outputs = np.asarray(layer(features))
    (kernel,) = layer.get_weights()
    assert outputs.shape == (3, 4, 2)
    for feature, output in zip(features.reshape(3, 5, 8), outputs, strict=True):
        votes = np.array([[kernel[j, i] @ feature[i] for i in range(5)] for j in range(2)])
        assert output == pytest.approx(routed(votes), abs=1e-5)


def test_training_leaves_out_votes(monkeypatch):
    monkeypatch.setattr(capsule, "NOISE", 0.0)
    layer = capsule.DynamicRouting()
    feature = np.random.default_rng(3).normal(size=(4000, 3 * 8)).astype(np.float32)
    quiet, disturbed = np.asarray(layer(feature)), np.asarray(layer(feature, training=True))
    assert np.array_equal(np.asarray(layer(feature)), quiet)
    same = np.abs(disturbed - quiet).max(axis=(1, 2)) < 1e-6
    assert same.mean() == pytest.approx(0.95**24, abs=0.04)  # 24 votes: two capsules, three voters, four dimensions


def test_training_disturbs_the_weights_a_little(monkeypatch):
    monkeypatch.setattr(capsule, "DROPPED", 0.0)
    layer = capsule.DynamicRouting()
    feature = np.random.default_rng(3).normal(size=(50, 3 * 8)).astype(np.float32)
    first, second = np.asarray(layer(feature, training=True)), np.asarray(layer(feature, training=True))
    assert 1e-4 < np.abs(first - np.asarray(layer(feature))).max() < 0.3
    assert not np.array_equal(first, second)


def test_a_primary_capsule_is_described_by_mean_and_unbiased_deviation():
    maps = np.random.default_rng(4).normal(size=(2, 5, 6, 7)).astype(np.float32)
    described = np.asarray(capsule.Statistics()(maps))
    assert described[..., 0] == pytest.approx(maps.mean(axis=(1, 2)), abs=1e-6)
    assert described[..., 1] == pytest.approx(maps.std(axis=(1, 2), ddof=1), rel=1e-5)


@pytest.mark.slow
def test_what_lies_below_the_capsules_does_not_learn():
    backbone = create_backbone("capsule_v1", 32)
    assert {v.path.split("/")[0][:7] for v in backbone.trainable_variables} == {"capsule"}
    assert backbone.get_layer("features").output.shape == (None, 4, 4, 256)
    assert backbone.output_shape == (None, 24)


@pytest.mark.slow
def test_a_detector_of_capsules_is_saved_and_loaded(tmp_path):
    detector = DeepfakeDetector(
        get_recipe("capsule", name="v1", backbone="capsule_v1", image_size=32, initial_weights="random")
    )
    crops = np.random.default_rng(5).integers(0, 256, (2, 256, 256, 3), np.uint8)
    before = np.asarray(detector(crops)["logit"])
    detector.save(tmp_path / "a.keras")
    assert np.asarray(keras.saving.load_model(tmp_path / "a.keras")(crops)["logit"]) == pytest.approx(before, abs=1e-5)
