"""The fused batch normalisation is Keras's own: outputs, gradients, moving statistics, saved weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from model.backbones import create_backbone
from model.batch_normalization import BatchNormalization

SETTINGS = {"momentum": 0.9, "epsilon": 1e-3}


def draw(*shape, dtype=np.float32):
    return np.random.default_rng(sum(shape)).normal(2, 3, shape).astype(dtype)


def trained(kind, maps, steps=3, **settings):
    """What some training steps make of a layer: its output, gradients, weights."""
    layer = kind(**SETTINGS, **settings)
    layer.build(maps.shape)
    channels = maps.shape[-1]
    layer.set_weights(
        [draw(channels) + k for k in range(len(layer.weights) - 2)] + [draw(channels), draw(channels) ** 2]
    )
    inputs = tf.Variable(maps)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=True)
            loss = tf.reduce_sum(outputs**2 * tf.cast(draw(*maps.shape), outputs.dtype))
        gradients = tape.gradient(loss, [inputs, *layer.trainable_weights])
    return [outputs, *gradients, *layer.weights, layer(inputs, training=False)]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        assert one == pytest.approx(other, rel=1e-4, abs=1e-5 * abs(other).max())


@pytest.fixture
def fused(monkeypatch):
    """The calls of the fused kernel."""
    calls, kernel = [], tf.raw_ops.FusedBatchNormV3

    def count(**options):
        calls.append(options["x"].shape)
        return kernel(**options)

    monkeypatch.setattr(tf.raw_ops, "FusedBatchNormV3", count)
    return calls


@pytest.mark.parametrize("shape", [(4, 5, 6, 3), (2, 1, 1, 8), (1, 3, 2, 1)])
def test_a_training_step_is_that_of_keras(shape, fused):
    ours = trained(BatchNormalization, draw(*shape))
    assert len(fused) == 3, "the fused kernel is what this layer is for"
    assert_same(ours, trained(layers.BatchNormalization, draw(*shape)))


def test_the_moving_variance_is_the_biased_one():
    """Of Ioffe and Szegedy's algorithm 1, not the unbiased one that the kernel returns."""
    maps = draw(2, 2, 1, 3)
    layer = BatchNormalization(momentum=0.0)
    layer(maps, training=True)
    assert layer.moving_variance.numpy() == pytest.approx(maps.var((0, 1, 2)), rel=1e-5)
    assert layer.moving_mean.numpy() == pytest.approx(maps.mean((0, 1, 2)), rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((4, 5, 6, 3), {"dtype": "float64"}),
        ((4, 5, 6, 3), {"center": False}),
        ((4, 5, 6, 3), {"scale": False}),
        ((4, 5, 6, 3), {"synchronized": True}),
        ((4, 5, 6), {}),
        ((4, 6), {}),
        ((4, 5, 6, 6), {"axis": 1}),
    ],
)
def test_what_the_kernel_does_not_know_goes_the_way_of_keras(shape, settings, fused):
    if settings.get("axis") == 1:
        layer = BatchNormalization(**settings)
        layer(draw(*shape), training=True)
    else:
        maps = draw(*shape, dtype=settings.get("dtype", np.float32))
        ours = trained(BatchNormalization, maps, **settings)
        assert_same(ours, trained(layers.BatchNormalization, maps, **settings))
    assert fused == []


def test_a_frozen_layer_and_inference_leave_the_statistics_alone(fused):
    layer = BatchNormalization()
    maps = draw(4, 5, 6, 3)
    layer(maps)
    layer.trainable = False
    outputs = layer(maps, training=True)
    assert fused == [] and layer.moving_mean.numpy().tolist() == [0, 0, 0]
    assert np.asarray(outputs) == pytest.approx(maps / np.sqrt(1 + layer.epsilon), rel=1e-5)


def test_half_precision_is_normalised_in_32_bits(fused):
    layer = BatchNormalization(dtype="mixed_float16")
    outputs = layer(draw(4, 5, 6, 3), training=True)
    assert outputs.dtype == "float16" and len(fused) == 1
    assert np.asarray(outputs, np.float32).std((0, 1, 2)) == pytest.approx(np.ones(3), rel=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size"), [("resnet10", 32), ("efficientnetlite0", 32), ("efficientnetb0", 32), ("xception", 71)]
)
def test_backbones_have_it_and_weights_of_keras_layers_fit(name, size, tmp_path):
    """States and exports that were saved before are still read, and the other way round."""
    backbone = create_backbone(name, size)
    norms = [layer for layer in backbone.layers if isinstance(layer, layers.BatchNormalization)]
    assert norms and all(type(layer) is BatchNormalization for layer in norms)

    def plain(layer):
        kind = layers.BatchNormalization if isinstance(layer, BatchNormalization) else type(layer)
        return kind.from_config(layer.get_config())

    before = keras.models.clone_model(backbone, clone_function=plain)
    before.set_weights([draw(*w.shape) ** 2 + 0.1 for w in before.weights])
    before.save_weights(tmp_path / "before.weights.h5")
    backbone.load_weights(tmp_path / "before.weights.h5")
    images = draw(2, size, size, 3)
    for ours, theirs in zip(backbone.get_weights(), before.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    assert [w.path.split("/", 1)[-1] for w in backbone.weights] == [w.path.split("/", 1)[-1] for w in before.weights]
    backbone.save(tmp_path / "now.keras")
    again = keras.saving.load_model(tmp_path / "now.keras")
    assert np.array_equal(again(images), backbone(images))
