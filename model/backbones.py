"""Backbones by name: images in, one feature vector per image out."""

import functools
import re
from collections.abc import Callable

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers, ops

from artifacts.errors import InputError
from model.attention import ATTENTIVE_B4, with_attention
from model.batch_normalization import BatchNormalization
from model.capsule import CAPSULES, capsule_network
from model.efficientnet_lite import efficientnet_lite0
from model.facenet import KUMAR, kumar
from model.mesonet import MESONETS, mesonet

RESNETS = {
    "resnet34": (3, 4, 6, 3),
    "resnet18": (2, 2, 2, 2),
    "resnet10": (1, 1, 1, 1),
}
APPLICATIONS = {
    "xception": keras.applications.Xception,
    "efficientnetb0": keras.applications.EfficientNetB0,
    "efficientnetb4": keras.applications.EfficientNetB4,
    ATTENTIVE_B4: keras.applications.EfficientNetB4,
    "resnet50": keras.applications.ResNet50,
}
LITE = "efficientnetlite0"
BACKBONES = (*RESNETS, *APPLICATIONS, LITE, *MESONETS, *CAPSULES, KUMAR)
STAGE_WIDTHS = (64, 128, 256, 512)

# Mean and standard deviation of ImageNet's pixels (0-255), as the published weights of ResNets and of Keras's
# EfficientNets expect.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)
# Mean of ImageNet's pixels in the order blue, green, red, as Keras's ResNet50 expects (the way of Caffe).
CAFFE_MEAN = (103.939, 116.779, 123.68)


# A layer to come: called with `name` and possibly further options of `BatchNormalization`.
Norm = Callable[..., layers.BatchNormalization]


def create_backbone(name: str, image_size: int, synchronized: bool = False) -> keras.Model:
    """Build a network without its classifier, with random weights.

    Args:
        name: one of `BACKBONES`.
        image_size: side of the square input in pixels.
        synchronized: take batch statistics over all replicas, so that several of them equal one on the global batch.
            Otherwise the faster fused kernel is used.

    Returns:
        A functional model from float [n, image_size, image_size, 3], normalised by `normalize_pixels`, to float
        [n, features]. Its layer "features" returns the last feature map, float [n, h, w, channels].

    Raises:
        ValueError: for an unknown name, or a size that the network cannot take.
    """
    if name in RESNETS:
        return _resnet(name, image_size, synchronized)
    if name in APPLICATIONS:
        return _application(name, image_size, synchronized)
    images = keras.Input((image_size, image_size, 3), name="images")
    if name == LITE:
        return _pooled(name, images, efficientnet_lite0(images, synchronized))
    if name in MESONETS:
        return keras.Model(images, mesonet(name, images, synchronized)[1], name=name)
    if name == KUMAR:
        return keras.Model(images, kumar(images)[1], name=name)
    if name in CAPSULES:
        return keras.Model(images, capsule_network(name, images, synchronized)[1], name=name)
    raise ValueError(f"backbone must be one of {sorted(BACKBONES)}. Received: backbone={name!r}")


def normalize_pixels(name: str, images: Tensor) -> Tensor:
    """Scale float images [n, h, w, 3], 0-255, to the range that backbone `name` and its published weights expect."""
    if name in ("xception", KUMAR):
        return images / 127.5 - 1.0
    if name == LITE:
        return (images - 127.0) / 128.0
    if name in MESONETS:
        return images / 255.0
    if name == "resnet50":
        return images[..., ::-1] - ops.cast(CAFFE_MEAN, images.dtype)
    return (images - ops.cast(PIXEL_MEAN, images.dtype)) / ops.cast(PIXEL_STD, images.dtype)


