"""The cross-data-set matrix: how well each of several models does on each data set, its own and others'."""

import numpy as np

from evaluation.figures import rank
from evaluation.intervals import with_intervals
from evaluation.video_scores import encode


def matrix(models, level="video", resamples=1000, seed=0):
    """Compute the AUC of each model on each data set.

    Args:
        models: name, as a rule what it was trained on -> columns with one row per video, of
            `evaluation.video_scores.videos_of`, or per frame, of `artifacts.predictions`.
        level: "video" or "frame": which of both.
        resamples, seed: of the intervals; see `evaluation.intervals`.

    Returns:
        A dict for JSON: `models`, `datasets`, `level`; and `auc`, `low`, `high`, `reason`: a list per model with a value
        per data set, None where there is none.
    """
    names = {name: encode(columns["dataset"])[1] for name, columns in models.items()}
    datasets = sorted(set().union(*names.values()))
    cells = [[_auc(columns, dataset, resamples, seed) for dataset in datasets] for columns in models.values()]
    parts = {"auc": "value", "low": "low", "high": "high", "reason": "reason"}
    return {"models": list(models), "datasets": datasets, "level": level} | {
        name: [[cell[part] for cell in row] for row in cells] for name, part in parts.items()
    }


def _auc(columns, dataset, resamples, seed):
    """The AUC of the rows of a data set: {"value", "low", "high", "reason"}."""
    code, names = encode(columns["dataset"])
    rows = np.flatnonzero(names[code] == dataset)
    video, method = (encode(columns[name])[0][rows] for name in ("video_id", "method"))
    _, first, video = np.unique(video, return_index=True, return_inverse=True)
    fake = columns["label"][rows][first] == 1
    scores = {"logit": rank(video.astype(np.int32), fake, columns["logit"][rows])}
    return with_intervals(scores, method[first], resamples, seed)[0]["logit"]["auc"]


def print_matrix(matrix):
    """Print the matrix as a table: a row per model, a column per data set, each cell with its interval."""
    width = max(len(name) for name in (*matrix["models"], "model"))
    print(f"\n{matrix['level']} AUC [95 %]: each row a model, each column what it was tested on")
    print(" ".join([f"{'model':{width}}", *(f"{name:>21}" for name in matrix["datasets"])]))
    notes = {}
    for number, name in enumerate(matrix["models"]):
        row = list(zip(*(matrix[part][number] for part in ("auc", "low", "high", "reason")), strict=True))
        print(" ".join([f"{name:{width}}", *(f"{_cell(*cell[:3]):>21}" for cell in row)]))
        for dataset, cell in zip(matrix["datasets"], row, strict=True):
            if cell[3]:
                notes.setdefault(cell[3], []).append(f"{name} on {dataset}")
    for reason, where in notes.items():
        print(f"none or no interval: {reason}: {', '.join(where)}")
    print()


def _cell(auc, low, high):
    if auc is None:
        return "none"
    return f"{auc:.4f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None else "")
