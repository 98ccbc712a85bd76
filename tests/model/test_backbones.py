"""Backbones: sizes known from the published networks, and where the padding puts the grid."""

import typing

import keras
import numpy as np
import pytest

from artifacts.errors import InputError
from model.backbones import BACKBONES, application, create_backbone, normalize_pixels
from model.recipes import Recipe


def parameters(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize(
    "name, count",
    # torchvision's counts less the classifier's 513,000
    [("resnet34", 21_797_672 - 513_000), ("resnet18", 11_689_512 - 513_000)],
)
def test_parameters_are_the_published_networks(name, count):
    assert parameters(create_backbone(name, 32).trainable_variables) == count


@pytest.fixture(scope="module")
def backbone():
    keras.utils.set_random_seed(1)
    return create_backbone("resnet10", 64)


def test_gives_one_feature_vector_per_image_and_the_last_map(backbone):
    images = np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32)
    maps = keras.Model(backbone.input, backbone.get_layer("features").output)(images).numpy()
    assert maps.shape == (2, 2, 2, 512)
    assert backbone(images).numpy() == pytest.approx(maps.mean(axis=(1, 2)), abs=1e-6)


def test_no_convolution_has_a_bias_and_norms_use_torch_epsilon(backbone):
    kinds = [type(layer) for layer in backbone.layers]
    assert kinds.count(keras.layers.Conv2D) == 12
    assert all(not layer.use_bias for layer in backbone.layers if isinstance(layer, keras.layers.Conv2D))
    norms = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 12
    assert {(norm.epsilon, norm.momentum, norm.synchronized) for norm in norms} == {(1e-5, 0.9, False)}


def test_synchronized_reaches_every_norm():
    layers = create_backbone("resnet10", 32, synchronized=True).layers
    assert {layer.synchronized for layer in layers if isinstance(layer, keras.layers.BatchNormalization)} == {True}


def test_the_stem_is_centred_on_even_pixels(backbone):
    """A kernel with its centre tap alone picks the pixels 0, 2, 4, ...; "same" padding would pick odd ones."""
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    stem = keras.Model(backbone.input, backbone.get_layer("stem_conv").output)
    kernel = np.zeros((7, 7, 3, 64), np.float32)
    kernel[3, 3, 1, 0] = 1
    before = stem.get_weights()
    stem.set_weights([kernel])
    picked = stem(images).numpy()[0, :, :, 0]
    stem.set_weights(before)
    assert picked == pytest.approx(images[0, ::2, ::2, 1])


def test_strided_blocks_and_their_shortcuts_stay_on_the_same_grid(backbone):
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 64)).astype(np.float32)
    conv, shortcut = backbone.get_layer("layer2_0_1_conv"), backbone.get_layer("layer2_0_downsample_conv")
    before = conv.get_weights(), shortcut.get_weights()
    kernel = np.zeros((3, 3, 64, 128), np.float32)
    kernel[1, 1, 5, 0] = 1
    conv.set_weights([kernel])
    shortcut.set_weights([kernel[1:2, 1:2]])
    strided = conv(backbone.get_layer("layer2_0_1_pad")(x)).numpy()
    direct = shortcut(x).numpy()
    conv.set_weights(before[0])
    shortcut.set_weights(before[1])
    assert strided[0, :, :, 0] == pytest.approx(x[0, ::2, ::2, 5])
    assert strided == pytest.approx(direct)


def test_a_block_starts_as_its_shortcut(backbone):
    assert (backbone.get_layer("layer1_0_2_bn").gamma.numpy() == 0).all()
    assert (backbone.get_layer("layer1_0_1_bn").gamma.numpy() == 1).all()


def test_recipes_offer_every_backbone():
    assert set(typing.get_args(Recipe.model_fields["backbone"].annotation)) == set(BACKBONES)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="Received: backbone='resnet51'"):
        create_backbone("resnet51", 32)


@pytest.mark.slow
# --- networks that Keras has ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name, features, count",
    # the published counts (keras.io/api/applications) less the classifier's
    [
        ("xception", 2048, 22_910_480 - 2049 * 1000),
        ("efficientnetb0", 1280, 5_330_571 - 7 - 1281 * 1000),
        ("efficientnetb4", 1792, 19_466_823 - 7 - 1793 * 1000),
        ("resnet50", 2048, 25_636_712 - 2049 * 1000),
    ],
)
def test_applications_are_the_published_networks(name, features, count):
    backbone = create_backbone(name, 96)
    weights = [v for v in backbone.variables if "seed_generator" not in v.path]  # of its dropout
    assert parameters(weights) == count  # 7: EfficientNet's own normalisation of pixels, which is left out
    assert backbone.output_shape == (None, features)
    assert backbone.get_layer("features").output.shape[-1] == features


@pytest.mark.slow
def test_synchronized_reaches_the_norms_of_an_application():
    norms = [
        layer
        for layer in create_backbone("efficientnetb0", 32, synchronized=True).layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(norms) == 49 and all(layer.synchronized for layer in norms)


def test_xception_says_which_size_it_needs():
    with pytest.raises(ValueError, match="71"):
        create_backbone("xception", 64)


def test_pixels_are_normalised_as_published():
    pixels = np.array([0.0, 127.5, 255.0], np.float32).reshape(1, 1, 1, 3)
    assert np.ravel(normalize_pixels("xception", pixels)) == pytest.approx([-1, 0, 1])
    assert np.ravel(normalize_pixels("efficientnetlite0", pixels)) == pytest.approx([-127 / 128, 0.5 / 128, 1])
    assert np.ravel(normalize_pixels("kumar", pixels)) == pytest.approx([-1, 0, 1])
    colours = np.array([10.0, 20.0, 30.0], np.float32).reshape(1, 1, 1, 3)
    assert np.ravel(normalize_pixels("resnet50", colours)) == pytest.approx([30 - 103.939, 20 - 116.779, 10 - 123.68])
    expected = [(0 - 123.675) / 58.395, (127.5 - 116.28) / 57.12, (255 - 103.53) / 57.375]
    for name in ("resnet34", "efficientnetb4"):
        assert np.ravel(normalize_pixels(name, pixels)) == pytest.approx(expected)


def test_pictures_that_are_too_small_for_a_network_are_refused_by_name():
    with pytest.raises(InputError, match=r"^image_size: 32 is too small for the backbone xception, which takes 71 and"):
        application("xception", 32)