# --- ResNets of basic blocks ------------------------------------------------------------------------------------------
def _resnet(name: str, image_size: int, synchronized: bool) -> keras.Model:
    """Build a ResNet of basic blocks (He et al., 2016).

    Padding, epsilon and the missing biases of convolutions match the published weights: zeros are padded on all
    sides and the convolution itself is "valid", since "same" would shift a stride-2 grid by one pixel.
    """
    norm = functools.partial(BatchNormalization, momentum=0.9, epsilon=1e-5, synchronized=synchronized)
    images = keras.Input((image_size, image_size, 3), name="images")
    x = _conv_bn(images, norm, 64, 7, stride=2, name="stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.ZeroPadding2D(1, name="stem_pad_pool")(x)  # zeros do for -inf here: they follow a ReLU
    x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, (width, depth) in enumerate(zip(STAGE_WIDTHS, RESNETS[name], strict=True), start=1):
        for block in range(depth):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _basic_block(x, norm, width, stride, name=f"layer{stage}_{block}")
    return _pooled(name, images, x)


def _basic_block(x: Tensor, norm: Norm, width: int, stride: int, name: str) -> Tensor:
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _conv_bn(x, norm, width, 1, stride, name=f"{name}_downsample")
    x = _conv_bn(x, norm, width, 3, stride, name=f"{name}_1")
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    # A block starts as its shortcut (zero gamma), so that deep networks learn from the first steps on.
    x = _conv_bn(x, functools.partial(norm, gamma_initializer="zeros"), width, 3, name=f"{name}_2")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x: Tensor, norm: Norm, width: int, kernel: int, stride: int = 1, *, name: str) -> Tensor:
    if kernel > 1 and stride > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    padding = "valid" if stride > 1 else "same"
    initializer = keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
    x = layers.Conv2D(
        width, kernel, stride, padding, use_bias=False, kernel_initializer=initializer, name=f"{name}_conv"
    )(x)
    return norm(name=f"{name}_bn")(x)


# --- networks of keras.applications -----------------------------------------------------------------------------------
def _application(name: str, image_size: int, synchronized: bool) -> keras.Model:
    own = functools.partial(_own_norm, synchronized=synchronized)
    network = application(name, image_size)
    if name == ATTENTIVE_B4:
        model = with_attention(network, own)
    else:
        model = keras.models.clone_model(network, clone_function=own)
    return _pooled(name, model.input, model.output)


def application(name: str, image_size: int, weights: str | None = None) -> keras.Model:
    """Build one of `APPLICATIONS` up to its last feature map, without its own normalisation of pixels.

    Args:
        name: one of `APPLICATIONS`.
        image_size: side of the square input in pixels.
        weights: None for random ones, "imagenet", or the path of a file that Keras published.

    Raises:
        InputError: the network takes no pictures that small.
    """
    try:
        model = APPLICATIONS[name](include_top=False, weights=weights, input_shape=(image_size, image_size, 3))
    except ValueError as error:
        least = re.search(r"Input size must be at least (\d+)x", str(error))
        if not least:
            raise
        raise InputError(
            f"image_size: {image_size} is too small for the backbone {name}, which takes {least[1]} and more. Give a "
            "larger one, or another backbone"
        ) from error
    return without_normalization(model)


def without_normalization(model: keras.Model) -> keras.Model:
    """Cut off a Keras application's own normalisation of pixels.

    EfficientNets contain one, which differs with and without ImageNet's weights; `normalize_pixels` does what it does
    with them. Other networks are returned as they are.
    """
    if "stem_conv_pad" in [layer.name for layer in model.layers]:
        return keras.Model(model.get_layer("stem_conv_pad").input, model.output)
    return model


def _own_norm(layer: layers.Layer, synchronized: bool) -> layers.Layer:
    if isinstance(layer, layers.BatchNormalization):
        return BatchNormalization.from_config(layer.get_config() | {"synchronized": synchronized})
    return type(layer).from_config(layer.get_config())


def _pooled(name: str, images: Tensor, feature_map: Tensor) -> keras.Model:
    x = layers.Activation("linear", name="features")(feature_map)
    return keras.Model(images, layers.GlobalAveragePooling2D(name="pool")(x), name=name)
