"""Faces for the report: the surest hits and the worst mistakes of each data set, with heat maps."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from artifacts.predictions import Columns
from evaluation.columns import Column, encode, plain_texts, take
from evaluation.crops import read_crops
from evaluation.report.panels import Kind, ShownFace
from model.served import load_signature

BATCH = 16  # faces at a time: gradients take memory


def choose(columns: Mapping[str, Column], each: int) -> dict[int, Kind]:
    """Choose faces of different videos to show.

    Per data set these are the surest hits, in turns of reals and each method's fakes, and the worst mistakes.

    Args:
        columns: one row per face; see `evaluation.columns`.
        each: how many hits, and how many mistakes, per data set.

    Returns:
        Row number -> whether the model called the face correctly.
    """
    dataset, names = encode(columns["dataset"])
    method, _ = encode(columns["method"])
    video, _ = encode(columns["video_id"])
    sure, right = np.abs(columns["logit"]), (columns["logit"] > 0) == (columns["label"] == 1)
    kinds: dict[Kind, np.ndarray] = {"hit": right, "mistake": ~right}
    chosen: dict[int, Kind] = {}
    for code in range(len(names)):
        for kind, of_kind in kinds.items():
            rows = np.flatnonzero((dataset == code) & of_kind)
            rows = rows[np.argsort(-sure[rows], kind="stable")]
            rows = rows[np.sort(np.unique(video[rows], return_index=True)[1])]  # the surest of each video, in order
            if kind == "hit":  # the surest real, the surest of each method, then the second of each, ...
                rows = rows[np.lexsort((columns["label"][rows], _turns(method[rows])))]
            chosen |= dict.fromkeys(rows[:each].tolist(), kind)
    return chosen


def _turns(values: np.ndarray) -> np.ndarray:
    """Return for each place how many equal values come before it; int64 [n]."""
    seen: dict[int, int] = {}
    turns = np.empty(len(values), np.int64)
    for place, value in enumerate(values.tolist()):
        turns[place] = seen.get(value, 0)
        seen[value] = turns[place] + 1
    return turns


def show(
    chosen: Mapping[int, Kind], files: Sequence[str], folder: str, columns: Columns, saved_model: str
) -> list[ShownFace]:
    """Read the chosen faces, and compute what in them speaks for a fake.

    Args:
        chosen: of `choose`.
        files: the TFRecord files of the test split.
        folder: of the predictions that were made from them.
        columns: these predictions.
        saved_model: a SavedModel of this project.

    Raises:
        InputError: the SavedModel gives no heat maps, as it was exported by an earlier version.
    """
    heat_maps = load_signature(saved_model, "heat_maps")
    rows = np.array(sorted(chosen), np.int64)
    crops = read_crops(files, folder, "test", rows)
    parts = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
    heat = np.concatenate([heat_maps(tf.constant(part))["heat_map"].numpy() for part in parts])
    of_rows = plain_texts(take(columns, rows))
    return [
        {
            "crop": crops[k],
            "heat": heat[k],
            "label": int(of_rows["label"][k]),
            "probability": float(of_rows["fake_probability"][k]),
            "video_id": of_rows["video_id"][k],
            "frame_index": int(of_rows["frame_index"][k]),
            "dataset": of_rows["dataset"][k],
            "method": of_rows["method"][k],
            "kind": chosen[row],
        }
        for k, row in enumerate(rows.tolist())
    ]
