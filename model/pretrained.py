"""Weights to start from: published ImageNet weights, from a package, a hub or a file, or an earlier detector.

`Recipe.initial_weights` says which:

    random               nothing is loaded
    imagenet             published weights: EfficientNet-Lite0's from the package that the extra `imagenet` installs;
                         others are downloaded by the hub's client or by Keras, and kept in its cache
    <path>.safetensors   weights of a ResNet or EfficientNet-Lite0 under their published names (`conv1.weight`, ...);
                         for the capsule networks, torchvision's VGG19, of which they use the lower part
    <path>.pth           the same in torch's legacy format
    <path>.h5            weights of a Keras application without its top (also `.weights.h5`)
    <path>.weights.h5    a state of a training of this project (`run/checkpoints/`): all its weights and its centre
    <path>.keras         a detector of this project (`Format-Keras/model.keras`): all its weights and its centre; or a
                         Keras model that is, or has as a layer, the application of the backbone's name without its top
"""

import contextlib
import os
import sys
from typing import Any

import h5py
import keras

from artifacts.errors import InputError
from commands.parser import nearest
from commands.terminal import unguarded
from model import imagenet_package
from model.attention import ATTENTIVE_B4
from model.backbones import APPLICATIONS, LITE, RESNETS, application, without_normalization
from model.capsule import CAPSULES
from model.detector import DeepfakeDetector
from model.keras_file import check_hdf5, first_line, load_keras
from model.mesonet import MESONETS
from model.published_detectors import load_vgg
from model.published_weights import load_published
from model.recipes import NAMED_WEIGHTS

# torchvision's weights in timm's form. There are no published ones for resnet10.
HUB = {
    "resnet34": "timm/resnet34.tv_in1k",
    "resnet18": "timm/resnet18.tv_in1k",
    **dict.fromkeys(CAPSULES, "timm/vgg19.tv_in1k"),
}

KERAS_NAMES = {ATTENTIVE_B4: "efficientnetb4"}  # of backbones that Keras knows by another name


def initialize(detector: DeepfakeDetector, source: str) -> None:
    """Give `detector` its first weights.

    Args:
        detector: a new detector.
        source: see this module's docstring.

    Raises:
        InputError: a file is missing, damaged, incomplete or of another network, a package is not installed, or there
            is no connection. The message says what is needed and where to get it.
    """
    if source == "random":
        return
    try:
        if source == "imagenet":
            _load_imagenet(detector.backbone)
        else:
            _load_file(detector, source)
    except InputError as error:
        raise InputError(f"initial_weights: {error}. {_advice(detector.recipe.backbone)}") from None


def _load_imagenet(backbone: keras.Model) -> None:
    if backbone.name in APPLICATIONS:
        _load_application(backbone, "imagenet")
    else:
        _load_tensors(backbone, imagenet_package.weights_file() if backbone.name == LITE else _download(backbone.name))


def _load_tensors(backbone: keras.Model, path: str) -> None:
    """Load tensors under their published names; into a capsule network, those of the VGG19 below it."""
    if backbone.name in CAPSULES:
        load_vgg(backbone, path)
    else:
        load_published(backbone, path)


def _load_file(detector: DeepfakeDetector, path: str) -> None:
    name = detector.recipe.backbone
    if not os.path.isfile(path):
        near = nearest(os.path.basename(path), NAMED_WEIGHTS, 0.6)
        raise InputError(f"{path}: no such file{f'; did you mean {near}?' if near else ''}")
    suffix = os.path.splitext(path)[1]
    if suffix == ".h5" and _is_state(path):
        _load_state(detector, path)
    elif suffix == ".keras":
        _load_keras_model(detector, path)
    elif suffix in (".safetensors", ".pth") and name in (*RESNETS, LITE, *CAPSULES):
        _load_tensors(detector.backbone, path)
    elif suffix == ".h5" and name in APPLICATIONS:
        _load_application(detector.backbone, path)
    else:
        raise InputError(f"{path}: not a kind of file that {name} starts from")


def _advice(name: str) -> str:
    """What a user can do, in one sentence."""
    if name == LITE:
        return (
            f"Give imagenet, which needs the package {imagenet_package.PACKAGE}, a model.keras of an earlier training, "
            "or random"
        )
    if name in HUB:
        return (
            f"Download model.safetensors of {HUB[name]} from the Hugging Face hub on a machine with a network and give "
            "its path here; or give a model.keras of an earlier training, or random"
        )
    if name in MESONETS:
        return (
            "Give random or a model.keras of an earlier training. Weights that MesoNet's authors trained become a "
            f"model by python -m model.convert FILE --as {name}"
        )
    if name not in APPLICATIONS:
        return f"{name} has no published weights: give a model.keras of an earlier training, or random"
    return (
        f"Give the *_notop.h5 file that keras.applications downloads for {name} (imagenet does so where there is a "
        f"network), a .keras file with a layer {name}, a model.keras of an earlier training, or random"
    )


