"""What sections of the report show: plots of data sets and calibration, with legends."""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict

import numpy as np
from scipy.special import expit

from evaluation.columns import Column, encode
from evaluation.report import curves, plots
from evaluation.report.tables import Notes
from evaluation.results import Metrics, Thresholds
from evaluation.vocabulary import SCORES, VIDEO_FIRST, Level, ScoreName

_SCORE_COLORS = {"logit": "ink", "center_similarity": "c6"}
_PLURAL = {"video": "videos", "frame": "frames"}
_OF = {"video": "for videos by {video_rule}", "frame": "for frames"}
_NOT_FINITE = "the model gave NaN or infinite scores"


class FixedCell(TypedDict):
    """A number that was fixed on validation; None with a reason and the number of its footnote."""

    value: float | None
    reason: str | None
    note: int | None


class FixedRow(TypedDict):
    """The thresholds of one level, by score, and its temperature."""

    level: Level
    cells: list[FixedCell]


class Validation(TypedDict):
    """What was fixed on the validation split."""

    rows: list[FixedRow]
    notes: list[str]
    plots: list[plots.Plot]


class _Part(NamedTuple):
    """What the plots need of the rows of a data set.

    Attributes:
        label: 0 or 1, [n].
        scores: float [n] each.
        probability: of fake, float [n].
        method: codes, int32 [n].
        methods: name of a method with fakes -> its code.
    """

    label: np.ndarray
    scores: dict[ScoreName, np.ndarray]
    probability: np.ndarray
    method: np.ndarray
    methods: dict[str, int]


def palette(metrics: Metrics) -> dict[str, str]:
    """Return the name of each method's colour, the same in the whole page."""
    methods = {method for group in metrics["frame"]["datasets"].values() for method in group["methods"]}
    return {method: f"c{number % 8}" for number, method in enumerate(sorted(methods), 2)}


def of_dataset(
    number: int,
    dataset: str,
    metrics: Metrics,
    by_level: Mapping[Level, Mapping[str, Column] | None],
    colors: Mapping[str, str],
) -> list[plots.Plot]:
    """Draw the plots of a data set.

    Args:
        number: of the data set, for the plots' names.
        dataset: its name.
        metrics: thresholds and temperatures are used.
        by_level: predictions at each level, or None.
        colors: of `palette`.
    """
    parts = {level: _part(columns, dataset) for level, columns in by_level.items() if columns}
    thresholds: Thresholds = metrics["thresholds"]
    name = f"d{number}"
    result = [_roc(f"{name}-roc", dataset, parts), _roc_by_method(f"{name}-log", dataset, parts, colors)]
    for score in SCORES:
        threshold = thresholds["frame"][score]
        result.append(_histogram(f"{name}-{score}", dataset, parts["frame"], score, threshold, colors))
    for level, part in parts.items():
        title, temperature = f"Reliability, {_PLURAL[level]}", _temperature(metrics, level)
        result.append(
            _reliability(
                f"{name}-{level}", title, dataset, part.label, part.scores["logit"], part.probability, temperature
            )
        )
    return result


def _temperature(metrics: Metrics, level: Level) -> float | None:
    return metrics["temperature"][level] if metrics["temperature"] else None


def of_validation(by_level: Mapping[Level, Mapping[str, Column]], metrics: Metrics) -> Validation:
    """Show what was fixed on the validation split, whose predictions are given by level."""
    thresholds = metrics["thresholds"]
    notes, rows, drawn = Notes(), list[FixedRow](), list[plots.Plot]()
    for level in VIDEO_FIRST:
        temperature = _temperature(metrics, level)
        cells = [_fixed(thresholds[level][score], thresholds["reason"], notes) for score in SCORES]
        cells.append(_fixed(temperature, f"the model holds no temperature {_OF[level].format(**metrics)}", notes))
        rows.append({"level": level, "cells": cells})
        columns = by_level.get(level)
        if columns:
            drawn.append(
                _reliability(
                    f"v-{level}",
                    f"Reliability, validation {_PLURAL[level]}",
                    f"the validation {_PLURAL[level]}",
                    columns["label"],
                    columns["logit"],
                    columns["fake_probability"],
                    temperature,
                )
            )
    return {"rows": rows, "notes": notes.texts, "plots": drawn}


def _fixed(value: float | None, reason: str | None, notes: Notes) -> FixedCell:
    note = notes.number(reason) if value is None and reason else None
    return {"value": value, "reason": reason, "note": note}


