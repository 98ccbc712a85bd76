"""Backbones by name: images in, one feature vector per image out."""

import functools

import keras
from keras import layers

BACKBONES = {
    "resnet34": (3, 4, 6, 3),
    "resnet18": (2, 2, 2, 2),
    "resnet10": (1, 1, 1, 1),
}
STAGE_WIDTHS = (64, 128, 256, 512)


def create_backbone(name, image_size, synchronized=False):
    """Build a ResNet of basic blocks (He et al., 2016), with random weights.

    Padding, epsilon and the missing convolution biases are those of the published weights: zeros are padded on all
    sides and the convolution itself is "valid", since "same" shifts a stride-2 grid by one pixel.

    Args:
        name: one of `BACKBONES`.
        image_size: side of the square input in pixels.
        synchronized: take batch statistics over all replicas: several then equal one on the global batch. Without it the
            faster fused kernel serves.

    Returns:
        A functional `keras.Model`: float [n, image_size, image_size, 3], normalised, to float [n, 512]. Its layer
        "features" gives the last feature map.

    Raises:
        ValueError: for an unknown name.
    """
    if name not in BACKBONES:
        raise ValueError(f"backbone must be one of {sorted(BACKBONES)}. Received: backbone={name!r}")
    norm = functools.partial(layers.BatchNormalization, momentum=0.9, epsilon=1e-5, synchronized=synchronized)
    images = keras.Input((image_size, image_size, 3), name="images")
    x = _conv_bn(images, norm, 64, 7, stride=2, name="stem")
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.ZeroPadding2D(1, name="stem_pad_pool")(x)  # zeros serve as -inf here: they follow a ReLU
    x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, (width, depth) in enumerate(zip(STAGE_WIDTHS, BACKBONES[name], strict=True), start=1):
        for block in range(depth):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _basic_block(x, norm, width, stride, name=f"layer{stage}_{block}")
    x = layers.Activation("linear", name="features")(x)
    feature = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(images, feature, name=name)


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
