"""The model card: what a model was trained and tested on, gathered from the artifacts that say so."""

import os
import time
from collections.abc import Iterator
from typing import Any

from artifacts import layout
from artifacts.regular_files import read_json
from evaluation.vocabulary import READOUTS
from model.recipes import NAMED_WEIGHTS
from model.saved_model import read_calibration, read_preprocessing

Json = dict[str, Any]  # a JSON object

FIGURES = ("auc", "acc", "eer", "tpr_1", "brier", "ece")  # the figures of an evaluation that a user of the model needs


def make_card(model_dir: str, statistics_dir: str | None = None, evaluation_dir: str | None = None) -> Json:
    """Gather a model's card.

    Args:
        model_dir: a `model` artifact.
        statistics_dir: a `statistics` artifact of the face examples on which it was trained, or None.
        evaluation_dir: an `evaluation` artifact of this model, or None.

    Returns:
        `name` and `recipe` (all choices of the training), `trained_on` ([{dataset, method, label, videos, faces}]),
        `calibration` (or None), `logit` (a sentence on what the model's logit is, or None), `preprocessing` (see
        `artifacts.preprocessing.Preprocessing`, or None), `tested_on` ([{dataset, method, level, real, fake, figures
        with intervals}], `method` None for all methods of the data set together), `caveats` (data set -> sentence),
        `date`. What is unknown is empty.
    """
    recipe = _read(model_dir, layout.RECIPE)
    statistics = _read(statistics_dir, layout.STATISTICS)
    metrics = _read(evaluation_dir, layout.METRICS)
    preprocessing = read_preprocessing(model_dir)
    calibration = read_calibration(model_dir)
    readout = calibration.get("readout") if calibration else None
    weights = recipe.get("initial_weights")
    if weights and weights not in NAMED_WEIGHTS:
        recipe["initial_weights"] = os.path.basename(weights)  # a file: its folder is private to who trained
    return {
        "name": recipe.get("name"),
        "recipe": {key: value for key, value in recipe.items() if key != "name"},
        "trained_on": [
            {
                "dataset": group["dataset"],
                "method": group["method"],
                "label": group["label"],
                "videos": group["videos_with_face"],
                "faces": group["faces"],
            }
            for group in statistics.get("groups", [])
            if group["split"] == "train"
        ],
        "calibration": calibration,
        "logit": READOUTS[readout] if readout else None,
        "preprocessing": preprocessing.as_dict() if preprocessing else None,
        "tested_on": [row for level in ("video", "frame") for row in _tested(metrics.get(level, {}), level)],
        "caveats": metrics.get("caveats", {}),
        "date": time.strftime("%Y-%m-%d"),
    }


def _read(folder: str | None, name: str) -> Json:
    """Read a JSON file of an artifact; {} if there is none."""
    path = os.path.join(folder or "", name)
    if not folder or not os.path.exists(path):
        return {}
    content: Json = read_json(path, "Run the step that made it again", max_bytes=1 << 30)
    return content


def _tested(of_level: Json, level: str) -> Iterator[Json]:
    """Yield a row per data set, and one per method in it."""
    for dataset, whole in of_level.get("datasets", {}).items():
        for method, part in ((None, whole), *whole["methods"].items()):
            figures = {key: dict(part["logit"][key]) for key in FIGURES}  # value, low, high, reason
            counts = {"real": part["real"], "fake": part["fake"]}
            yield {"dataset": dataset, "method": method, "level": level} | counts | figures
