"""Eq. 1 of one run, by the project's own `model.losses` and `model.expander`, on whichever backend Keras has."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from model import expander, losses
from model.recipes import Recipe

Tensor = Any  # of Keras's backend

PAPER = Recipe()
TERMS = ("loss", "cross_entropy", "triplet", "weight_center", "eta", "active", "accuracy")


def multi_metric_loss(
    embedding: Tensor,
    logits: Tensor,
    center: Tensor,
    settings: Mapping[str, Tensor],
    labels: Tensor,
    partners: Tensor,
) -> tuple[Tensor, Tensor]:
    """Compute the loss of one run and its terms, as `DeepfakeDetector.multi_metric_loss` does.

    Args:
        embedding: unit vectors, float [n, d].
        logits: float [n, 2].
        center: moving mean of the real embeddings, float [d].
        settings: float scalars: `triplet`, `cross_entropy` and `weight_center` (weights of the terms, 0 before their
            stage), `expander` (1 in its stage, else 0), `exclude_partner` (1 or 0).
        labels: integer [n].
        partners: who shares an original with whom and has the other label, boolean [n, n].

    Returns:
        The loss, scalar, and the values of `TERMS`, [len(TERMS)].
    """
    gram = ops.matmul(embedding, ops.transpose(embedding))
    cross_entropy = losses.cross_entropy_loss(logits, labels)
    eta = expander.balance_factor(cross_entropy, PAPER.pulling_factor)
    # η = 1 leaves the negatives where they are.
    eta = settings["expander"] * eta + (1 - settings["expander"])
    triplet, active = losses.triplet_loss(
        gram,
        labels,
        PAPER.triplet_margin,
        negative_similarity=expander.expanded_negative_similarity(gram, eta),
        excluded=ops.logical_and(partners, settings["exclude_partner"] > 0),
    )
    similarity = ops.sum(embedding * unit(center)[None, :], axis=-1)
    weight_center = losses.weight_center_loss(
        similarity, ops.equal(labels, losses.REAL), PAPER.weight_center_scale, PAPER.weight_center_margin
    )
    loss = (
        settings["weight_center"] * weight_center
        + settings["triplet"] * triplet
        + settings["cross_entropy"] * cross_entropy
    )
    predicted = ops.cast(logits[:, 1] > logits[:, 0], labels.dtype)
    accuracy = ops.mean(ops.cast(ops.equal(predicted, labels), loss.dtype))
    return loss, ops.stack([loss, cross_entropy, triplet, weight_center, eta, active, accuracy])


def unit(x: Tensor) -> Tensor:
    """Scale the last axis to unit length; a zero vector stays zero, with a finite gradient."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12))
