"""A model beside the last blessed one: differences of figures on the very same faces, with intervals over videos.

Only faces that both models scored are compared, matched by video, frame and track; the others are counted. Both models
get the same resamples of videos, so what makes a video hard for both falls out of the difference.
"""

import numpy as np
import pyarrow

from evaluation.figures import compute
from evaluation.intervals import paired_difference
from evaluation.metrics import SCORES
from evaluation.video_scores import encode, in_group, videos_of


def compare(
    frames,
    last_frames,
    thresholds,
    resamples=1000,
    seed=0,
    *,
    video_rule="mean_logit",
    temperatures=(None, None),
    fixed=(None, None),
):
    """Compare two models by the figures that thresholds are about.

    Args:
        frames, last_frames: predictions of the model and of the last blessed one, one row per face; see
            `artifacts.predictions`.
        thresholds: of `evaluation.blessing`; their bounds do not matter.
        resamples, seed: see `evaluation.intervals`.
        video_rule: see `evaluation.video_scores`.
        temperatures: of both models, {"frame": T, "video": T} or None.
        fixed: of both models, `thresholds` of `evaluation.metrics.evaluate`, for the figures that need one
            fixed on validation; None where there is none.

    Videos without a face are no part of this, whatever they count as elsewhere: no model saw them.

    Returns:
        Rows for JSON, one per figure: `dataset, method, level, key, score` say which; `ours` and `last` are the two
        models' values on the shared faces, `difference` is ours - last, `low` and `high` are the ends of its interval,
        each None where there is none, with the `reason`; `left_out` is the number of faces that only one model scored.
    """
    pair, rest = _shared(frames, last_frames)
    videos = [
        videos_of(columns, video_rule, temperature) for columns, temperature in zip(pair, temperatures, strict=True)
    ]
    kind = encode(videos[0]["dataset"])[0].astype(np.int64) << 32 | encode(videos[0]["method"])[0]
    levels = {"frame": (encode(pair[0]["video_id"])[0], pair), "video": (np.arange(len(kind)), videos)}
    subjects = dict.fromkeys((each.dataset, each.method, each.level, each.metric, each.score) for each in thresholds)
    result = []
    for dataset, method, level, key, score in subjects:
        video, both = levels[level]
        group = None if dataset == "all" else dataset, method
        rows = np.flatnonzero(in_group(videos[0], *group)[video])
        models = [
            _scores(columns, rows, score, (known or {}).get(level)) for columns, known in zip(both, fixed, strict=True)
        ]
        found = _difference(videos[0]["label"], kind, video[rows], models, key, resamples, seed)
        left_out = sum(in_group(table, *group).sum() for table in rest)
        subject = {"dataset": dataset, "method": method, "level": level, "key": key, "score": score}
        result.append(subject | found | {"left_out": int(left_out)})
    return result


def _difference(label, kind, video, models, key, resamples, seed):
    """One figure of two models on the same rows, and its difference; `label` and `kind` are of all videos, [videos]."""
    label, kind, number = label[video], kind[video], np.unique(video, return_inverse=True)[1]
    (ours, _), (last, _) = (compute(label, *model)[key] for model in models)
    (score_a, probability_a, threshold_a), (score_b, probability_b, threshold_b) = models
    options = {"kind": kind, "probability_a": probability_a, "probability_b": probability_b}
    options |= {"threshold_a": threshold_a, "threshold_b": threshold_b}
    found = paired_difference(label, number, score_a, score_b, key, resamples, seed, **options)
    return {"ours": ours, "last": last, "difference": found.pop("value"), **found}


def _scores(columns, rows, score, thresholds):
    """(score, probability or None, threshold or None) of some rows, as `figures.compute` takes them."""
    threshold = (thresholds or {}).get(score)
    probability = columns["fake_probability"][rows] if score == "logit" else None
    sign = SCORES[score]
    return sign * columns[score][rows], probability, None if threshold is None else sign * threshold


def _shared(frames, last_frames):
    """The rows of faces that both have, in one order, as two column dicts; and of each what only it has: `dataset,
    method, label`."""
    both = (frames, last_frames)
    faces = _faces(*both)
    if np.array_equal(*faces):  # the same examples, scored in the same order
        return both, ()
    shared = np.intersect1d(*faces, return_indices=True)[1:]
    rest = [
        np.setdiff1d(np.arange(len(face)), rows, assume_unique=True) for face, rows in zip(faces, shared, strict=True)
    ]
    alone = [_take(columns, rows) for columns, rows in zip(both, rest, strict=True)]
    for table in alone:
        for name in ("dataset", "method"):
            code, names = encode(table[name])
            table[name] = names[code]
    return [_take(columns, rows) for columns, rows in zip(both, shared, strict=True)], alone


def _faces(*tables):
    """A number of each row's face, the same in both tables: its video, frame and track as the digits; int64 [n] each."""
    encoded = [encode(table["video_id"]) for table in tables]
    known = np.unique(np.concatenate([names for _, names in encoded]))
    faces = [np.searchsorted(known, names).astype(np.int64)[code] for code, names in encoded]
    for digit in ("frame_index", "track"):
        span = 1 + max((int(table[digit].max()) for table in tables if len(table[digit])), default=0)
        faces = [face * span + table[digit] for face, table in zip(faces, tables, strict=True)]
    return faces


def _take(columns, rows):
    return {
        name: values.take(pyarrow.array(rows)) if isinstance(values, pyarrow.DictionaryArray) else values[rows]
        for name, values in columns.items()
    }
