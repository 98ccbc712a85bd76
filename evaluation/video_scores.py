"""From faces to videos: what a video's score is.

A video is identified by its `video_id`, which holds its data set and method: the same file name under four methods is
four videos.
"""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit, log_expit

from artifacts.errors import InputError
from evaluation.columns import Column, encode
from evaluation.results import Temperature
from evaluation.vocabulary import SCORES, VIDEO_RULES, VideoRule


def videos_of(
    columns: Mapping[str, Column], rule: VideoRule = "mean_logit", temperature: Temperature | None = None
) -> dict[str, np.ndarray]:
    """Aggregate faces to videos.

    A rule joins the frames of one track: the mean or the median of the logits, the highest logit, or the mean of the
    frames' fake probabilities, kept as log-odds so that saturated videos stay in order. The similarities are joined by
    the same rule, except that "mean_probability" takes their mean and "max_logit" their minimum. A video with several
    tracks gets the logit of its highest track and the similarity of its least similar one: a video is fake if
    one of its faces is.

    Args:
        columns: one row per frame and track, in any order; see `evaluation.columns`.
        rule: how the frames of a track are joined.
        temperature: what the logits are divided by, by level; None for 1.

    Returns:
        Columns, one row per video, in the order of their ids: `video_id, dataset, method` (str objects), `label`
        (int8), `frames` (int64; rows), `logit, center_similarity, fake_probability` (float64). The probability is
        sigmoid(logit / T) with the videos' temperature T. By the rule "mean_probability" it is the mean of the frames'
        probabilities, whose logits are divided by the frames' temperature, and the logit is T times its log-odds. One
        frame with a NaN or infinite score makes that score of its video NaN.

    Raises:
        ValueError: an unknown rule.
        InputError: a video's rows differ in label, data set or method, or a face occurs twice.
    """
    if rule not in VIDEO_RULES:
        raise ValueError(f"rule must be one of {tuple(VIDEO_RULES)}. Received: {rule!r}")
    video, ids = encode(columns["video_id"])
    track, frame_index = columns["track"], columns["frame_index"]
    order = np.lexsort((frame_index, track, video))
    first, begins = _segments(video, track, order, ids, frame_index)
    result = {"video_id": ids} | _of_videos(columns, video, order[first], ids)
    result["frames"] = np.diff(np.append(first, len(order)))
    frame_t = temperature["frame"] if temperature else 1.0
    video_t = temperature["video"] if temperature else 1.0
    first_tracks = np.searchsorted(begins, first)  # of each video, among the tracks
    for name, about in SCORES.items():
        score = about.sign * columns[name][order]
        not_finite = ~np.isfinite(score)
        score[not_finite] = 0
        if rule == "mean_probability" and about.has_probability:
            joined = float(video_t) * _log_odds(score / np.float64(frame_t), begins)
        else:
            joined = _join(score, begins, rule)
        highest = np.maximum.reduceat(joined, first_tracks) if len(first_tracks) else joined
        result[name] = about.sign * highest
        result[name][video[order[not_finite]]] = np.nan
    return result | {"fake_probability": expit(result["logit"] / float(video_t))}


def _segments(
    video: np.ndarray, track: np.ndarray, order: np.ndarray, ids: np.ndarray, frame_index: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find where videos and where tracks begin in the sorted rows: int64 [videos], [tracks]."""
    new_video = _changes(video[order])
    new_track = new_video | _changes(track[order])
    same = ~(new_track | _changes(frame_index[order]))
    if same.any():
        row = order[np.argmax(same)]
        raise InputError(
            f"{ids[video[row]]}: frame {frame_index[row]}, track {track[row]} occurs twice. A face must count once: "
            "predict again into an empty folder"
        )
    return np.flatnonzero(new_video), np.flatnonzero(new_track)


def _changes(values: np.ndarray) -> np.ndarray:
    """Tell which values differ from the one before; bool [n]."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]


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


def _join(score: np.ndarray, begins: np.ndarray, rule: VideoRule) -> np.ndarray:
    """Join scores that are sorted by track, which start at `begins`, to one per track, float64 [tracks]."""
    if not len(begins):
        return np.empty(0)
    count = np.diff(np.append(begins, len(score)))
    if rule == "max_logit":
        return np.maximum.reduceat(score, begins).astype(np.float64)
    if rule == "median_logit":
        track = np.repeat(np.arange(len(begins)), count)
        score = score[np.lexsort((score, track))].astype(np.float64)
        middle: np.ndarray = (score[begins + (count - 1) // 2] + score[begins + count // 2]) / 2
        return middle
    return np.add.reduceat(score, begins, dtype=np.float64) / count


def _log_odds(logit: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return the log-odds of the mean of sigmoid(logit) per track, float64; exact even where the mean rounds to 1."""
    if not len(begins):
        return np.empty(0)
    fake = np.logaddexp.reduceat(log_expit(logit), begins)
    real = np.logaddexp.reduceat(log_expit(-logit), begins)
    odds: np.ndarray = fake - real
    return odds
