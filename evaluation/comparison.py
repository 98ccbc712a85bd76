"""A model beside the last blessed one: differences of figures on exactly the same faces, with intervals over videos.

Only faces that both models scored are compared, matched by video, frame and track; the others are counted. Both models
get the same resamples of videos, so what makes a video hard for both falls out of the difference.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evaluation.blessing import Threshold
from evaluation.columns import Column, Columns, encode, groups_of, in_group, take
from evaluation.figures import compute
from evaluation.intervals import paired_difference
from evaluation.results import ComparisonRow, Temperature, Thresholds
from evaluation.video_scores import videos_of
from evaluation.vocabulary import SCORES, Level, ScoreName, VideoRule


class _Scored(NamedTuple):
    """Rows of one model, as `figures.compute` takes them."""

    score: np.ndarray  # float [n]
    probability: np.ndarray | None  # float [n]
    threshold: float | None


def compare(
    frames: Columns,
    last_frames: Columns,
    thresholds: Sequence[Threshold],
    resamples: int = 1000,
    seed: int = 0,
    *,
    video_rule: VideoRule = "mean_logit",
    temperatures: tuple[Temperature | None, Temperature | None] = (None, None),
    fixed: tuple[Thresholds | None, Thresholds | None] = (None, None),
) -> list[ComparisonRow]:
    """Compare two models by the figures that thresholds ask for.

    Videos without a face do not take part, whatever they count as elsewhere: no model saw them.

    Args:
        frames: predictions of the model, one row per face; see `evaluation.columns`.
        last_frames: predictions of the last blessed model, likewise.
        thresholds: which figures; their bounds do not matter.
        resamples: see `evaluation.intervals`.
        seed: of the resamples.
        video_rule: see `evaluation.video_scores`.
        temperatures: of both models.
        fixed: both models' thresholds that were fixed on validation, for the figures that need one; None where there
            are none.

    Returns:
        One row per figure.
    """
    pair, rest = _shared(frames, last_frames)
    videos = [
        videos_of(columns, video_rule, temperature) for columns, temperature in zip(pair, temperatures, strict=True)
    ]
    kind = groups_of(videos[0])
    levels: dict[Level, tuple[np.ndarray, Sequence[Mapping[str, Column]]]] = {
        "frame": (encode(pair[0]["video_id"])[0], pair),
        "video": (np.arange(len(kind)), videos),
    }
    subjects = dict.fromkeys((each.dataset, each.method, each.level, each.metric, each.score) for each in thresholds)
    result: list[ComparisonRow] = []
    for dataset, method, level, key, score in subjects:
        video, both = levels[level]
        group = None if dataset == "all" else dataset, method
        rows = np.flatnonzero(in_group(videos[0], *group)[video])
        models = [
            _scored(columns, rows, score, known[level][score] if known else None)
            for columns, known in zip(both, fixed, strict=True)
        ]
        label, number = videos[0]["label"][video[rows]], np.unique(video[rows], return_inverse=True)[1]
        ours, last = (compute(label, *model)[key][0] for model in models)
        difference = paired_difference(
            label,
            number,
            models[0].score,
            models[1].score,
            key,
            resamples,
            seed,
            kind=kind[video[rows]],
            probability_a=models[0].probability,
            probability_b=models[1].probability,
            threshold_a=models[0].threshold,
            threshold_b=models[1].threshold,
        )
        result.append(
            {
                "dataset": dataset,
                "method": method,
                "level": level,
                "key": key,
                "score": score,
                "ours": ours,
                "last": last,
                "difference": difference["value"],
                "low": difference["low"],
                "high": difference["high"],
                "reason": difference["reason"],
                "left_out": sum(int(in_group(columns, *group).sum()) for columns in rest),
            }
        )
    return result


def _scored(columns: Mapping[str, Column], rows: np.ndarray, score: ScoreName, threshold: float | None) -> _Scored:
    about = SCORES[score]
    return _Scored(
        score=about.sign * columns[score][rows],
        probability=columns["fake_probability"][rows] if about.has_probability else None,
        threshold=None if threshold is None else about.sign * threshold,
    )


def _shared(frames: Columns, last_frames: Columns) -> tuple[list[Columns], list[Columns]]:
    """Match the faces of two models.

    Returns:
        (of each model the rows of faces that both have, in one order; of each the rows that only it has).
    """
    both = [frames, last_frames]
    face, last_face = _faces(*both)
    if np.array_equal(face, last_face):  # the same examples, scored in the same order
        return both, []
    shared = np.intersect1d(face, last_face, return_indices=True)[1:]
    rest = [
        np.setdiff1d(np.arange(len(columns["label"])), rows, assume_unique=True)
        for columns, rows in zip(both, shared, strict=True)
    ]
    return (
        [take(columns, rows) for columns, rows in zip(both, shared, strict=True)],
        [take(columns, rows) for columns, rows in zip(both, rest, strict=True)],
    )


def _faces(*tables: Columns) -> list[np.ndarray]:
    """Return a number for each row's face, the same in all tables: its video, frame and track as digits; int64 [n]."""
    encoded = [encode(columns["video_id"]) for columns in tables]
    known = np.unique(np.concatenate([names for _, names in encoded]))
    faces = [np.searchsorted(known, names).astype(np.int64)[code] for code, names in encoded]
    for digit in ("frame_index", "track"):
        span = 1 + max((int(columns[digit].max()) for columns in tables if len(columns[digit])), default=0)
        faces = [face * span + columns[digit] for face, columns in zip(faces, tables, strict=True)]
    return faces
