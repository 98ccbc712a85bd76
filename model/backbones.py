"""Backbones by name: images in, one feature vector per image out."""

import functools

import keras
from keras import layers, ops

RESNETS = {
    "resnet34": (3, 4, 6, 3),
    "resnet18": (2, 2, 2, 2),
    "resnet10": (1, 1, 1, 1),
}
APPLICATIONS = {
    "xception": keras.applications.Xception,
    "efficientnetb0": keras.applications.EfficientNetB0,
    "efficientnetb4": keras.applications.EfficientNetB4,
}
BACKBONES = (*RESNETS, *APPLICATIONS)
STAGE_WIDTHS = (64, 128, 256, 512)

# Mean and deviation of ImageNet's pixels, which published weights expect (but for Xception's).
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def create_backbone(name, image_size, synchronized=False):
    """Build a network without its classifier, with random weights.

    Args:
        name: one of `BACKBONES`.
        image_size: side of the square input in pixels.
        synchronized: take batch statistics over all replicas: several then equal one on the global batch. Without it the
            faster fused kernel serves.

    Returns:
        A functional `keras.Model`: float [n, image_size, image_size, 3], normalised by `normalize_pixels`, to float
        [n, features]. Its layer "features" gives the last feature map.

    Raises:
        ValueError: for an unknown name, or a size that the network cannot take.
    """
    if name in RESNETS:
        return _resnet(name, image_size, synchronized)
    if name in APPLICATIONS:
        return _application(name, image_size, synchronized)
    raise ValueError(f"backbone must be one of {sorted(BACKBONES)}. Received: backbone={name!r}")


def normalize_pixels(name, images):
    """Bring float images [n, h, w, 3], 0-255, to the range that backbone `name` and its published weights expect."""
    if name == "xception":
        return images / 127.5 - 1.0
    return (images - ops.cast(PIXEL_MEAN, images.dtype)) / ops.cast(PIXEL_STD, images.dtype)


# --- ResNets of basic blocks ------------------------------------------------------------------------------------------
def _resnet(name, image_size, synchronized):
    """A ResNet of basic blocks (He et al., 2016).

    Padding, epsilon and the missing convolution biases are those of the published weights: zeros are padded on all
    sides and the convolution itself is "valid", since "same" shifts a stride-2 grid by one pixel.
    """
    norm = functools.partial(layers.BatchNormalization, momentum=0.9, epsilon=1e-5, synchronized=synchronized)
    images = keras.Input((image_size, image_size, 3), name="images")
    x = _conv_bn(images, norm, 64, 7, stride=2, name="stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.ZeroPadding2D(1, name="stem_pad_pool")(x)  # zeros serve as -inf here: they follow a ReLU
    x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, (width, depth) in enumerate(zip(STAGE_WIDTHS, RESNETS[name], strict=True), start=1):
        for block in range(depth):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _basic_block(x, norm, width, stride, name=f"layer{stage}_{block}")
    return _pooled(name, images, x)


def _basic_block(x, norm, width, stride, name):
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _conv_bn(x, norm, width, 1, stride, name=f"{name}_downsample")
    x = _conv_bn(x, norm, width, 3, stride, name=f"{name}_1")
    x = layers.ReLU(name=f"{name}_1_relu")(x)
    # From random weights a block starts as its shortcut (zero gamma), which lets deep nets learn from the first steps on.
    x = _conv_bn(x, functools.partial(norm, gamma_initializer="zeros"), width, 3, name=f"{name}_2")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x, norm, width, kernel, stride=1, name=None):
    if kernel > 1 and stride > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    padding = "valid" if stride > 1 else "same"
    initializer = keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
    x = layers.Conv2D(
        width, kernel, stride, padding, use_bias=False, kernel_initializer=initializer, name=f"{name}_conv"
    )(x)
    return norm(name=f"{name}_bn")(x)


# --- networks that Keras has ------------------------------------------------------------------------------------------
def _application(name, image_size, synchronized):
    """One of `keras.applications`, its batch statistics over all replicas if asked."""
    model = application(name, image_size)
    if synchronized:
        model = keras.models.clone_model(model, clone_function=_synchronize)
    return _pooled(name, model.input, model.output)


def application(name, image_size, weights=None):
    """One of `APPLICATIONS` up to its last feature map, without what it does to pixels first.

    EfficientNets hold their normalisation, and another one with ImageNet's weights than without; `normalize_pixels` does
    what the former does. `weights` is None, "imagenet", or the path of a file that Keras published.
    """
    model = APPLICATIONS[name](include_top=False, weights=weights, input_shape=(image_size, image_size, 3))
    if "stem_conv_pad" in [layer.name for layer in model.layers]:
        return keras.Model(model.get_layer("stem_conv_pad").input, model.output)
    return model


def _synchronize(layer):
    config = layer.get_config()
    if isinstance(layer, layers.BatchNormalization):
        config["synchronized"] = True
    return type(layer).from_config(config)


def _pooled(name, images, feature_map):
    x = layers.Activation("linear", name="features")(feature_map)
    return keras.Model(images, layers.GlobalAveragePooling2D(name="pool")(x), name=name)
