"""Weights to start from: published ImageNet weights, from a file or a hub, or an earlier detector.

`Recipe.initial_weights` says which:

    random                   nothing is loaded
    imagenet                 published weights, downloaded by the hub's client or by Keras, and kept in its cache
    <path>.safetensors       a ResNet's weights under their published names (`conv1.weight`, `layer1.0.bn1.bias`, ...)
    <path>.h5                weights of a Keras application without its top
    <path>.keras             a detector of this project (`Format-Keras/model.keras`): all its weights and its centre
"""

import os
import re
from typing import Any

import keras
import numpy as np

from artifacts.errors import InputError
from model.backbones import RESNETS, application
from model.detector import DeepfakeDetector

# torchvision's weights in timm's form. There are no published ones for resnet10.
HUB = {"resnet34": "timm/resnet34.tv_in1k", "resnet18": "timm/resnet18.tv_in1k"}
PARTS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# In every published file, and of no use here: the ImageNet classifier, and counters of training steps.
UNUSED = re.compile(r"(fc\.(weight|bias)|.*\.num_batches_tracked)$")


def initialize(detector: DeepfakeDetector, source: str) -> None:
    """Give `detector` its first weights.

    Args:
        detector: a new detector.
        source: see this module's docstring.

    Raises:
        InputError: a file is missing, damaged, incomplete or of another network, or there is no connection. The message
            says which file is needed and where to get it.
    """
    if source == "random":
        return
    name = detector.recipe.backbone
    if source == "imagenet":
        if name in RESNETS:
            load_published(detector.backbone, _download(name))
        else:
            _load_application(detector.backbone, source)
        return
    if not os.path.isfile(source):
        raise InputError(f"initial_weights: {source}: no such file. {_advice(name)}")
    suffix = os.path.splitext(source)[1]
    if suffix == ".safetensors" and name in RESNETS:
        load_published(detector.backbone, source)
    elif suffix == ".keras":
        _load_detector(detector, source)
    elif suffix == ".h5" and name not in RESNETS:
        _load_application(detector.backbone, source)
    else:
        raise InputError(f"initial_weights: {source}: not a kind of file that {name} starts from. {_advice(name)}")


def _advice(name: str) -> str:
    """What a user can do, in one sentence."""
    if name in HUB:
        return (
            f"Download model.safetensors of {HUB[name]} from the Hugging Face hub on a machine with a network and give "
            "its path here; or give a model.keras of an earlier training, or random"
        )
    if name in RESNETS:
        return f"{name} has no published weights: give a model.keras of an earlier training, or random"
    return (
        f"Give the *_notop.h5 file that keras.applications downloads for {name} (imagenet does so where there is a "
        "network), a model.keras of an earlier training, or random"
    )


# --- ResNets: published names -----------------------------------------------------------------------------------------
def published_name(path: str) -> str:
    """Return the name that a variable of `model.backbones`' ResNets has in published files.

    Example:
        >>> published_name("layer2_0_downsample_conv/kernel"), published_name("stem_bn/beta")
        ('layer2.0.downsample.0.weight', 'bn1.bias')
    """
    layer, variable = path.split("/")[-2:]
    layer = re.sub(r"^stem_(conv|bn)$", r"\g<1>1", layer)
    layer = re.sub(r"^layer(\d)_(\d+)_(\d)_(conv|bn)$", r"layer\1.\2.\4\3", layer)
    layer = re.sub(r"^layer(\d)_(\d+)_downsample_conv$", r"layer\1.\2.downsample.0", layer)
    layer = re.sub(r"^layer(\d)_(\d+)_downsample_bn$", r"layer\1.\2.downsample.1", layer)
    return f"{layer}.{PARTS[variable]}"


def load_published(backbone: keras.Model, path: str) -> None:
    """Load a safetensors file with published names into a ResNet of `model.backbones`, completely or not at all.

    Raises:
        InputError: the file is not of that kind, or its weights are incomplete, of another shape, or too many.
    """
    tensors = _read_safetensors(path, backbone.name)
    wanted = {published_name(v.path): v for v in backbone.variables}
    missing = sorted(wanted.keys() - tensors.keys())
    extra = sorted(key for key in tensors.keys() - wanted.keys() if not UNUSED.match(key))
    values = {key: _to_keras(tensors[key]) for key in wanted.keys() & tensors.keys()}
    shapes = [
        f"{key} {tuple(values[key].shape)} for {tuple(wanted[key].shape)}"
        for key in sorted(values)
        if values[key].shape != tuple(wanted[key].shape)
    ]
    for what, names in (
        ("lacks", missing),
        ("has another shape of", shapes),
        ("holds weights of another network:", extra),
    ):
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            raise InputError(f"initial_weights: {path} {what} {shown}. {_advice(backbone.name)}")
    for key, variable in wanted.items():
        variable.assign(values[key])


def _read_safetensors(path: str, name: str) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: dict[str, np.ndarray] = load_file(path)
        return tensors
    except (SafetensorError, OSError, KeyError, TypeError) as error:  # the last two: number types that NumPy lacks
        raise InputError(f"initial_weights: {path}: not a whole safetensors file ({error}). {_advice(name)}") from None


def _to_keras(tensor: np.ndarray) -> np.ndarray:
    """Turn convolution kernels [out, in, h, w] into [h, w, in, out]; other tensors stay as they are."""
    return np.transpose(tensor, (2, 3, 1, 0)) if tensor.ndim == 4 else tensor


# --- the other sources ------------------------------------------------------------------------------------------------
def _load_application(backbone: keras.Model, weights: str) -> None:
    """Copy what Keras published for a network; `weights` is "imagenet" or a file."""
    name, size = backbone.name, backbone.input_shape[1]
    try:
        published = application(name, size, weights)
    except Exception as error:  # of URLs, hashes or h5py: Keras documents none
        raise InputError(f"initial_weights: {weights}: {_first_line(error)}. {_advice(name)}") from None
    backbone.set_weights(published.get_weights())


def _download(name: str) -> str:
    if name not in HUB:
        raise InputError(f"initial_weights: imagenet: {_advice(name)}")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise InputError(
            "initial_weights: imagenet: the hub's client is not installed (pip install -e '.[hub]'). " + _advice(name)
        ) from None
    try:
        path: str = hf_hub_download(HUB[name], "model.safetensors")
        return path
    except Exception as error:  # a dozen classes of network, proxy and hub errors
        raise InputError(f"initial_weights: imagenet: {_first_line(error)}. {_advice(name)}") from None


def _load_detector(detector: DeepfakeDetector, path: str) -> None:
    """Copy all weights and the centre of a trained detector; optimizer and temperature stay new."""
    try:
        trained = keras.saving.load_model(path, compile=False)
    except Exception as error:  # zip, JSON, h5py and Keras errors
        raise InputError(f"initial_weights: {path}: not a whole model.keras ({_first_line(error)})") from None
    differing = [
        f"{key} {getattr(trained.recipe, key)}, not {getattr(detector.recipe, key)}"
        for key in ("backbone", "embedding_size", "classifier_input")
        if getattr(trained.recipe, key) != getattr(detector.recipe, key)
    ]
    if differing:
        raise InputError(f"initial_weights: {path}: a detector of {'; '.join(differing)}")
    for ours, theirs in zip(_weights(detector), _weights(trained), strict=True):
        ours.assign(theirs)


def _weights(detector: DeepfakeDetector) -> list[Any]:
    """The variables that a training starts from."""
    parts = (detector.backbone, detector.embedding, detector.classifier)
    return [v for part in parts for v in part.weights] + [detector.center]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
