"""Weights that others published, with the answers that are known of them; and files that are none of these."""

import keras
import numpy as np
import pytest
from PIL import Image

from artifacts.errors import InputError
from model import facenet, published_detectors
from model.detector import DeepfakeDetector
from model.recipes import get_recipe
from model.torch_file import read_tensors

FIRST_VERSION = {"name": "capsule_v1", "backbone": "capsule_v1", "initial_weights": "random"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, file, of_fake, of_real",  # the published output, the probability of a real
    [("meso4", "Meso4_DF.h5", 0.041412, 0.989748), ("mesoinception4", "MesoInception_DF.h5", 0.026218, 1.0)],
)
def test_mesonet_knows_its_pictures(name, file, of_fake, of_real, published):
    detector = DeepfakeDetector(get_recipe(name))
    published_detectors.load_mesonet(detector, str(published("mesonet", file)))
    for picture, expected in (("df00204.jpg", of_fake), ("real00240.jpg", of_real)):
        image = Image.open(published("mesonet", picture)).convert("RGB").resize((256, 256), Image.Resampling.NEAREST)
        probability = float(detector(np.asarray(image)[None])["fake_probability"][0])
        assert 1 - probability == pytest.approx(expected, abs=1e-5), picture


@pytest.mark.slow
@pytest.mark.parametrize(
    "file, answers",  # of the published output's first class, the fakes
    [("deepfakes_capsule_95.pt", (0.620816, 0.643104)), ("face2face_c23_capsule_35.pt", (0.705040, None))],
)
def test_the_first_capsules_answer_as_computed_by_hand(file, answers, published):
    path = str(published("capsule_v1", file))
    detector = DeepfakeDetector(get_recipe("capsule", image_size=128, **FIRST_VERSION))
    published_detectors.load_capsule_v1(detector, path, vgg_of(detector.backbone))
    above = keras.Model(detector.backbone.get_layer("features").output, detector.backbone.output)
    c, h, w = np.meshgrid(np.arange(256), np.arange(16), np.arange(16), indexing="ij")
    waves = (((31 * c + 7 * h + 3 * w) % 17) / 17).transpose(1, 2, 0)[None].astype(np.float32)
    for maps, expected in zip((waves, np.full_like(waves, 0.5)), answers, strict=True):
        probability = float(detector.head(above(maps))["fake_probability"][0])
        assert expected is None or probability == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_kumars_layers_answer_as_computed_by_hand(published):
    x = keras.Input((facenet.EMBEDDING,))
    network = keras.Model(x, facenet.metric_layers(x))
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    published_detectors.load_kumar(layers, str(published("kumar", "triplets_semi_hard_sacred_model.hdf5")))
    output = network(np.full((1, 512), 512**-0.5, np.float32)).numpy()[0]
    assert output[:4] == pytest.approx([0.09387, -0.10321, 0.17188, 0.01105], abs=1e-5)
    assert np.linalg.norm(output) == pytest.approx(2.84059, abs=1e-5)


# --- files that are made here -----------------------------------------------------------------------------------------
@pytest.fixture
def vgg(tmp_path):
    """vgg(backbone) is a file of torchvision's form with other weights for the network below the capsules."""
    return lambda backbone: vgg_of(backbone, tmp_path / "vgg19.safetensors")


def vgg_of(backbone, path=None):
    import tempfile

    from safetensors.numpy import save_file

    rng = np.random.default_rng(6)
    tensors = {"classifier.0.weight": np.zeros((2, 2), np.float32)}
    for name, number in published_detectors.VGG_CONVS.items():
        kernel, bias = backbone.get_layer(name).get_weights()
        shape = kernel.transpose(3, 2, 0, 1).shape
        tensors[f"features.{number}.weight"] = rng.normal(0, 0.05, shape).astype(np.float32)
        tensors[f"features.{number}.bias"] = rng.normal(size=bias.shape).astype(np.float32)
    path = path or tempfile.mkdtemp() + "/vgg19.safetensors"
    save_file(tensors, path)
    return str(path)


