"""How much a detector's AUC suffers from changes, per data set and method: from the scores of a robustness sweep."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from evaluation.columns import Column, in_group
from evaluation.figures import compute
from evaluation.results import RobustnessRow
from evaluation.scores import Scores
from evaluation.video_scores import videos_of
from evaluation.vocabulary import CHANGES, ChangeName, VideoRule


class _Aucs(NamedTuple):
    """The AUC of some fakes against the reals of their data set; the fields are those of `RobustnessRow`."""

    dataset: str
    method: str | None
    real: int
    fake: int
    frame_auc: float | None
    video_auc: float | None
    reason: str | None


def robustness_rows(scores: Scores) -> list[RobustnessRow]:
    """Compute the AUC of everything that was scored in the sweep.

    Returns:
        One row for each data set, method, change and severity, in this order, among them severity 0, unchanged. All
        fakes of a data set come first, then, if it has several methods, those of each.
    """
    how, rows = scores.how, list[RobustnessRow]()
    for changed in sorted({CHANGES[name].of for name in how.robustness}):
        found = {step: _aucs(columns, how.video_rule) for step, columns in scores.of_changes(changed).items()}
        for name in how.robustness:
            steps = [(None, 0), *((name, severity) for severity, _ in enumerate(CHANGES[name].strengths, start=1))]
            if CHANGES[name].of == changed:
                rows += [_row(name, step[1], aucs) for step in steps if step in found for aucs in found[step]]
    place = {name: number for number, name in enumerate(how.robustness)}
    return sorted(rows, key=lambda row: (row["dataset"], row["method"] or "", place[row["change"]], row["severity"]))


def _row(change: ChangeName, severity: int, aucs: _Aucs) -> RobustnessRow:
    about = CHANGES[change]
    return {
        "change": change,
        "severity": severity,
        "strength": about.strengths[severity - 1] if severity else None,
        "unit": about.unit,
        "dataset": aucs.dataset,
        "method": aucs.method,
        "real": aucs.real,
        "fake": aucs.fake,
        "frame_auc": aucs.frame_auc,
        "video_auc": aucs.video_auc,
        "reason": aucs.reason,
    }


def _aucs(frames: Mapping[str, Column], video_rule: VideoRule) -> list[_Aucs]:
    """Compute the AUC at both levels, by data set and method."""
    videos, result = videos_of(frames, video_rule), list[_Aucs]()
    for dataset in np.unique(videos["dataset"]):
        fake = (videos["dataset"] == dataset) & (videos["label"] == 1)
        methods = np.unique(videos["method"][fake])
        for method in (None, *(methods if len(methods) > 1 else ())):
            frame_auc, reason = _auc(frames, dataset, method)
            video_auc, _ = _auc(videos, dataset, method)
            label = videos["label"][in_group(videos, dataset, method)]
            counts = int(np.sum(label == 0)), int(np.sum(label == 1))
            result.append(_Aucs(dataset, method, *counts, frame_auc, video_auc, reason))
    return result


def _auc(columns: Mapping[str, Column], dataset: str, method: str | None) -> tuple[float | None, str | None]:
    rows = in_group(columns, dataset, method)
    return compute(columns["label"][rows], columns["logit"][rows])["auc"]
