"""Published weights: timm's numbers from timm's file, and what users read about a file that does not fit."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from artifacts.errors import InputError
from model.backbones import create_backbone
from model.published_weights import load_published, published_name

pytestmark = pytest.mark.slow  # whole networks


def test_resnet34_computes_what_timm_computes(resnet34, resnet34_file):
    backbone = create_backbone("resnet34", 96)
    # A published file also holds the ImageNet classifier and counters.
    path = resnet34_file(
        {
            "fc.weight": np.zeros((1000, 512), np.float32),
            "fc.bias": np.zeros(1000, np.float32),
            "bn1.num_batches_tracked": np.array(7),
        }
    )
    load_published(backbone, path)
    maps = keras.Model(backbone.input, backbone.get_layer("features").output)(resnet34.image[None]).numpy()
    assert maps[0, 1, 2, :64] == pytest.approx(np.array(resnet34.content["features[0, 1, 2, :64]"]), rel=1e-5, abs=1e-5)
    assert backbone(resnet34.image[None]).numpy()[0] == pytest.approx(
        np.array(resnet34.content["feature"]), rel=1e-5, abs=1e-5
    )


def test_every_variable_has_a_published_name_of_its_own(resnet34):
    names = [published_name("resnet34", v.path) for v in create_backbone("resnet34", 32).variables]
    assert len(set(names)) == len(names)
    assert set(names) == set(resnet34.weights)


@pytest.mark.parametrize(
    "path, name",
    [
        ("stem_conv/kernel", "conv1.weight"),
        ("stem_bn/beta", "bn1.bias"),
        ("resnet34/layer1_2_1_bn/moving_variance", "layer1.2.bn1.running_var"),
        ("layer3_5_2_conv/kernel", "layer3.5.conv2.weight"),
        ("layer2_0_downsample_conv/kernel", "layer2.0.downsample.0.weight"),
        ("layer4_0_downsample_bn/gamma", "layer4.0.downsample.1.weight"),
    ],
)
def test_published_names(path, name):
    assert published_name("resnet34", path) == name


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"conv1.weight": None, "bn1.bias": None},
            r"lacks bn1\.bias, conv1\.weight$",
        ),
        ({f"layer3.{k}.conv1.weight": None for k in range(6)}, r"lacks layer3.* and 3 more$"),
        ({"bn1.bias": np.zeros(65, np.float32)}, r"has another shape of bn1\.bias \(65,\) for \(64,\)"),
        (
            {"layer1.0.conv3.weight": np.zeros((1, 1, 1, 1), np.float32)},
            r"holds weights of another network: layer1\.0\.conv3",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_nothing_is_loaded(changes, message, resnet34_file):
    backbone = create_backbone("resnet34", 32)
    before = [v.numpy() for v in backbone.variables]
    path = resnet34_file(changes)
    with pytest.raises(InputError, match=message) as error:
        load_published(backbone, path)
    assert path in str(error.value)
    assert all(np.array_equal(old, v) for old, v in zip(before, backbone.variables, strict=True))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x10\0\0\0\0\0\0\0{}"])
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"w\.safetensors: not a whole safetensors file"):
        load_published(create_backbone("resnet34", 32), str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("kind, size", [("F8_E4M3", 1), ("F8_E5M2", 1)])
def test_numbers_that_numpy_lacks_are_named(kind, size, tmp_path):
    header = json.dumps({"conv1.weight": {"dtype": kind, "shape": [8], "data_offsets": [0, 8 * size]}}).encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8 * size))
    message = r"w\.safetensors: holds numbers of a type that cannot be read here .*float.*Save them as float32"
    with pytest.raises(InputError, match=message):
        load_published(create_backbone("resnet34", 32), str(tmp_path / "w.safetensors"))


def test_a_cut_file_is_named(resnet34_file):
    path = Path(resnet34_file())
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        load_published(create_backbone("resnet34", 32), str(path))
