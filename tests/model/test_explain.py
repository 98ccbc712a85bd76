"""Grad-CAM against tf-keras-vis, finite differences and loops."""

import importlib.util
import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from model import explain
from model.backbones import BACKBONES
from model.detector import DeepfakeDetector
from model.recipes import Recipe

pytestmark = pytest.mark.slow  # gradients of every backbone

GOLDEN = Path(__file__).with_name("golden")


def build(recipe):
    keras.utils.set_random_seed(recipe.seed)
    detector = DeepfakeDetector(recipe)
    detector.center.assign(np.linspace(-1, 2, recipe.embedding_size))
    return detector


@pytest.fixture(scope="module")
def detector(small_recipe):
    """A small detector with feature maps of 3x3, which no test changes."""
    return build(small_recipe(image_size=96))


@pytest.fixture
def crops(crop):
    return np.stack([crop(i % 2, i) for i in range(5)])


# --- against tf-keras-vis ---------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def drawn():
    """(detector, crops) of `make_grad_cam.py`."""
    spec = importlib.util.spec_from_file_location("make_grad_cam", GOLDEN / "make_grad_cam.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    detector = DeepfakeDetector(Recipe(**script.RECIPE))
    script.draw_weights(detector)
    return detector, script.draw_crops()


@pytest.mark.parametrize("name, class_index", [("real", 0), ("fake", 1)])
def test_it_equals_tf_keras_vis(name, class_index, drawn):
    golden = json.loads((GOLDEN / "grad_cam.json").read_text())
    raw, normalized = (np.array(golden[f"{name}/{kind}"]) for kind in ("raw", "normalized"))
    assert (raw.max(axis=(1, 2)) > 0.1).all() and (
        raw.min(axis=(1, 2)) == 0
    ).all()  # they show something, not everything
    maps = explain.class_maps(*drawn, class_index).numpy()
    np.testing.assert_allclose(maps, raw, rtol=0, atol=1e-5)
    np.testing.assert_allclose(maps / maps.max(axis=(1, 2), keepdims=True), normalized, rtol=0, atol=1e-5)


# --- against mathematics ----------------------------------------------------------------------------------------------
def numeric_gradient(score, maps, step=1e-5):
    """Central differences of `score` (maps [m, h, w, k] -> [m]) in every entry of one feature map [h, w, k]."""
    gradient = np.empty(maps.size)
    for start in range(0, maps.size, 256):
        entries = np.arange(start, min(start + 256, maps.size))
        shifts = np.zeros((len(entries), maps.size))
        shifts[np.arange(len(entries)), entries] = step
        shifts = shifts.reshape(-1, *maps.shape)
        gradient[entries] = (score(maps + shifts) - score(maps - shifts)) / (2 * step)
    return gradient.reshape(maps.shape)


def map_by_loops(maps, gradient):
    """Eq. 1 and 2 of the paper for one feature map."""
    height, width, channels = maps.shape
    result = np.zeros((height, width))
    for k in range(channels):
        weight = sum(gradient[y, x, k] for y in range(height) for x in range(width)) / (height * width)
        for y in range(height):
            for x in range(width):
                result[y, x] += weight * maps[y, x, k]
    return np.maximum(result, 0)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"classifier_input": "unit_embedding"},
        {"classifier_input": "feature"},
        {"cross_entropy_weight": 0, "expander": False, "classifier_input": "feature"},  # a read-out of the embedding
    ],
)
def test_a_map_is_that_of_finite_differences_and_loops(choices, small_recipe, crops, float64):
    detector = build(small_recipe(image_size=64, **choices))
    kernel = detector.classifier.kernel
    kernel.assign(
        np.random.default_rng(1).normal(size=(kernel.shape[0], 1)) * [-3, 3]
    )  # one class shows what the other hides
    features, from_features = explain.split(detector)
    maps = features(crops[:2]).numpy()
    assert maps.shape == (2, 2, 2, 512)

    def score(maps, class_index):
        outputs = from_features(tf.constant(maps))
        return outputs["logits"].numpy()[:, class_index]

    shown = 0
    for class_index in (0, 1):
        found = explain.class_maps(detector, crops[:2], class_index).numpy()
        for one, its_maps in zip(found, maps, strict=True):
            expected = map_by_loops(its_maps, numeric_gradient(lambda m, c=class_index: score(m, c), its_maps))
            assert one == pytest.approx(expected, rel=1e-5, abs=1e-7)
            shown += expected.max() > 0.01
    assert shown


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_is_cut_behind_its_last_feature_map(backbone, small_recipe, crops):
    of_capsules = {"classifier": "routing", "classifier_input": "feature"} if "capsule" in backbone else {}
    detector = build(small_recipe(backbone=backbone, image_size=96, **of_capsules))
    features, from_features = explain.split(detector)
    maps = features(crops[:2])
    side = 12 if of_capsules else 1 if backbone == "kumar" else 3
    assert maps.shape[:3] == (2, side, side)
    expected = detector(crops[:2], training=False)
    for name, value in from_features(maps).items():
        assert value.numpy() == pytest.approx(expected[name].numpy(), abs=1e-5), name
    heat = explain.heat_maps(detector, crops[:2], 1).numpy()
    assert heat.shape == (2, 256, 256) and heat.dtype == np.float32
    assert heat.min() >= 0 and set(heat.max(axis=(1, 2))) <= {0, 1}


# --- the picture ------------------------------------------------------------------------------------------------------
def test_a_class_that_one_channel_decides_is_seen_where_that_channel_is(small_recipe, crops):
    detector = build(small_recipe(image_size=96, classifier_input="feature"))
    features, _ = explain.split(detector)
    maps = features(crops).numpy()
    channel = int(maps.std(axis=(1, 2)).min(axis=0).argmax())
    kernel = np.zeros((512, 2))
    kernel[channel, 1] = 3.0
    detector.classifier.kernel.assign(kernel)
    heat = explain.heat_maps(detector, crops, 1).numpy()
    for one, of_channel in zip(heat, maps[..., channel], strict=True):
        expected = cv2.resize(of_channel, (256, 256), interpolation=cv2.INTER_LINEAR)
        assert of_channel.std() > 0 and one == pytest.approx(expected / expected.max(), abs=1e-5)
    assert not explain.heat_maps(detector, crops, 0).numpy().any()  # nothing speaks for it; nothing is divided by 0


def test_every_map_that_shows_something_reaches_one(detector, crops):
    for class_index in (0, 1):
        raw = explain.class_maps(detector, crops, class_index).numpy()
        heat = explain.heat_maps(detector, crops, class_index).numpy()
        assert heat.max(axis=(1, 2)).tolist() == (raw.max(axis=(1, 2)) > 0).tolist()


def test_the_other_crops_of_a_batch_do_not_matter(detector, crops):
    together = explain.heat_maps(detector, crops, 1).numpy()
    one_by_one = np.concatenate([explain.heat_maps(detector, crops[k : k + 1], 1) for k in range(len(crops))])
    assert one_by_one == pytest.approx(together, abs=1e-4)
