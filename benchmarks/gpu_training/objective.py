"""Eq. 1 for runs side by side, by the project's own `model.losses` and `model.expander` on Keras's torch backend."""

from collections.abc import Mapping

import keras
import torch
from keras import ops

from benchmarks.gpu_training.network import unit
from model import expander, losses
from model.recipes import Recipe

if keras.backend.backend() != "torch":
    raise ImportError("the losses are needed on torch: set the environment variable KERAS_BACKEND=torch")

PAPER = Recipe()
TERMS = ("loss", "cross_entropy", "triplet", "weight_center", "eta", "active", "accuracy")


def multi_metric_loss(
    embedding: torch.Tensor,
    logits: torch.Tensor,
    center: torch.Tensor,
    settings: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    partners: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
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
    return loss, torch.stack([loss, cross_entropy, triplet, weight_center, eta, active, accuracy])


def side_by_side_loss(
    embedding: torch.Tensor,
    logits: torch.Tensor,
    center: torch.Tensor,
    settings: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    partners: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute `multi_metric_loss` of R runs: every argument but `labels` has a leading axis R.

    Returns:
        Losses [R] and terms [R, len(TERMS)].
    """
    each = torch.func.vmap(multi_metric_loss, in_dims=(0, 0, 0, 0, None, 0))
    found: tuple[torch.Tensor, torch.Tensor] = each(embedding, logits, center, settings, labels, partners)
    return found


def move_center(center: torch.Tensor, embedding: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the centres [R, d] after a step, without gradient, as `DeepfakeDetector.move_center` does."""
    mean = embedding.detach()[:, labels == losses.REAL].mean(1)
    started = (center != 0).any(1, keepdim=True)
    keep = PAPER.center_momentum * started.to(center.dtype)
    return keep * center + (1 - keep) * mean
