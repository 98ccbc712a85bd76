"""From faces to videos: what a video's score is.

A video is identified by its `video_id`, which holds its data set and method: the same file name under four methods is
four videos.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from artifacts.errors import InputError
from evaluation.columns import Column, encode
from evaluation.results import Temperature
from evaluation.vocabulary import SCORES, VideoRule
from model.video_logits import SortedRows, changes, join, sort_rows


def videos_of(
    columns: Mapping[str, Column], rule: VideoRule = "mean_logit", temperature: Temperature | None = None
) -> dict[str, np.ndarray]:
    """Aggregate faces to videos.

    The frames of a track, and the tracks of a video, are joined by `model.video_logits.join`. The similarities are
    joined by the same rule, a low one speaking for a fake, except that "mean_probability" takes their mean.

    Args:
        columns: one row per frame and track, in any order; see `evaluation.columns`.
        rule: how the frames of a track are joined.
        temperature: of frames, and of videos by this rule; None for 1.

    Returns:
        Columns, one row per video, in the order of their ids: `video_id, dataset, method` (str objects), `label`
        (int8), `frames` (int64; rows), `logit, center_similarity, fake_probability` (float64). The probability is
        sigmoid(logit / T) with the `divisor` T. One frame with a NaN or infinite score makes that score of its video
        NaN.

    Raises:
        ValueError: an unknown rule.
        InputError: a video's rows differ in label, data set or method, or a face occurs twice.
    """
    video, ids = encode(columns["video_id"])
    rows = sort_rows(video, columns["track"], columns["frame_index"])
    _check_once(columns, video, ids, rows)
    result = {"video_id": ids} | _of_videos(columns, video, rows.order[rows.videos], ids)
    result["frames"] = np.diff(np.append(rows.videos, len(rows.order)))
    frame_temperature = float(temperature["frame"]) if temperature else 1.0
    for name, about in SCORES.items():
        score = about.sign * columns[name][rows.order]
        not_finite = ~np.isfinite(score)
        score[not_finite] = 0
        of_score: VideoRule = rule
        if rule == "mean_probability" and not about.has_probability:
            of_score = "mean_logit"
        result[name] = about.sign * join(score, rows, of_score, frame_temperature)
        result[name][video[rows.order[not_finite]]] = np.nan
    return result | {"fake_probability": expit(result["logit"] / divisor(rule, temperature))}


def divisor(rule: VideoRule, temperature: Temperature | None) -> float:
    """Return what a video's logit is divided by to give its probability.

    It is the temperature of videos. Where the model has none for the rule, it is 1, except that the probability of
    "mean_probability" is then the plain mean of the frames' probabilities.
    """
    if temperature is None:
        return 1.0
    if temperature["video"] is not None:
        return float(temperature["video"])
    return float(temperature["frame"]) if rule == "mean_probability" else 1.0


def _check_once(columns: Mapping[str, Column], video: np.ndarray, ids: np.ndarray, rows: SortedRows) -> None:
    """Check that no face occurs twice; `video` is the number of each row's video among `ids`."""
    frame_index, order = columns["frame_index"], rows.order
    same = ~changes(frame_index[order])
    same[rows.tracks] = False
    if same.any():
        row = order[np.argmax(same)]
        raise InputError(
            f"{ids[video[row]]}: frame {frame_index[row]}, track {columns['track'][row]} occurs twice. A face must "
            "count once: predict again into an empty folder"
        )


def _of_videos(
    columns: Mapping[str, Column], video: np.ndarray, one_row: np.ndarray, ids: np.ndarray
) -> dict[str, np.ndarray]:
    """Return data set, method and label of each video, which all its rows must share.

    Args:
        columns: of the rows.
        video: number of each row's video, int [n].
        one_row: a row of each video, int [videos].
        ids: of the videos.
    """
    result = {}
    for name in ("label", "dataset", "method"):
        if name == "label":
            codes, names = np.asarray(columns[name], np.int8), None
        else:
            codes, names = encode(columns[name])
        of_video = codes[one_row]
        differs = codes != of_video[video]
        if differs.any():
            row = int(np.argmax(differs))
            found = (codes[row], of_video[video[row]])
            values = sorted({str(code if names is None else names[code]) for code in found})
            raise InputError(
                f"{ids[video[row]]}: its rows differ in {name}: {' and '.join(values)}. A video_id must name one video "
                "only, over all data sets and methods: list the videos again"
            )
        result[name] = of_video if names is None else names[of_video]
    return {name: result[name] for name in ("dataset", "method", "label")}
