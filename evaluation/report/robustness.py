"""The report's section on robustness: curves per data set and method, and the same as a table."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from artifacts.words import counted
from evaluation.report import plots
from evaluation.results import LeftOut, RobustnessRow
from evaluation.vocabulary import CHANGES, VIDEO_FIRST, Changed, ChangeName, Level

_WHAT: dict[Changed, str] = {"crops": "changes of the crops", "films": "re-encoding of the films"}
_PLURAL = {"video": "videos", "frame": "frames"}

Curves = dict[ChangeName, dict[int, RobustnessRow]]  # by change and severity


class TableRow(TypedDict):
    """A row of the table: of a method, None for all fakes, under a change; its cells by severity."""

    method: str | None
    change: ChangeName
    unit: str
    cells: dict[int, RobustnessRow]


class Robustness(TypedDict):
    """The robustness on one data set: against changes of the crops, or of the films.

    Attributes:
        changed: the key of what is changed.
        title: what is changed, in words.
        real, fake: numbers of videos.
        plots: of all fakes at both levels, then of each method's videos.
        rows: of the table, for videos.
        severities: its columns.
        left_out: sentences on films that were not coded again.
    """

    changed: Changed
    title: str
    real: int
    fake: int
    plots: list[plots.Plot]
    rows: list[TableRow]
    severities: list[int]
    left_out: list[str]


def of_robustness(rows: Sequence[RobustnessRow], left_out: LeftOut | None = None) -> dict[str, list[Robustness]]:
    """Show the robustness on each data set; `left_out` are films that were not coded again."""
    found: dict[str, dict[Changed, list[RobustnessRow]]] = {}
    for row in rows:
        found.setdefault(row["dataset"], {}).setdefault(CHANGES[row["change"]].of, []).append(row)
    for dataset in left_out or ():
        found.setdefault(dataset, {}).setdefault("films", [])
    return {
        dataset: [
            {
                **_robustness(f"r{number}-{changed}", dataset, changed, of),
                "left_out": _sentences((left_out or {}).get(dataset, {})) if changed == "films" else [],
            }
            for changed, of in found[dataset].items()
        ]
        for number, dataset in enumerate(sorted(found))
    }


def _sentences(reasons: Mapping[str, int]) -> list[str]:
    return [f"{counted(count, 'video')} not coded again: {reason}." for reason, count in reasons.items()]


def _robustness(name: str, dataset: str, changed: Changed, rows: Sequence[RobustnessRow]) -> Robustness:
    curves: dict[str | None, Curves] = {}
    for row in rows:
        curves.setdefault(row["method"], {}).setdefault(row["change"], {})[row["severity"]] = row
    drawn = [
        _plot(f"{name}-{number}-{level}", dataset, method, changed, of_method, level)
        for number, (method, of_method) in enumerate(curves.items())
        for level in (VIDEO_FIRST if method is None else VIDEO_FIRST[:1])
    ]
    return {
        "changed": changed,
        "title": _WHAT[changed],
        "real": rows[0]["real"] if rows else 0,
        "fake": rows[0]["fake"] if rows else 0,
        "plots": drawn,
        "rows": [
            {"method": method, "change": change, "unit": CHANGES[change].unit, "cells": cells}
            for method, of_method in curves.items()
            for change, cells in of_method.items()
        ],
        "severities": sorted({row["severity"] for row in rows}),
        "left_out": [],
    }


def _plot(name: str, dataset: str, method: str | None, changed: Changed, curves: Curves, level: Level) -> plots.Plot:
    lines, legend = [], []
    for number, (change, by_severity) in enumerate(curves.items()):
        aucs = {
            severity: row["video_auc"] if level == "video" else row["frame_auc"]
            for severity, row in sorted(by_severity.items())
        }
        known = {severity: auc for severity, auc in aucs.items() if auc is not None}
        if known:
            lines.append(plots.RobustnessLine(list(known), list(known.values()), f"c{number % 8}"))
            legend.append(plots.Key(change, f"c{number % 8}"))
    title = f"AUC of {_PLURAL[level]} under {_WHAT[changed]}{f', {method}' if method else ''}"
    if not lines:
        reasons = {row["reason"] for by_severity in curves.values() for row in by_severity.values() if row["reason"]}
        return plots.Plot(title, why="; ".join(sorted(reasons)) or "no AUC could be computed")
    return plots.Plot(title, plots.robustness(name, lines, f"{title}, {dataset}", level=level), legend)
