"""The cross-data-set matrix: how well each of several models does on each data set, its own and others'."""

from collections.abc import Mapping

import numpy as np

from evaluation.columns import Column, encode, groups_of
from evaluation.figures import rank
from evaluation.intervals import with_intervals
from evaluation.results import AucMatrix, FigureValue
from evaluation.vocabulary import Level


def auc_matrix(
    models: Mapping[str, Mapping[str, Column]], level: Level = "video", resamples: int = 1000, seed: int = 0
) -> AucMatrix:
    """Compute the AUC of each model on each data set.

    Args:
        models: a model's name -> its predictions at this level; see `evaluation.columns`.
        level: of the predictions.
        resamples: see `evaluation.intervals`.
        seed: of the resamples.
    """
    names = {name: encode(columns["dataset"])[1] for name, columns in models.items()}
    datasets = sorted(set().union(*names.values()))
    cells = [[_auc(columns, dataset, resamples, seed) for dataset in datasets] for columns in models.values()]
    return {
        "models": list(models),
        "datasets": datasets,
        "level": level,
        "auc": [[cell["value"] for cell in row] for row in cells],
        "low": [[cell["low"] for cell in row] for row in cells],
        "high": [[cell["high"] for cell in row] for row in cells],
        "reason": [[cell["reason"] for cell in row] for row in cells],
    }


def _auc(columns: Mapping[str, Column], dataset: str, resamples: int, seed: int) -> FigureValue:
    """Return the AUC on the rows of a data set."""
    code, names = encode(columns["dataset"])
    rows = np.flatnonzero(names[code] == dataset)
    kind, video = groups_of(columns)[rows], encode(columns["video_id"])[0][rows]
    _, first, video = np.unique(video, return_index=True, return_inverse=True)
    fake = columns["label"][rows][first] == 1
    ranked = rank(video.astype(np.int32), fake, columns["logit"][rows])
    return with_intervals({"logit": ranked}, kind[first], resamples, seed)[0]["logit"]["auc"]
