"""Weights to start from: timm's numbers from timm's file, and what is said of a file that does not fit."""

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from artifacts.errors import InputError
from model import pretrained
from model.backbones import APPLICATIONS, create_backbone
from model.detector import DeepfakeDetector

pytestmark = pytest.mark.slow  # whole networks

FOLDER = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def golden():
    """What timm computed, and the functions that draw its weights and image."""
    spec = importlib.util.spec_from_file_location("make_resnet34", FOLDER / "make_resnet34.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = json.loads((FOLDER / "resnet34.json").read_text())
    return SimpleNamespace(
        weights=module.draw_weights(found["shapes"]), image=module.draw_image(), feature=found["feature"],
        corner=found["features[0, 1, 2, :64]"],
    )  # fmt: skip


@pytest.fixture
def weights_file(golden, tmp_path):
    """weights_file(**changes) is the path of a safetensors file with some tensors replaced, or left out by None."""

    def write(changes=()):
        tensors = {key: value for key, value in {**golden.weights, **dict(changes)}.items() if value is not None}
        save_file(tensors, tmp_path / "resnet34.safetensors")
        return str(tmp_path / "resnet34.safetensors")

    return write


def test_resnet34_computes_what_timm_computes(golden, weights_file):
    backbone = create_backbone("resnet34", 96)
    # A published file also holds the ImageNet classifier and counters.
    path = weights_file(
        {
            "fc.weight": np.zeros((1000, 512), np.float32),
            "fc.bias": np.zeros(1000, np.float32),
            "bn1.num_batches_tracked": np.array(7),
        }
    )
    pretrained.load_published(backbone, path)
    maps = keras.Model(backbone.input, backbone.get_layer("features").output)(golden.image[None]).numpy()
    assert maps[0, 1, 2, :64] == pytest.approx(np.array(golden.corner), rel=1e-5, abs=1e-5)
    assert backbone(golden.image[None]).numpy()[0] == pytest.approx(np.array(golden.feature), rel=1e-5, abs=1e-5)


def test_every_variable_has_a_published_name_of_its_own(golden):
    names = [pretrained.published_name(v.path) for v in create_backbone("resnet34", 32).variables]
    assert len(set(names)) == len(names)
    assert set(names) == set(golden.weights)


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
    assert pretrained.published_name(path) == name


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"conv1.weight": None, "bn1.bias": None},
            r"lacks bn1\.bias, conv1\.weight\. Download model\.safetensors of timm",
        ),
        ({f"layer3.{k}.conv1.weight": None for k in range(6)}, r"lacks layer3.* and 3 more\."),
        ({"bn1.bias": np.zeros(65, np.float32)}, r"has another shape of bn1\.bias \(65,\) for \(64,\)"),
        (
            {"layer1.0.conv3.weight": np.zeros((1, 1, 1, 1), np.float32)},
            r"holds weights of another network: layer1\.0\.conv3",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_nothing_is_loaded(changes, message, weights_file):
    backbone = create_backbone("resnet34", 32)
    before = [v.numpy() for v in backbone.variables]
    path = weights_file(changes)
    with pytest.raises(InputError, match=message) as error:
        pretrained.load_published(backbone, path)
    assert path in str(error.value)
    assert all(np.array_equal(old, v) for old, v in zip(before, backbone.variables, strict=True))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x10\0\0\0\0\0\0\0{}"])
def test_a_damaged_file_is_named(content, tmp_path):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"w\.safetensors: not a whole safetensors file"):
        pretrained.load_published(create_backbone("resnet34", 32), str(tmp_path / "w.safetensors"))


def test_a_cut_file_is_named(weights_file):
    path = Path(weights_file())
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="not a whole safetensors file"):
        pretrained.load_published(create_backbone("resnet34", 32), str(path))


# --- by a recipe ------------------------------------------------------------------------------------------------------
def test_random_leaves_the_weights(small_recipe):
    detector = DeepfakeDetector(small_recipe())
    before = [v.numpy() for v in detector.weights]
    pretrained.initialize(detector, "random")
    assert all(np.array_equal(old, v) for old, v in zip(before, detector.weights, strict=True))


