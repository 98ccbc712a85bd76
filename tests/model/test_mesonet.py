"""MesoNets: the published counts, and the layers in the published order."""

import keras
import numpy as np
import pytest

from model.backbones import create_backbone, normalize_pixels
from model.detector import DeepfakeDetector
from model.mesonet import INCEPTIONS, MESONETS
from model.recipes import get_recipe


def parameters(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize("name, count", [("meso4", 27_977), ("mesoinception4", 28_615)])
def test_a_detector_trains_the_published_number_of_parameters(name, count):
    assert parameters(DeepfakeDetector(get_recipe(name)).trainable_variables) == count


def test_relu_stands_before_the_normalisation():
    """A stage of a kernel of zeros and a bias of -1 gives 0 behind the ReLU, and so what the statistics make of 0."""
    backbone = create_backbone("meso4", 64)
    conv, norm = backbone.get_layer("conv1"), backbone.get_layer("bn1")
    conv.set_weights([np.zeros((3, 3, 3, 8), np.float32), -np.ones(8, np.float32)])
    stage = keras.Model(backbone.input, norm.output)
    assert np.abs(stage(np.ones((1, 64, 64, 3), np.float32))).max() == 0


def test_an_inception_module_is_four_branches_side_by_side():
    """Against one convolution after the other, dilated kernels laid out with zeros between their taps."""
    backbone = create_backbone("mesoinception4", 32)
    x = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
    joined = keras.Model(backbone.input, backbone.get_layer("inception1").output)(x).numpy()

    def conv(values, name, dilation=1):
        kernel, bias = backbone.get_layer(name).get_weights()
        side = (kernel.shape[0] - 1) * dilation + 1
        wide = np.zeros((side, side, *kernel.shape[2:]), np.float32)
        wide[::dilation, ::dilation] = kernel
        padded = np.pad(values[0], [(side // 2,) * 2, (side // 2,) * 2, (0, 0)])
        views = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))  # [h, w, in, k, k]
        return np.maximum(np.einsum("hwikl,klio->hwo", views, wide) + bias, 0)[None]

    parts = [conv(x, "inception1_1")]
    for number in (2, 3, 4):
        parts.append(conv(conv(x, f"inception1_{number}_1x1"), f"inception1_{number}_3x3", number - 1))
    assert [part.shape[-1] for part in parts] == list(INCEPTIONS[0])
    assert joined == pytest.approx(np.concatenate(parts, axis=-1), abs=1e-5)


@pytest.mark.parametrize("name", MESONETS)
def test_pixels_are_shares_of_the_range(name):
    pixels = np.array([0.0, 51.0, 255.0], np.float32).reshape(1, 1, 1, 3)
    assert np.ravel(normalize_pixels(name, pixels)) == pytest.approx([0, 0.2, 1])
