"""Faces for the report: the surest hits and the worst mistakes of each data set, with heat maps."""

import numpy as np
import tensorflow as tf

from artifacts.errors import InputError
from evaluation.crops import read_crops, take
from evaluation.video_scores import encode
from model.saved_model import load_signature

BATCH = 16  # faces at a time: gradients take memory


def choose(columns, each):
    """Choose faces of different videos: per data set `each` of the surest hits, in turns of reals and each method's fakes,
    and of the worst mistakes.

    Args:
        columns: of `artifacts.predictions.read_predictions`.

    Returns:
        {row: "hit" or "mistake"}.
    """
    dataset, names = encode(columns["dataset"])
    method, _ = encode(columns["method"])
    video, _ = encode(columns["video_id"])
    sure, right = np.abs(columns["logit"]), (columns["logit"] > 0) == (columns["label"] == 1)
    chosen = {}
    for code in range(len(names)):
        for kind, rows in (("hit", right), ("mistake", ~right)):
            rows = np.flatnonzero((dataset == code) & rows)
            rows = rows[np.argsort(-sure[rows], kind="stable")]
            rows = rows[np.sort(np.unique(video[rows], return_index=True)[1])]  # the surest of each video, in order
            if kind == "hit":  # the surest real, the surest of each method, then the second of each, ...
                rows = rows[np.lexsort((columns["label"][rows], _turns(method[rows])))]
            chosen |= {int(row): kind for row in rows[:each]}
    return chosen


def _turns(values):
    """For each place how many equal values come before it."""
    seen = {}
    turns = np.empty(len(values), np.int64)
    for place, value in enumerate(values.tolist()):
        turns[place] = seen.get(value, 0)
        seen[value] = turns[place] + 1
    return turns


def show(chosen, files, folder, columns, saved_model):
    """Fetch the chosen faces and what the model looked at when it called them fake.

    Args:
        chosen: of `choose`.
        files, folder: the TFRecord files, and the predictions that were written from them.
        saved_model: a SavedModel of ours.

    Returns:
        Dicts as `evaluation.report.panels.panels` takes them.

    Raises:
        InputError: the SavedModel gives no heat maps; those that were exported by earlier versions do not.
    """
    try:
        heat_maps = load_signature(saved_model, "heat_maps")
    except ValueError as error:
        raise InputError(str(error)) from error
    rows = np.array(sorted(chosen), np.int64)
    crops, of_rows = read_crops(files, folder, "test", rows), take(columns, rows)
    parts = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
    heat = np.concatenate([heat_maps(tf.constant(part))["heat_map"].numpy() for part in parts])
    names = ("label", "video_id", "frame_index", "dataset", "method")
    return [
        {name: of_rows[name][k] for name in names}
        | {"probability": float(of_rows["fake_probability"][k]), "kind": chosen[int(row)]}
        | {"crop": crops[k], "heat": heat[k]}
        for k, row in enumerate(rows)
    ]
