"""Weights to start from, by recipe: from a package, a hub, Keras, or a file; and what users read if that fails."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from artifacts.errors import InputError
from model import imagenet_package, pretrained
from model.backbones import APPLICATIONS, create_backbone
from model.detector import DeepfakeDetector
from model.optimizer import create_optimizer

pytestmark = pytest.mark.slow  # whole networks


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


def test_a_state_of_a_training_gives_all_its_weights_and_its_centre(small_recipe, tmp_path):
    trained, fresh = (DeepfakeDetector(small_recipe(name=name)) for name in ("trained", "fresh"))
    for detector in (trained, fresh):
        detector.compile(optimizer=create_optimizer(detector.recipe))
        detector.optimizer.build(detector.trainable_variables)
    for v in trained.variables:
        v.assign(v + 1)
    trained.save_weights(tmp_path / "state-7.weights.h5")
    pretrained.initialize(fresh, str(tmp_path / "state-7.weights.h5"))
    for ours, theirs in zip(fresh.trainable_variables, trained.trainable_variables, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)
    assert fresh.center.numpy().tolist() == [1] * 8 and float(fresh.temperature) == 1
    assert not any(v.numpy().any() for v in fresh.optimizer.variables if v is not fresh.optimizer._learning_rate)
    other = DeepfakeDetector(small_recipe(embedding_size=16))
    with pytest.raises(InputError, match=r"state-7\.weights\.h5: does not fit .*: give the backbone, embedding_size"):
        pretrained.initialize(other, str(tmp_path / "state-7.weights.h5"))


def test_a_detector_of_another_shape_is_named(small_recipe, tmp_path):
    DeepfakeDetector(small_recipe(embedding_size=16)).save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"model\.keras: a detector of embedding_size 16, not 8: give the same values"):
        pretrained.initialize(DeepfakeDetector(small_recipe()), str(tmp_path / "model.keras"))


@pytest.mark.parametrize(
    "backbone, name, content, message",
    [
        ("resnet34", "gone.safetensors", None, r"gone\.safetensors: no such file\. Download .* of timm/resnet34"),
        ("resnet10", "gone.keras", None, r"no such file\. resnet10 has no published weights"),
        ("resnet34", "notes.txt", b"x", r"notes\.txt: not a kind of file that resnet34 starts from"),
        ("resnet10", "model.keras", b"x", r"model\.keras: not a usable \.keras file"),
        ("xception", "w.safetensors", b"x", r"not a kind of file that xception starts from.*_notop\.h5"),
        ("efficientnetb0", "w.h5", b"x", r"w\.h5: .*file signature not found.*_notop\.h5"),
        ("resnet34", "w.pth", b"PK\x03\x04", r"w\.pth: a zip archive.*=False\)\. Download model\.safetensors"),
        ("efficientnetlite0", "w.pth", b"x", r"w\.pth: not a whole file of torch.s legacy.*the package efficientnet"),
        ("efficientnetlite0", "w.h5", b"x", r"not a kind of file that efficientnetlite0 starts from\. Give imagenet"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_serve_is_named_with_the_cure(backbone, name, content, message, tmp_path, small_recipe):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    detector = SimpleNamespace(recipe=small_recipe(backbone=backbone), backbone=create_backbone(backbone, 96))
    with pytest.raises(InputError, match=message):
        pretrained.initialize(detector, str(tmp_path / name))


# --- a Keras application, from files --------------------------------------------------------------------------------
def small_application(include_top, weights, input_shape, name="xception"):
    """Stands in for a Keras application: a normalisation of its own that is cut off, and a convolution."""
    images = keras.Input(input_shape)
    x = keras.layers.Normalization()(images)
    x = keras.layers.ZeroPadding2D(1, name="stem_conv_pad")(x)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(5, 3, strides=2)(x))
    if include_top:
        x = keras.layers.Dense(4)(x)
    model = keras.Model(images, x, name=name)
    if weights:
        model.load_weights(weights)
    return model


@pytest.fixture
def trained_xception():
    """A small stand-in for Xception with weights that no new one has."""
    model = small_application(False, None, (71, 71, 3))
    model.set_weights([np.full(w.shape, 0.5) for w in model.get_weights()])
    return model


@pytest.fixture
def start_xception(monkeypatch, small_recipe):
    """start_xception(file) are the weights of a small Xception that starts from that file."""

    def start(file):
        monkeypatch.setitem(APPLICATIONS, "xception", small_application)
        backbone = create_backbone("xception", 96)
        pretrained.initialize(SimpleNamespace(recipe=small_recipe(backbone="xception"), backbone=backbone), str(file))
        return backbone.get_weights()

    return start


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["x.weights.h5", "x.h5", "x.keras"])
def test_xception_starts_from_its_weights_in_a_file(name, trained_xception, start_xception, tmp_path):
    if name == "x.weights.h5":
        trained_xception.save_weights(tmp_path / name)
    else:
        trained_xception.save(tmp_path / name)
    weights = start_xception(tmp_path / name)
    assert [w.shape for w in weights] == [(3, 3, 3, 5), (5,), (5,), (5,), (5,), (5,)]
    assert all((w == 0.5).all() for w in weights)


@pytest.mark.parametrize("depth", [1, 2])
def test_xception_starts_from_the_layer_of_a_keras_file(depth, trained_xception, start_xception, tmp_path):
    model = trained_xception
    model.trainable = False
    for _ in range(depth):
        images = keras.Input((71, 71, 3))
        model = keras.Model(images, keras.layers.Dense(6)(model(images)))
    model.save(tmp_path / "classifier.keras")
    assert all((w == 0.5).all() for w in start_xception(tmp_path / "classifier.keras"))


@pytest.mark.parametrize(
    "top, name, message",
    [
        (False, "vgg16", r"neither a detector of this project nor a Keras model with a layer xception\. Give"),
        (True, "xception", r"its xception differs from the one of keras\.applications without its top\. Give"),
    ],
)
def test_a_keras_file_of_another_network_is_named(top, name, message, start_xception, tmp_path):
    small_application(top, None, (71, 71, 3), name).save(tmp_path / "other.keras")
    with pytest.raises(InputError, match=rf"other\.keras: {message}"):
        start_xception(tmp_path / "other.keras")


def test_a_keras_file_with_code_is_refused(start_xception, tmp_path):
    images = keras.Input((8, 8, 3))
    keras.Model(images, keras.layers.Lambda(lambda x: x + 1)(images), name="xception").save(tmp_path / "code.keras")
    with pytest.raises(InputError, match=r"code\.keras: not a usable \.keras file .*Lambda"):
        start_xception(tmp_path / "code.keras")


# --- from a network ---------------------------------------------------------------------------------------------------
def hub(monkeypatch, download):
    """Put a stand-in where the hub's client would be; None: it is not installed."""
    module = None if download is None else SimpleNamespace(hf_hub_download=download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)


