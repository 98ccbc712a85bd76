"""The model card: what a model was trained and tested on, gathered from the artifacts that tell."""

import json
import os
import time

from model.recipes import NAMED_WEIGHTS

FIGURES = ("auc", "acc", "eer", "tpr_1", "brier", "ece")  # of the evaluation, those that a user of the model needs


def make_card(model_dir, statistics_dir=None, evaluation_dir=None):
    """Gather a model's card.

    Args:
        model_dir: a `model` artifact.
        statistics_dir: a `statistics` artifact of the face examples that it was trained on, or None.
        evaluation_dir: an `evaluation` artifact of this model, or None.

    Returns:
        A dict: `name` and `recipe` (all choices of the training), `trained_on` ([{dataset, method, label, videos, faces}]),
        `calibration` (or None), `tested_on` ([{dataset, method, level, real, fake, figures with intervals}], `method` None
        for all methods of the data set together), `caveats` (data set -> sentence), `date`. What is not known is empty.
    """
    recipe = _read(model_dir, "recipe.json") or {}
    statistics = _read(statistics_dir, "statistics.json") or {"groups": []}
    metrics = _read(evaluation_dir, "metrics.json") or {}
    names = ("dataset", "method", "label", "videos_with_face", "faces")
    trained_on = [
        dict(zip(("dataset", "method", "label", "videos", "faces"), (group[name] for name in names), strict=True))
        for group in statistics["groups"]
        if group["split"] == "train"
    ]
    weights = recipe.get("initial_weights")
    if weights and weights not in NAMED_WEIGHTS:  # a file: where it lay is nobody's business whom the card reaches
        recipe["initial_weights"] = os.path.basename(weights)
    return {
        "name": recipe.get("name"),
        "recipe": {key: value for key, value in recipe.items() if key != "name"},
        "trained_on": trained_on,
        "calibration": _read(model_dir, "calibration.json"),
        "tested_on": [row for level in ("video", "frame") for row in _tested(metrics.get(level), level)],
        "caveats": metrics.get("caveats", {}),
        "date": time.strftime("%Y-%m-%d"),
    }


def _read(folder, name):
    path = os.path.join(folder or "", name)
    if not folder or not os.path.exists(path):
        return None
    with open(path) as stream:
        return json.load(stream)


def _tested(of_level, level):
    """One row per data set, and one per method of it."""
    for dataset, whole in (of_level or {"datasets": {}})["datasets"].items():
        for method, part in ((None, whole), *whole["methods"].items()):
            figures = {key: dict(part["logit"][key]) for key in FIGURES}  # value, low, high, reason
            counts = {"real": part["real"], "fake": part["fake"]}
            yield {"dataset": dataset, "method": method, "level": level} | counts | figures
