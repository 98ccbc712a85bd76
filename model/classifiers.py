"""What stands at the end of a detector: from its embedding or feature to a logit for real and one for fake."""

import keras
from keras import KerasTensor as Tensor  # stands for tensors of every backend
from keras import layers, ops

from model.capsule import DynamicRouting


def create_classifier(kind: str) -> layers.Layer:
    """Create a classifier by `Recipe.classifier`, not yet built.

    Its output is what `logits_of` takes: of "softmax" the two logits, of "sigmoid" the fake logit alone, of "routing"
    the pairs of logits of the output capsules' four dimensions.
    """
    if kind == "routing":
        return DynamicRouting(dtype=keras.config.floatx(), name="classifier")
    return layers.Dense(1 if kind == "sigmoid" else 2, dtype=keras.config.floatx(), name="classifier")


def logits_of(judged: Tensor) -> Tensor:
    """Return the logits of real and fake from a classifier's output.

    Args:
        judged: float [n, 2]: they are the logits already; [n, 1]: the fake logit of which half goes to either side; or
            [n, k, 2]: the pairs of k judges, whose probabilities are averaged, as Capsule-Forensics does.

    Returns:
        float [n, 2].
    """
    if len(judged.shape) == 3:
        # log of the mean of k softmaxes, up to the same constant in both columns
        return ops.logsumexp(ops.log_softmax(judged, axis=-1), axis=1)
    if judged.shape[-1] == 1:
        return ops.concatenate([-judged, judged], axis=-1) / 2
    return judged
