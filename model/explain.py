"""Where a detector looks: Grad-CAM (Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks", 2017)."""

import keras
import numpy as np
import tensorflow as tf

from model.losses import FAKE, REAL
from model.recipes import CROP_SIZE


def grad_cam(detector, crops, class_index=FAKE, batch_size=16):
    """Show which regions of each crop speak for a class.

    The maps of `class_maps`, resized bilinearly to the crops and each divided by its maximum: 1 is where the crop speaks
    most for the class, 0 where it does not. Maps of different crops hence tell nothing about their scores. A crop that
    nowhere speaks for the class has a map of zeros.

    Args:
        detector: a `DeepfakeDetector` of any backbone.
        crops: RGB, 0-255, [n, 256, 256, 3].
        class_index: 1 for fake, 0 for real.
        batch_size: crops at a time.

    Returns:
        float32 [n, 256, 256], 0..1.

    Raises:
        ValueError: another class.
    """
    if class_index not in (REAL, FAKE):
        raise ValueError(f"class_index must be {REAL} (real) or {FAKE} (fake). Received: class_index={class_index!r}")
    result = np.zeros((len(crops), CROP_SIZE, CROP_SIZE), np.float32)
    for start in range(0, len(crops), batch_size):
        result[start : start + batch_size] = heat_maps(detector, crops[start : start + batch_size], class_index)
    return result


def heat_maps(detector, crops, class_index):
    """`grad_cam` of one batch, as a tensor: it can be part of a graph, hence of a SavedModel."""
    maps = class_maps(detector, crops, class_index)
    full = tf.image.resize(maps[..., None], (CROP_SIZE, CROP_SIZE))[..., 0]
    return tf.math.divide_no_nan(full, tf.reduce_max(full, axis=(1, 2), keepdims=True))


def class_maps(detector, crops, class_index):
    """The class-discriminative localisation maps, Eq. 2 of the paper: [Σ_k a_k A^k]_+ over the last feature map's channels.

    a_k is the mean over all places of the gradient of the class's score in A^k (Eq. 1).

    Args:
        detector, crops, class_index: as for `grad_cam`.

    Returns:
        float32 [n, h, w], of the feature map's size.
    """
    features, from_features = split(detector)
    maps = features(crops)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = class_score(detector, from_features(maps), class_index)
    weights = tf.reduce_mean(tape.gradient(score, maps), axis=(1, 2))
    return tf.nn.relu(tf.einsum("nhwk,nk->nhw", tf.cast(maps, tf.float32), tf.cast(weights, tf.float32)))


def split(detector):
    """Cut a detector behind its last feature map.

    Returns:
        (features, from_features): crops [n, 256, 256, 3] to the feature map [n, h, w, channels], and from there to what
        the detector returns; one after the other they are the detector.
    """
    backbone = detector.backbone
    network = keras.Model(backbone.input, backbone.get_layer("features").output)
    pool = backbone.get_layer("pool")
    return (
        lambda crops: network(detector.preprocess(crops), training=False),
        lambda maps: detector.judge(pool(maps)),
    )


def class_score(detector, outputs, class_index):
    """The score y^c of a class, [n]: its logit, before the softmax, as in the paper.

    Where no classifier is trained, it is the similarity to the real centre, for the fakes its negative.
    """
    if detector.recipe.score == "logit":
        return outputs["logits"][:, class_index]
    return outputs["center_similarity"] * (1 if class_index == REAL else -1)