def test_imagenet_weights_come_from_the_hub(resnet34, resnet34_file, monkeypatch, small_recipe):
    asked = []
    path = resnet34_file()
    hub(monkeypatch, lambda *names: asked.append(names) or path)
    detector = SimpleNamespace(recipe=small_recipe(backbone="resnet34"), backbone=create_backbone("resnet34", 96))
    pretrained.initialize(detector, "imagenet")
    assert asked == [("timm/resnet34.tv_in1k", "model.safetensors")]
    assert detector.backbone(resnet34.image[None]).numpy()[0] == pytest.approx(
        np.array(resnet34.content["feature"]), abs=1e-4
    )


def no_network(*names):
    raise OSError("no route to host\nand a long trace")


@pytest.mark.parametrize(
    "backbone, download, message",
    [
        ("resnet34", None, r"the hub's client is not installed \(pip install -e '\.\[hub\]'\)\. Download"),
        ("resnet34", no_network, r"imagenet: no route to host\. Download model\.safetensors of timm/resnet34\.tv_in1k"),
        ("resnet10", no_network, r"imagenet: there are none\. resnet10 has no published weights"),
    ],
)
def test_without_the_hub_it_says_what_to_put_where(backbone, download, message, monkeypatch, small_recipe):
    hub(monkeypatch, download)
    detector = SimpleNamespace(recipe=small_recipe(backbone=backbone), backbone=create_backbone(backbone, 32))
    with pytest.raises(InputError, match=message):
        pretrained.initialize(detector, "imagenet")


def test_efficientnet_lite0_gets_its_imagenet_weights_from_the_installed_package(monkeypatch, small_recipe):
    backbone, loaded = create_backbone("efficientnetlite0", 32), []
    monkeypatch.setattr(imagenet_package, "weights_file", lambda: "package/file.pth")
    monkeypatch.setattr(pretrained, "load_published", lambda *arguments: loaded.append(arguments))
    detector = SimpleNamespace(recipe=small_recipe(backbone="efficientnetlite0"), backbone=backbone)
    pretrained.initialize(detector, "imagenet")
    assert loaded == [(backbone, "package/file.pth")]


def test_without_the_package_the_extra_is_named(monkeypatch, small_recipe):
    monkeypatch.setattr(imagenet_package, "find_spec", lambda name: None)
    backbone = create_backbone("efficientnetlite0", 32)
    detector = SimpleNamespace(recipe=small_recipe(backbone="efficientnetlite0"), backbone=backbone)
    message = r"imagenet: the package .* is not installed\. Install it: pip install -e '\.\[imagenet\]'\. Give imagenet"
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
