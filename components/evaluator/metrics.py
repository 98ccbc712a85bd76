"""ACC and AUC per data set and per manipulation method, at frame and at video level."""

import numpy as np

from model.scoring import accuracy_and_auc, mean_by_video


def evaluate(columns):
    """Judge predictions at both levels.

    Args:
        columns: one row per frame: `video_id`, `dataset`, `method`, `label`, `logit`, `center_similarity`.

    Returns:
        {"frame" | "video": {"all": figures, "datasets": {name: figures | {"methods": {method: figures}}}}}; figures are
        `acc`, `auc`, `reason`, and the numbers of `real` and `fake` rows. A method's figures are those of its fakes
        against the reals of its data set, the form of the paper's Table 1.
    """
    return {"frame": _level(columns), "video": _level(mean_by_video(columns))}


def _level(columns):
    everything = np.ones(len(columns["label"]), bool)
    datasets = {}
    for dataset in sorted(set(columns["dataset"])):
        ours = columns["dataset"] == dataset
        real = ours & (columns["label"] == 0)
        methods = sorted(set(columns["method"][ours & (columns["label"] == 1)]))
        datasets[dataset] = _figures(columns, ours) | {
            "methods": {method: _figures(columns, real | (ours & (columns["method"] == method))) for method in methods}
        }
    return {"all": _figures(columns, everything), "datasets": datasets}


def _figures(columns, rows):
    label = columns["label"][rows]
    counts = {"real": int(np.sum(label == 0)), "fake": int(np.sum(label == 1))}
    return accuracy_and_auc(label, columns["logit"][rows]) | counts
