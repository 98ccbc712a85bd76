"""The metrics as the tables of the report: their rows in order, and footnotes that say why figures are missing."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypedDict

from evaluation.results import (
    AucMatrix,
    ComparisonRow,
    Coverage,
    DatasetGroup,
    FigureValue,
    Group,
    LevelFigures,
    Metrics,
    matrix_cells,
)
from evaluation.vocabulary import AUC_FIRST, FIGURES, SCORES, VIDEO_FIRST, FigureKey, Level, ScoreName

COVERAGE = {"listed": "listed", "decoded": "decoded", "with_face": "with a face", "judged": "in the figures"}


class Cell(FigureValue):
    """A figure in a table; `note` is the number of its footnote, or None."""

    note: int | None


class FigureCell(Cell):
    """A cell of the table of all figures."""

    key: FigureKey


class FiguresRow(TypedDict):
    """A method's fakes against the reals of their data set; `method` and `dataset` are None for all."""

    dataset: str | None
    method: str | None
    real: int
    fake: int
    cells: list[FigureCell]  # in the order of `AUC_FIRST`


class FiguresTable(TypedDict):
    """The table of all figures at one level and by one score."""

    level: Level
    score: ScoreName
    rows: list[FiguresRow]
    notes: list[str]


class CoverageRow(TypedDict):
    """Numbers of videos, in the order of `COVERAGE`; None if they are not known."""

    dataset: str | None
    method: str | None
    counts: list[int] | None


class MatrixRow(TypedDict):
    """One model and its AUC on each data set."""

    name: str
    cells: list[Cell]


class MatrixTable(TypedDict):
    """The cross-data-set matrix."""

    datasets: list[str]
    level: Level
    rows: list[MatrixRow]
    notes: list[str]


class ComparedFigure(TypedDict):
    """One figure of this model and of the last blessed one; `outcome` says in words how this model did."""

    dataset: str | None
    method: str | None
    figure: str
    ours: float | None
    last: float | None
    difference: float | None
    low: float | None
    high: float | None
    outcome: str
    note: int | None


class ComparisonTable(TypedDict):
    """This model beside the last blessed one."""

    rows: list[ComparedFigure]
    notes: list[str]


class Notes:
    """Footnotes of a table: each text once, numbered from 1."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def number(self, text: str) -> int:
        """Return the number of the footnote with this text, which is added if it is new."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


class GroupRow(NamedTuple):
    """A group of rows of the metrics; `dataset` and `method` are None for all."""

    dataset: str | None
    method: str | None
    group: Group | DatasetGroup


def group_rows(level: LevelFigures) -> Iterator[GroupRow]:
    """Flatten one level of the metrics in the order of a table.

    The last row of a data set holds all its fakes, unless it has only one method; the very last row holds all data
    sets, if there are several.
    """
    for dataset, group in level["datasets"].items():
        for method, of_method in group["methods"].items():
            yield GroupRow(dataset, method, of_method)
        if len(group["methods"]) != 1:
            yield GroupRow(dataset, None, group)
    if len(level["datasets"]) > 1:
        yield GroupRow(None, None, level["all"])


def figures(metrics: Metrics) -> list[FiguresTable]:
    """Return the tables of all figures, one per level and score."""
    result: list[FiguresTable] = []
    for level in VIDEO_FIRST:
        for score in SCORES:
            notes = Notes()
            rows = [_figures_row(row, score, notes) for row in group_rows(metrics[level])]
            result.append({"level": level, "score": score, "rows": rows, "notes": notes.texts})
    return result


def _figures_row(row: GroupRow, score: ScoreName, notes: Notes) -> FiguresRow:
    cells: list[FigureCell] = []
    for key in AUC_FIRST:
        figure = row.group[score].get(key) or {"value": None, "low": None, "high": None, "reason": "not computed"}
        cells.append({**figure, "note": _note(figure, notes), "key": key})
    return {
        "dataset": row.dataset,
        "method": row.method,
        "real": row.group["real"],
        "fake": row.group["fake"],
        "cells": cells,
    }


def _note(figure: FigureValue, notes: Notes) -> int | None:
    complete = figure["value"] is not None and figure["low"] is not None
    return None if complete or not figure["reason"] else notes.number(figure["reason"])


def coverage(metrics: Metrics) -> list[CoverageRow]:
    """Return the rows of the coverage table; none if no coverage is known."""
    rows: list[CoverageRow] = [
        {"dataset": dataset, "method": method, "counts": _counts(group["coverage"])}
        for dataset, method, group in group_rows(metrics["video"])
    ]
    return rows if any(row["counts"] for row in rows) else []


def _counts(known: Coverage | None) -> list[int] | None:
    return [known["listed"], known["decoded"], known["with_face"], known["judged"]] if known else None


def matrix(found: AucMatrix) -> MatrixTable:
    """Return the cross-data-set matrix with its footnotes."""
    notes, rows = Notes(), list[MatrixRow]()
    for number, name in enumerate(found["models"]):
        cells: list[Cell] = [{**figure, "note": _note(figure, notes)} for figure in matrix_cells(found, number)]
        rows.append({"name": name, "cells": cells})
    return {"datasets": found["datasets"], "level": found["level"], "rows": rows, "notes": notes.texts}


def comparison(found: Sequence[ComparisonRow]) -> ComparisonTable:
    """Return the comparison with the last blessed model in words."""
    notes, rows = Notes(), list[ComparedFigure]()
    for row in found:
        by = "" if row["score"] == "logit" else f", by {SCORES[row['score']].title}"
        rows.append(
            {
                "dataset": None if row["dataset"] == "all" else row["dataset"],
                "method": row["method"],
                "figure": f"{row['level']} {FIGURES[row['key']].head}{by}",
                "ours": row["ours"],
                "last": row["last"],
                "difference": row["difference"],
                "low": row["low"],
                "high": row["high"],
                "outcome": _outcome(row),
                "note": notes.number(row["reason"]) if row["reason"] else None,
            }
        )
    return {"rows": rows, "notes": notes.texts}


def _outcome(row: ComparisonRow) -> str:
    if row["low"] is None or row["high"] is None:
        return "cannot be told"
    higher, lower = row["low"] > 0, row["high"] < 0
    better, worse = (lower, higher) if FIGURES[row["key"]].low_is_good else (higher, lower)
    if better:
        return "better"
    return "worse" if worse else "not clearly different"
