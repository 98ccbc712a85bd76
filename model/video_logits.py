"""From the logits of frames to one per video: the video rules, for calibration, evaluation and verdicts alike."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import log_expit

from artifacts.video_rules import VIDEO_RULES, Faces, VideoRule


class SortedRows(NamedTuple):
    """The order of n rows by video, track and frame, and where each video and track begins in it.

    Attributes:
        order: the rows, int64 [n].
        videos: place of each video's first row in that order, int64 [videos].
        tracks: place of each track's first row in that order, int64 [tracks].
    """

    order: np.ndarray
    videos: np.ndarray
    tracks: np.ndarray


def sort_rows(video: np.ndarray, track: np.ndarray, frame_index: np.ndarray) -> SortedRows:
    """Sort rows; all arguments are integers [n], and `video` is a number of the video."""
    order = np.lexsort((frame_index, track, video))
    new_video = changes(video[order])
    new_track = new_video | changes(track[order])
    return SortedRows(order, np.flatnonzero(new_video), np.flatnonzero(new_track))


def changes(values: np.ndarray) -> np.ndarray:
    """Tell which values differ from the one before; bool [n], the first is True."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]


def join(
    score: np.ndarray, rows: SortedRows, rule: VideoRule, frame_temperature: float = 1.0, faces: Faces = "all"
) -> np.ndarray:
    """Join the scores of frames to one per video.

    A rule joins the frames of one track: their mean, their median, the highest, or for "mean_probability" the logit
    whose probability, sigmoid(logit / T), is the mean of the frames' probabilities at the frames' temperature T, kept
    as log-odds so that saturated videos stay in order. Every rule gives a track of a single frame the score of that
    frame. A video gets the score of its highest track: it is fake if one of its faces is.

    Args:
        score: finite, float [n], sorted by `rows.order`; a higher one speaks for a fake.
        rows: of these scores.
        rule: how the frames of a track are joined.
        frame_temperature: T; only "mean_probability" depends on it.
        faces: "main": of each video the first track only, which is its most prominent person.

    Returns:
        float64 [videos].

    Raises:
        ValueError: an unknown rule.
    """
    if rule not in VIDEO_RULES:
        raise ValueError(f"rule must be one of {tuple(VIDEO_RULES)}. Received: {rule!r}")
    if not len(score):
        return np.empty(0)
    joined = _of_tracks(score, rows.tracks, rule, frame_temperature)
    first = np.searchsorted(rows.tracks, rows.videos)  # of each video, among the tracks
    highest: np.ndarray = joined[first] if faces == "main" else np.maximum.reduceat(joined, first)
    return highest


def _of_tracks(score: np.ndarray, begins: np.ndarray, rule: VideoRule, frame_temperature: float) -> np.ndarray:
    """Join scores that are sorted by track, which start at `begins`, to one per track, float64 [tracks]."""
    count = np.diff(np.append(begins, len(score)))
    if rule == "mean_probability":
        return frame_temperature * _log_odds(score / np.float64(frame_temperature), begins)
    if rule == "max_logit":
        return np.maximum.reduceat(score, begins).astype(np.float64)
    if rule == "median_logit":
        track = np.repeat(np.arange(len(begins)), count)
        score = score[np.lexsort((score, track))].astype(np.float64)
        middle: np.ndarray = (score[begins + (count - 1) // 2] + score[begins + count // 2]) / 2
        return middle
    mean: np.ndarray = np.add.reduceat(score, begins, dtype=np.float64) / count
    return mean


def _log_odds(logit: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return the log-odds of the mean of sigmoid(logit) per track, float64; exact even where the mean rounds to 1."""
    fake = np.logaddexp.reduceat(log_expit(logit), begins)
    real = np.logaddexp.reduceat(log_expit(-logit), begins)
    odds: np.ndarray = fake - real
    return odds


class VideoLogits(NamedTuple):
    """One row per video.

    Attributes:
        label: 0 real, 1 fake, [videos].
        logit: fake minus real, float64 [videos].
    """

    label: np.ndarray
    logit: np.ndarray


def video_logits(
    columns: Mapping[str, np.ndarray],
    rule: VideoRule = "mean_logit",
    frame_temperature: float = 1.0,
    faces: Faces = "all",
) -> VideoLogits:
    """Join the faces of `model.scoring.score_examples` to videos.

    Args:
        columns: `video_id`, `label`, `frame/index`, `face/track` and a finite `logit`, one row per face.
        rule: see `join`.
        frame_temperature: see `join`.
        faces: see `join`.
    """
    rows = _rows_of(columns)
    logit = join(columns["logit"][rows.order], rows, rule, frame_temperature, faces)
    return VideoLogits(columns["label"][rows.order[rows.videos]], logit)


def videos_with_several_faces(columns: Mapping[str, np.ndarray]) -> int:
    """Count the videos with more than one track; `columns` as for `video_logits`."""
    rows = _rows_of(columns)
    return int(np.sum(np.diff(np.append(np.searchsorted(rows.tracks, rows.videos), len(rows.tracks))) > 1))


def _rows_of(columns: Mapping[str, np.ndarray]) -> SortedRows:
    video = np.unique(columns["video_id"].astype(str), return_inverse=True)[1]
    return sort_rows(video, columns["face/track"], columns["frame/index"])
