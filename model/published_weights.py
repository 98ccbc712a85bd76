"""Weights that were published for torch, by name, for the ResNets and EfficientNet-Lite0 of `model.backbones`."""

import os
import re
from collections.abc import Mapping

import keras
import numpy as np

from artifacts.errors import InputError
from model.backbones import LITE
from model.torch_file import read_tensors

# Layer here -> its published name, as regular expressions: ResNets as torchvision and timm name them, ...
RESNET_LAYERS = (
    (r"stem_(conv|bn)", r"\g<1>1"),
    (r"layer(\d)_(\d+)_(\d)_(conv|bn)", r"layer\1.\2.\4\3"),
    (r"layer(\d)_(\d+)_downsample_conv", r"layer\1.\2.downsample.0"),
    (r"layer(\d)_(\d+)_downsample_bn", r"layer\1.\2.downsample.1"),
)
# ... and EfficientNet-Lite0 as the package `efficientnet-lite-pytorch` does.
LITE_LAYERS = (
    (r"(stem|head)_conv", r"_conv_\1"),
    (r"stem_bn", r"_bn0"),
    (r"head_bn", r"_bn1"),
    (r"block(\d+)_(expand|depthwise|project)_conv", r"_blocks.\1._\2_conv"),
    (r"block(\d+)_expand_bn", r"_blocks.\1._bn0"),
    (r"block(\d+)_depthwise_bn", r"_blocks.\1._bn1"),
    (r"block(\d+)_project_bn", r"_blocks.\1._bn2"),
)
PARTS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# In every published file, and of no use here: the ImageNet classifier, and counters of training steps.
UNUSED = re.compile(r"(_?fc\.(weight|bias)|.*\.num_batches_tracked)$")


def load_published(backbone: keras.Model, path: str) -> None:
    """Load a file with published names into a backbone, completely or not at all.

    Args:
        backbone: a ResNet or EfficientNet-Lite0 of `model.backbones`.
        path: a `.safetensors` file, or a `.pth` file in torch's legacy format.

    Raises:
        InputError: the file is damaged or of another kind, or its weights are incomplete, of another shape, or too
            many.
    """
    assign_published(backbone, read_file(path), path)


def read_file(path: str) -> dict[str, np.ndarray]:
    """Read the tensors of a `.safetensors` file, or of another in torch's legacy format, by name.

    Raises:
        InputError: the file is missing or damaged.
    """
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    return _read_safetensors(path) if os.path.splitext(path)[1] == ".safetensors" else read_tensors(path)


def assign_published(backbone: keras.Model, tensors: Mapping[str, np.ndarray], source: str) -> None:
    """Assign tensors to the variables that they are named for, all or none.

    Args:
        backbone: a ResNet or EfficientNet-Lite0 of `model.backbones`.
        tensors: published name -> tensor in torch's layout.
        source: where the tensors come from, for messages.

    Raises:
        InputError: tensors are missing, have another shape, or are left over.
    """
    wanted = {published_name(backbone.name, v.path): v for v in backbone.variables}
    missing = sorted(wanted.keys() - tensors.keys())
    extra = sorted(key for key in tensors.keys() - wanted.keys() if not UNUSED.match(key))
    values = {key: _to_keras(key, tensors[key]) for key in wanted.keys() & tensors.keys()}
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
            raise InputError(f"{source} {what} {shown}")
    for key, variable in wanted.items():
        variable.assign(values[key])


def published_name(backbone: str, path: str) -> str:
    """Return the name that a variable of `model.backbones` has in published files.

    Args:
        backbone: name of a ResNet or of EfficientNet-Lite0.
        path: of the variable.

    Example:
        >>> published_name("resnet34", "layer2_0_downsample_conv/kernel"), published_name("resnet34", "stem_bn/beta")
        ('layer2.0.downsample.0.weight', 'bn1.bias')
        >>> published_name("efficientnetlite0", "block3_depthwise_conv/kernel")
        '_blocks.3._depthwise_conv.weight'
    """
    layer, variable = path.split("/")[-2:]
    for pattern, name in LITE_LAYERS if backbone == LITE else RESNET_LAYERS:
        if re.fullmatch(pattern, layer):
            layer = re.sub(pattern, name, layer)
            break
    return f"{layer}.{PARTS[variable]}"


def _read_safetensors(path: str) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: dict[str, np.ndarray] = load_file(path)
        return tensors
    except (TypeError, AttributeError, KeyError) as error:  # of 8-bit floats and the like
        raise InputError(
            f"{path}: holds numbers of a type that cannot be read here ({error}). Save them as float32"
        ) from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error})") from None


def _to_keras(name: str, tensor: np.ndarray) -> np.ndarray:
    """Turn a tensor from torch's layout into Keras's.

    Args:
        name: its published name.
        tensor: a convolution kernel [out, in, h, w], a depthwise one [channels, 1, h, w], or of fewer dimensions.

    Returns:
        [h, w, in, out], [h, w, channels, 1], or the tensor as it is.
    """
    if tensor.ndim != 4:
        return tensor
    return np.transpose(tensor, (2, 3, 0, 1) if "_depthwise_conv." in name else (2, 3, 1, 0))
