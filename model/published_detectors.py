"""Trained weights that were published with the systems of `model.rivals`.

    meso4, mesoinception4   `Meso4_DF.h5` and its kin (Keras 2). The output is the probability of a real face; here the
                            signs of the last layer are turned.
    capsule_v1              `capsule_95.pt` and its kin (torch). The first output capsule is that of fakes; here it is
                            the second. VGG19's weights are torchvision's, from a file of their own.
    kumar                   `triplets_semi_hard_sacred_model.hdf5` (Keras 2): the layers above FaceNet. FaceNet's own
                            weights are not among what was published, so that no detector can be made of it alone.

Each loads completely or not at all.
"""

import re
from collections.abc import Mapping, Sequence

import keras
import numpy as np

from artifacts.errors import InputError
from model import capsule, facenet, legacy_h5, published_weights
from model.detector import DeepfakeDetector
from model.torch_file import read_tensors

# A layer's variable here -> its name in a file, by the layer's class.
KERAS_PARTS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
CAPSULE_LAYERS = {  # of a primary capsule -> its number in the published Sequential
    "conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4, "conv3": 7, "bn3": 8, "conv4": 9, "bn4": 10,
}  # fmt: skip
VGG_CONVS = {  # of VGG19 up to its third pooling -> its number in torchvision's `features`
    "block1_conv1": 0, "block1_conv2": 2, "block2_conv1": 5, "block2_conv2": 7,
    "block3_conv1": 10, "block3_conv2": 12, "block3_conv3": 14, "block3_conv4": 16,
}  # fmt: skip

Assignment = list[tuple[keras.Variable, np.ndarray]]


def load_mesonet(detector: DeepfakeDetector, path: str) -> None:
    """Load a published MesoNet.

    Args:
        detector: of the recipe meso4 or mesoinception4.
        path: of the HDF5 file.

    Raises:
        InputError: the file is damaged, or of another network.
    """
    backbone = detector.backbone
    kinds = {"conv2d": keras.layers.Conv2D, "batch_normalization": keras.layers.BatchNormalization}
    # Keras lists layers by depth, the file numbers them as they were made: stage by stage, branch by branch.
    made = sorted(backbone.layers, key=lambda layer: (re.findall(r"\d", layer.name)[:1], layer.name))
    ours = {kind: [layer for layer in made if isinstance(layer, of)] for kind, of in kinds.items()}
    ours["dense"] = [backbone.get_layer("hidden"), detector.classifier]
    assignment = _assign_layers(ours, legacy_h5.read_layers(path), path, detector.recipe.backbone)
    last = {id(variable) for variable in detector.classifier.variables}
    _assign([(variable, -value if id(variable) in last else value) for variable, value in assignment])


def load_kumar(layers: Sequence[keras.layers.Layer], path: str) -> None:
    """Load the published layers above FaceNet.

    Args:
        layers: the four dense layers of `facenet.metric_layers`, in order.
        path: of the HDF5 file.

    Raises:
        InputError: the file is damaged, or of another network.
    """
    _assign(_assign_layers({"dense": list(layers)}, legacy_h5.read_layers(path), path, facenet.KUMAR))


def load_capsule_v1(detector: DeepfakeDetector, path: str, vgg_path: str) -> None:
    """Load a published Capsule-Forensics of the first version.

    Args:
        detector: with the backbone capsule_v1.
        path: of the torch file.
        vgg_path: of torchvision's VGG19, `.pth` or `.safetensors`.

    Raises:
        InputError: a file is damaged, or of another network.
    """
    tensors = read_tensors(path)
    assignment = capsule_assignment(detector.backbone, tensors, path)
    votes = _take(tensors, "routing_stats.route_weights", path)
    assignment.append((detector.classifier.kernel, votes[::-1]))  # real first
    assignment += vgg_assignment(detector.backbone, published_weights.read_file(vgg_path), vgg_path)
    _assign(_checked(assignment, path))


def load_vgg(backbone: keras.Model, path: str) -> None:
    """Load torchvision's VGG19 below the capsules of a new network.

    Raises:
        InputError: the file is damaged, or of another network.
    """
    _assign(_checked(vgg_assignment(backbone, published_weights.read_file(path), path), path))


def capsule_assignment(backbone: keras.Model, tensors: Mapping[str, np.ndarray], path: str) -> Assignment:
    """Pair the variables of the primary capsules with tensors of a published file.

    Raises:
        InputError: a tensor is missing.
    """
    pairs: Assignment = []
    for k in range(capsule.CAPSULES[backbone.name]):
        for name, number in CAPSULE_LAYERS.items():
            pairs += _pairs_of(backbone.get_layer(f"capsule{k}_{name}"), tensors, f"fea_ext.ext_{k + 1}.{number}", path)
    return pairs


def vgg_assignment(backbone: keras.Model, tensors: Mapping[str, np.ndarray], path: str) -> Assignment:
    """Pair VGG19's variables below the capsules with torchvision's tensors.

    Raises:
        InputError: a tensor is missing.
    """
    layers = VGG_CONVS.items()
    return [pair for name, k in layers for pair in _pairs_of(backbone.get_layer(name), tensors, f"features.{k}", path)]


def _pairs_of(layer: keras.layers.Layer, tensors: Mapping[str, np.ndarray], prefix: str, path: str) -> Assignment:
    pairs: Assignment = []
    for variable in layer.variables:
        tensor = _take(tensors, f"{prefix}.{published_weights.PARTS.get(variable.name, variable.name)}", path)
        pairs.append((variable, _to_keras(tensor)))
    return pairs


def _to_keras(tensor: np.ndarray) -> np.ndarray:
    """Kernels [out, in, (height,) width] of torch to [(height,) width, in, out]; vectors stay."""
    return np.transpose(tensor, (*range(2, tensor.ndim), 1, 0)) if tensor.ndim > 2 else tensor


def _take(tensors: Mapping[str, np.ndarray], name: str, path: str) -> np.ndarray:
    if name not in tensors:
        raise InputError(f"{path}: lacks {name}: not the weights of this network")
    return tensors[name]


def _assign_layers(
    ours: Mapping[str, Sequence[keras.layers.Layer]], theirs: Sequence[legacy_h5.Layer], path: str, network: str
) -> Assignment:
    """Pair layers of equal kind in the order in which they were made."""
    pairs: Assignment = []
    left = {layer.kind for layer in theirs} - ours.keys()
    for kind, layers in ours.items():
        found = [layer for layer in theirs if layer.kind == kind]
        if len(found) != len(layers) or left:
            other = (
                f"it has layers of kind {min(left)}" if left else f"{len(found)} of {len(layers)} layers of kind {kind}"
            )
            raise InputError(f"{path}: not the weights of {network}: {other}")
        for layer, published in zip(layers, found, strict=True):
            names = [part for part in KERAS_PARTS if part in published.weights]
            by_name = {variable.name: variable for variable in layer.variables}
            if set(names) != by_name.keys():
                raise InputError(f"{path}: not the weights of {network} (its {kind} {published.number} has {names})")
            pairs += [(by_name[name], published.weights[name]) for name in names]
    return _checked(pairs, path)


def _checked(pairs: Assignment, path: str) -> Assignment:
    for variable, value in pairs:
        if tuple(variable.shape) != value.shape:
            raise InputError(f"{path}: {variable.path} is {value.shape} there, for {tuple(variable.shape)}")
        if not np.isfinite(value).all():
            raise InputError(f"{path}: {variable.path} holds values that are not finite")
    return pairs


def _assign(pairs: Assignment) -> None:
    for variable, value in pairs:
        variable.assign(value)
