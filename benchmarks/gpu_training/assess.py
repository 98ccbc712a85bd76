"""Figures of runs on sets of pictures."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_training import augment, measures
from benchmarks.gpu_training.runs import Runs

Pictures = tuple[torch.Tensor, np.ndarray]  # normalised, float [n, 3, s, s]; labels [n]
Figures = dict[str, Any]


def assess(
    runs: Runs,
    sets: Mapping[str, Pictures],
    fit: Pictures | None = None,
    dtype: torch.dtype = torch.float32,
) -> list[dict[str, Figures]]:
    """Compute the figures of every run.

    Args:
        runs: to assess.
        sets: by name; on "val" thresholds are chosen, which later sets are measured with.
        fit: training faces on which the read-out by class means is fitted; None leaves it out.
        dtype: of the activations.

    Returns:
        For each run, the figures by set.
    """
    directions: list[np.ndarray] = []
    if fit:
        embedding, _, _ = runs.outputs(fit[0], dtype)
        directions = [class_means(fit[1], each) for each in embedding]
    results: list[dict[str, Figures]] = [{} for _ in runs.settings]
    thresholds: list[dict[str, float]] = [{} for _ in runs.settings]
    for name, (images, label) in sets.items():
        embedding, logit, similarity = runs.outputs(images, dtype)
        for run, result in enumerate(results):
            scores = {"logit": logit[run], "center": -similarity[run]}
            if directions:
                scores["means"] = embedding[run] @ directions[run]
            if name == "val":
                finite = {kind: score for kind, score in scores.items() if np.isfinite(score).all()}
                thresholds[run] = {kind: measures.best_threshold(label, score)[0] for kind, score in finite.items()}
            result[name] = _figures(label, scores, thresholds[run], "best" if name == "val" else "val")
            result[name] |= _lie_of_the_classes(label, embedding[run], logit[run], similarity[run])
    return results


def class_means(label: np.ndarray, embedding: np.ndarray) -> np.ndarray:
    """Return the direction from reals to fakes, float [d], of embeddings float [n, d] of training faces."""
    direction: np.ndarray = embedding[label == 1].mean(0) - embedding[label == 0].mean(0)
    return direction


def _figures(
    label: np.ndarray, scores: Mapping[str, np.ndarray], thresholds: Mapping[str, float], suffix: str
) -> Figures:
    """AUC of each score, and its accuracy at the threshold: `acc_best_...` on val itself, `acc_val_...` elsewhere."""
    found: Figures = {}
    for kind, score in scores.items():
        found[f"auc_{kind}"] = measures.auc(label, score)
        if kind in thresholds:
            found[f"acc_{suffix}_{kind}"] = float(((score > thresholds[kind]) == label).mean())
    return found


def _lie_of_the_classes(label: np.ndarray, embedding: np.ndarray, logit: np.ndarray, similarity: np.ndarray) -> Figures:
    found: Figures = {"acc": float(((logit > 0) == label).mean())}
    for value, name in enumerate(("real", "fake")):
        found[f"{name}_similarity"] = float(similarity[label == value].mean())
    if np.isfinite(logit).all():
        found |= measures.spread(label, embedding)
        found["tpr_1"] = measures.true_positive_rate(label, logit)
        found["eer"] = measures.equal_error_rate(label, logit)
    return found


def evaluation_images(
    crops: torch.Tensor,
    size: int,
    change: Callable[[torch.Tensor], torch.Tensor] | None = None,
    chunk: int = 250,
) -> torch.Tensor:
    """Bring aligned crops into the form that the network sees.

    Args:
        crops: uint8 [n, 256, 256, 3].
        size: of the network's input, pixels.
        change: what happens to the float crops [n, 3, 256, 256] before they are shrunk.
        chunk: how many are done at once.

    Returns:
        float [n, 3, size, size], normalised.
    """
    parts = []
    for piece in crops.split(chunk):
        images = piece.permute(0, 3, 1, 2).float()
        parts.append(augment.normalize(augment.resize(change(images) if change else images, size)))
    return torch.cat(parts)
