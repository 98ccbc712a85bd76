"""Where a detector looks: Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks", 2017)."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from artifacts.crop_size import CROP_SIZE
from model.detector import DeepfakeDetector


def heat_maps(detector: DeepfakeDetector, crops: tf.Tensor | np.ndarray, class_index: int) -> tf.Tensor:
    """Show which regions of each crop speak for a class; can be part of a graph, and so of a SavedModel.

    The `class_maps`, resized bilinearly to the crops and each divided by its maximum: 1 is where the crop speaks most
    for the class, 0 where it does not. So the maps of different crops say nothing about their scores. A crop without a
    region that speaks for the class has a map of zeros.

    Args:
        detector: of any backbone.
        crops: [n, 256, 256, 3], RGB, 0-255, n > 0.
        class_index: 0 for real, 1 for fake.

    Returns:
        float32 [n, 256, 256], 0..1.
    """
    maps = class_maps(detector, crops, class_index)
    full = tf.image.resize(maps[..., None], (CROP_SIZE, CROP_SIZE))[..., 0]
    return tf.math.divide_no_nan(full, tf.reduce_max(full, axis=(1, 2), keepdims=True))


def class_maps(detector: DeepfakeDetector, crops: tf.Tensor | np.ndarray, class_index: int) -> tf.Tensor:
    """Return the localisation maps of Grad-CAM (its Eq. 2): [Σ_k a_k A^k]_+ over the channels of the last feature map.

    a_k is the mean over all places of the gradient of the class's score with respect to A^k (its Eq. 1).

    Args:
        detector: as for `heat_maps`.
        crops: as for `heat_maps`.
        class_index: as for `heat_maps`.

    Returns:
        float32 [n, h, w], h and w those of the feature map.
    """
    features, head = split(detector)
    maps = features(crops)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = class_score(detector, head(maps), class_index)
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    return tf.nn.relu(tf.einsum("nhwk,nk->nhw", tf.cast(maps, tf.float32), tf.cast(weights, tf.float32)))


def split(
    detector: DeepfakeDetector,
) -> tuple[Callable[[tf.Tensor], tf.Tensor], Callable[[tf.Tensor], dict[str, tf.Tensor]]]:
    """Cut a detector after its last feature map.

    Returns:
        (features, head): from crops [n, 256, 256, 3] to the feature map [n, h, w, channels], and from there to the
        detector's outputs. One after the other they equal the detector.
    """
    backbone = detector.backbone
    network = keras.Model(backbone.input, backbone.get_layer("features").output)
    above = keras.Model(backbone.get_layer("features").output, backbone.output)
    return (
        lambda crops: network(detector.preprocess(crops), training=False),
        lambda maps: detector.head(above(maps, training=False)),
    )


def class_score(detector: DeepfakeDetector, outputs: dict[str, tf.Tensor], class_index: int) -> tf.Tensor:
    """Return the score y^c of a class, [n]: its logit, before the softmax, as in the Grad-CAM paper."""
    return outputs["logits"][:, class_index]