@pytest.mark.slow
def test_vgg_goes_below_the_capsules(vgg):
    from safetensors.numpy import load_file

    backbone = DeepfakeDetector(get_recipe("capsule", image_size=32, **FIRST_VERSION)).backbone
    capsules = backbone.get_layer("capsule0_conv1").get_weights()[0]
    path = vgg(backbone)
    published_detectors.load_vgg(backbone, path)
    tensors = load_file(path)
    kernel = backbone.get_layer("block3_conv4").get_weights()[0]
    assert kernel[2, 0, 7, 9] == tensors["features.16.weight"][9, 7, 2, 0]
    assert np.array_equal(backbone.get_layer("capsule0_conv1").get_weights()[0], capsules)


def write_keras_2(path, layers, inside="model_weights"):
    """An HDF5 file as Keras 2 wrote it: layer -> {weight: array}."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group(inside) if inside else file
        for name, weights in layers.items():
            for weight, value in weights.items():
                group[f"{name}/{name}/{weight}:0"] = value
    return str(path)


def dense(width_in, width, value=0.5):
    return {"kernel": np.full((width_in, width), value, np.float32), "bias": np.zeros(width, np.float32)}


SHAPES = ((512, 256), (256, 256), (256, 128), (128, 64))


@pytest.mark.parametrize(
    "layers, words",
    [
        ({"dense_1": dense(512, 256)}, "not the weights of kumar: 1 of 4 layers of kind dense"),
        ({"conv2d_1": dense(4, 4)}, "not the weights of kumar: it has layers of kind conv2d"),
        ({f"dense_{k}": dense(512, 256) for k in range(4)}, r"is \(512, 256\) there, for \(256, 256\)"),
        ({f"dense_{k}": dense(*shape, np.nan) for k, shape in enumerate(SHAPES)}, "values that are not finite"),
    ],
)
def test_weights_of_another_network_change_nothing(layers, words, tmp_path):
    x = keras.Input((facenet.EMBEDDING,))
    network = keras.Model(x, facenet.metric_layers(x))
    ours = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    before = network.get_weights()
    path = write_keras_2(tmp_path / "a.h5", layers)
    with pytest.raises(InputError, match=words):
        published_detectors.load_kumar(ours, path)
    assert all(map(np.array_equal, network.get_weights(), before))


@pytest.mark.slow
def test_the_last_layer_of_mesonet_is_turned(tmp_path):
    """From a file with the weights of a detector of our own: the logit changes its sign."""
    detector, loaded = (DeepfakeDetector(get_recipe("meso4", seed=seed)) for seed in (1, 2))
    layers = {}
    for number in range(1, 5):
        for kind, name in (("conv2d", f"conv{number}"), ("batch_normalization", f"bn{number}")):
            layer = detector.backbone.get_layer(name)
            layers[f"{kind}_{number + 4}"] = {v.name: v.numpy() for v in layer.variables}
    for number, layer in enumerate((detector.backbone.get_layer("hidden"), detector.classifier), start=3):
        layers[f"dense_{number}"] = {v.name: v.numpy() for v in layer.variables}
    published_detectors.load_mesonet(loaded, write_keras_2(tmp_path / "a.h5", layers, inside=""))
    crops = np.random.default_rng(7).integers(0, 256, (3, 256, 256, 3), np.uint8)
    assert np.asarray(loaded(crops)["logit"]) == pytest.approx(-np.asarray(detector(crops)["logit"]), abs=1e-6)


def test_a_checkpoint_without_a_tensor_names_it(published):
    tensors = read_tensors(published("capsule_v1", "deepfakes_capsule_95.pt"))
    del tensors["fea_ext.ext_2.4.running_var"]
    backbone = DeepfakeDetector(get_recipe("capsule", image_size=32, **FIRST_VERSION)).backbone
    with pytest.raises(InputError, match=r"a\.pt: lacks fea_ext\.ext_2\.4\.running_var"):
        published_detectors.capsule_assignment(backbone, tensors, "a.pt")
