"""Eq. 1 for runs side by side, on Keras's torch backend."""

from collections.abc import Mapping

import keras
import torch

from benchmarks.gpu_training.multi_metric import PAPER, multi_metric_loss
from model import losses

if keras.backend.backend() != "torch":
    raise ImportError("the losses are needed on torch: set the environment variable KERAS_BACKEND=torch")


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