def test_a_trained_detector_gives_all_its_weights_and_its_centre(small_recipe, tmp_path):
    trained, fresh = (DeepfakeDetector(small_recipe(name=name)) for name in ("trained", "fresh"))
    for v in trained.weights:
        v.assign(v + 0.25)
    trained.save(tmp_path / "model.keras")
    pretrained.initialize(fresh, str(tmp_path / "model.keras"))
    assert fresh.center.numpy().tolist() == [0.25] * 8
    assert float(fresh.temperature) == 1  # a calibration holds for the weights that it was fitted to
    trained.temperature.assign(1)
    for ours, theirs in zip(fresh.weights, trained.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


def test_a_detector_of_another_shape_is_named(small_recipe, tmp_path):
    DeepfakeDetector(small_recipe(embedding_size=16)).save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras: a detector of embedding_size 16, not 8$"):
        pretrained.initialize(DeepfakeDetector(small_recipe()), str(tmp_path / "model.keras"))


@pytest.mark.parametrize(
    "backbone, name, content, message",
    [
        ("resnet34", "gone.safetensors", None, r"gone\.safetensors: no such file\. Download .* of timm/resnet34"),
        ("resnet10", "gone.keras", None, r"no such file\. resnet10 has no published weights"),
        ("resnet34", "notes.txt", b"x", r"notes\.txt: not a kind of file that resnet34 starts from"),
        ("resnet10", "model.keras", b"x", r"model\.keras: not a whole model\.keras"),
        ("xception", "w.safetensors", b"x", r"not a kind of file that xception starts from.*_notop\.h5"),
        ("efficientnetb0", "w.h5", b"x", r"w\.h5: .*file signature not found.*_notop\.h5"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_serve_is_named_with_the_cure(backbone, name, content, message, tmp_path, small_recipe):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    detector = SimpleNamespace(recipe=small_recipe(backbone=backbone), backbone=create_backbone(backbone, 96))
    with pytest.raises(InputError, match=message):
        pretrained.initialize(detector, str(tmp_path / name))


# --- from a network ---------------------------------------------------------------------------------------------------
def hub(monkeypatch, download):
    """Put a stand-in where the hub's client would be; None: it is not installed."""
    module = None if download is None else SimpleNamespace(hf_hub_download=download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_imagenet_weights_come_from_the_hub(golden, weights_file, monkeypatch, small_recipe):
    asked = []
    path = weights_file()
    hub(monkeypatch, lambda *names: asked.append(names) or path)
    detector = SimpleNamespace(recipe=small_recipe(backbone="resnet34"), backbone=create_backbone("resnet34", 96))
    pretrained.initialize(detector, "imagenet")
    assert asked == [("timm/resnet34.tv_in1k", "model.safetensors")]
    assert detector.backbone(golden.image[None]).numpy()[0] == pytest.approx(np.array(golden.feature), abs=1e-4)


def no_network(*names):
    raise OSError("no route to host\nand a long trace")


@pytest.mark.parametrize(
    "backbone, download, message",
    [
        ("resnet34", None, r"the hub's client is not installed \(pip install -e '\.\[hub\]'\)\. Download"),
        ("resnet34", no_network, r"imagenet: no route to host\. Download model\.safetensors of timm/resnet34\.tv_in1k"),
        ("resnet10", no_network, r"imagenet: resnet10 has no published weights"),
    ],
)
def test_without_the_hub_it_says_what_to_put_where(backbone, download, message, monkeypatch, small_recipe):
    hub(monkeypatch, download)
    detector = SimpleNamespace(recipe=small_recipe(backbone=backbone), backbone=create_backbone(backbone, 32))
    with pytest.raises(InputError, match=message):
        pretrained.initialize(detector, "imagenet")


@pytest.mark.parametrize("name", ["efficientnetb0", "xception"])
def test_keras_applications_get_their_weights_from_keras(name, monkeypatch, small_recipe):
    application = APPLICATIONS[name]

    def published(include_top, weights, input_shape):
        assert (include_top, weights) == (False, "imagenet")
        model = application(include_top=False, weights=None, input_shape=input_shape)
        model.set_weights([np.full(w.shape, 0.5) for w in model.get_weights()])
        return model

    backbone = create_backbone(name, 96)
    assert not any((w == 0.5).all() for w in backbone.get_weights())
    monkeypatch.setitem(APPLICATIONS, name, published)
    pretrained.initialize(SimpleNamespace(recipe=small_recipe(backbone=name), backbone=backbone), "imagenet")
    assert all((v.numpy() == 0.5).all() for v in backbone.variables if "seed_generator" not in v.path)


def test_keras_applications_without_a_network(monkeypatch, small_recipe):
    def published(**kwargs):
        raise Exception("URL fetch failure on here: None -- no route to host")

    backbone = create_backbone("efficientnetb0", 64)
    monkeypatch.setitem(APPLICATIONS, "efficientnetb0", published)
    with pytest.raises(InputError, match=r"URL fetch failure.* Give the \*_notop\.h5 file"):
        pretrained.initialize(
            SimpleNamespace(recipe=small_recipe(backbone="efficientnetb0"), backbone=backbone), "imagenet"
        )