# --- published weights ------------------------------------------------------------------------------------------------
def _download(name: str) -> str:
    if name not in HUB:
        raise InputError("imagenet: there are none")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise InputError("imagenet: the hub's client is not installed (pip install -e '.[hub]')") from None
    try:
        with contextlib.redirect_stderr(unguarded(sys.stderr)):  # its progress bar moves the cursor
            path: str = hf_hub_download(HUB[name], "model.safetensors")
        return path
    except Exception as error:  # a dozen classes of network, proxy and hub errors
        raise InputError(f"imagenet: {first_line(error)}") from None


def _load_application(backbone: keras.Model, weights: str) -> None:
    """Copy what Keras published for a network; `weights` is "imagenet" or a file."""
    try:
        if weights != "imagenet":
            check_hdf5(weights, weights)
        published = application(backbone.name, backbone.input_shape[1], weights)
    except InputError:
        raise
    except Exception as error:  # of URLs, hashes or h5py: Keras documents none
        raise InputError(f"{weights}: {first_line(error)}") from None
    for variable, value in zip(_of_application(backbone), published.get_weights(), strict=True):
        variable.assign(value)


def _of_application(backbone: keras.Model) -> list[Any]:
    """The weights that the application has as well: not those of an attention map."""
    return [variable for variable in backbone.weights if not variable.path.startswith("attention/")]


# --- states of a training ---------------------------------------------------------------------------------------------
def _is_state(path: str) -> bool:
    """Tell whether an HDF5 file holds the weights of a detector."""
    try:
        with h5py.File(path) as file:
            return {"backbone", "embedding", "classifier"} <= set(file)
    except OSError:  # not HDF5: the reader of applications' weights says so
        return False


def _load_state(detector: DeepfakeDetector, path: str) -> None:
    # Into another detector first: this one's optimizer starts anew.
    saved = DeepfakeDetector(detector.recipe)
    check_hdf5(path, path)
    try:
        saved.load_weights(path)
    except Exception as error:  # h5py's and Keras's
        raise InputError(
            f"{path}: does not fit ({first_line(error)}): give the backbone, embedding_size and classifier_input of "
            "that training"
        ) from None
    _copy_detector(detector, saved, path)


# --- Keras models -----------------------------------------------------------------------------------------------------
def _load_keras_model(detector: DeepfakeDetector, path: str) -> None:
    model = load_keras(path)
    if isinstance(model, DeepfakeDetector):
        _copy_detector(detector, model, path)
        return
    name = detector.recipe.backbone
    network = _find_network(model, KERAS_NAMES.get(name, name)) if name in APPLICATIONS else None
    if network is None:
        raise InputError(f"{path}: neither a detector of this project nor a Keras model with a layer {name}")
    try:
        weights = without_normalization(network).get_weights()
    except Exception as error:  # Keras's, of a network that has only the name
        raise InputError(f"{path}: its {name} cannot be used ({first_line(error)})") from None
    ours = _of_application(detector.backbone)
    if [value.shape for value in weights] != [tuple(variable.shape) for variable in ours]:
        raise InputError(f"{path}: its {name} differs from the one of keras.applications without its top")
    for variable, value in zip(ours, weights, strict=True):
        variable.assign(value)


def _find_network(model: keras.Model, name: str) -> keras.Model | None:
    """Return the model itself or the nested model that has this name, if there is one."""
    if model.name == name:
        return model
    for layer in model.layers:
        found = _find_network(layer, name) if isinstance(layer, keras.Model) else None
        if found is not None:
            return found
    return None


def _copy_detector(detector: DeepfakeDetector, trained: DeepfakeDetector, path: str) -> None:
    """Copy all weights and the centre of a trained detector; optimizer and temperature stay new."""
    differing = [
        f"{key} {getattr(trained.recipe, key)}, not {getattr(detector.recipe, key)}"
        for key in ("backbone", "embedding_size", "classifier_input")
        if getattr(trained.recipe, key) != getattr(detector.recipe, key)
    ]
    if differing:
        raise InputError(f"{path}: a detector of {'; '.join(differing)}: give the same values as in that training")
    for ours, theirs in zip(_weights(detector), _weights(trained), strict=True):
        ours.assign(theirs)


def _weights(detector: DeepfakeDetector) -> list[Any]:
    """The variables that a training starts from."""
    parts = (detector.backbone, detector.embedding, detector.classifier)
    return [v for part in parts for v in part.weights] + [detector.center]