def _part(columns: Mapping[str, Column], dataset: str) -> _Part:
    codes, names = encode(columns["dataset"])
    rows = np.isin(codes, np.flatnonzero(names == dataset))
    label = columns["label"][rows]
    codes, names = encode(columns["method"])
    method = codes[rows]
    found = np.unique(method[label == 1])  # in alphabetical order, as the codes are
    return _Part(
        label=label,
        scores={score: columns[score][rows] for score in SCORES},
        probability=columns["fake_probability"][rows],
        method=method,
        methods={names[code]: code for code in found},
    )


def _why_no_curve(label: np.ndarray, score: np.ndarray) -> str | None:
    """Say why there is no curve of these rows, or None."""
    if not len(label):
        return "no rows"
    if label.min() == label.max():
        return f"only {'fakes' if label[0] else 'reals'}"
    return _NOT_FINITE if np.isnan(score).any() else None


def _roc(name: str, dataset: str, parts: Mapping[Level, _Part]) -> plots.Plot:
    lines, legend, reasons = [], [], []
    for level, part in parts.items():
        for score, about in SCORES.items():
            why = _why_no_curve(part.label, part.scores[score])
            if why:
                reasons.append(why)
                continue
            color, dashed = _SCORE_COLORS[score], level == "frame"
            lines.append(plots.RocLine(*curves.roc(part.label, about.sign * part.scores[score]), color, dashed))
            legend.append(plots.Key(f"{about.title}, {_PLURAL[level]}", color, dashed))
    if not lines:
        return plots.Plot("ROC", why=reasons[0])
    return plots.Plot("ROC", plots.roc(name, lines, f"ROC curves of {dataset}, by level and score"), legend)


def _roc_by_method(name: str, dataset: str, parts: Mapping[Level, _Part], colors: Mapping[str, str]) -> plots.Plot:
    level, part = next(iter(parts.items()))  # videos, if they are there
    several = part.methods if len(part.methods) > 1 else {}
    title = f"ROC{' by method' if several else ''}, {_PLURAL[level]}, logarithmic"
    logit = part.scores["logit"]
    why = _why_no_curve(part.label, logit)
    if why:
        return plots.Plot(title, why=why)
    lines = [plots.RocLine(*curves.roc(part.label, logit, log=True), "ink")]
    legend = [plots.Key("all fakes", "ink")]
    for method, code in several.items():
        rows = (part.label == 0) | (part.method == code)
        lines.append(plots.RocLine(*curves.roc(part.label[rows], logit[rows], log=True), colors[method]))
        legend.append(plots.Key(method, colors[method]))
    description = f"ROC curves of {dataset} on a logarithmic false-positive axis, by method"
    return plots.Plot(title, plots.roc(name, lines[::-1], description, log=True), legend)


def _histogram(
    name: str, dataset: str, part: _Part, score: ScoreName, threshold: float | None, colors: Mapping[str, str]
) -> plots.Plot:
    about = SCORES[score]
    title = f"Scores, frames: {about.title}"
    values, fake = part.scores[score], part.label == 1
    edges = curves.edges_of(values)
    if edges is None:
        return plots.Plot(title, why="no finite scores")
    classes, legend = [], []
    for text, rows in (("real", ~fake), ("fake", fake)):
        if rows.any():
            classes.append(plots.ScoreClass(curves.histogram(values[rows], edges), text, filled=True))
            legend.append(plots.Key(text, text))
    for method, code in part.methods.items() if len(part.methods) > 1 else ():
        counts = curves.histogram(values[fake & (part.method == code)], edges)
        classes.append(plots.ScoreClass(counts, colors[method], filled=False))
        legend.append(plots.Key(method, colors[method]))
    if threshold is not None and edges[0] <= threshold <= edges[-1]:
        legend.append(plots.Key("threshold fixed on validation", "ink", dashed=True))
    description = f"Histogram of {dataset}: {about.title}, reals and fakes"
    svg = plots.histogram(name, edges, classes, description, axis=about.axis, threshold=threshold)
    return plots.Plot(title, svg, legend)


def _reliability(
    name: str,
    title: str,
    of: str,
    label: np.ndarray,
    logit: np.ndarray,
    served: np.ndarray,
    temperature: float | None,
) -> plots.Plot:
    """Draw the reliability of the served probabilities, float [n], and of those before the temperature."""
    if not len(served) or np.isnan(served).any():
        return plots.Plot(title, why=_NOT_FINITE if len(served) else "no rows")
    lines, legend = [], []
    if temperature is not None:
        lines.append(plots.ReliabilityLine(curves.reliability(label, expit(logit)), "c6", dashed=True))
        legend.append(plots.Key("before temperature", "c6", dashed=True))
    lines.append(plots.ReliabilityLine(curves.reliability(label, served), "ink"))
    legend.append(plots.Key("no temperature fitted" if temperature is None else f"after, T = {temperature:.3f}", "ink"))
    return plots.Plot(title, plots.reliability(name, lines, f"Reliability diagram of {of}"), legend)
