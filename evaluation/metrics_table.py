"""Figures as tables for people, at most 120 columns wide: the metrics, and the cross-data-set matrix."""

import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from artifacts.words import counted
from evaluation.results import AucMatrix, FigureValue, Group, Metrics, matrix_cells
from evaluation.vocabulary import (
    NO_FACE_POLICIES,
    READOUTS,
    VIDEO_FIRST,
    VIDEO_RULES,
    FigureKey,
    Level,
    ScoreName,
)

_WIDTH = 120
_WITH_INTERVAL = 21  # characters of a cell with an interval


class _Head(NamedTuple):
    """A column of the metrics' table; only the first one has intervals."""

    text: str
    level: Level
    score: ScoreName
    figure: FigureKey
    width: int


_COLUMNS = (
    _Head("video AUC [95 %]", "video", "logit", "auc", _WITH_INTERVAL),
    _Head("ACC", "video", "logit", "acc", 6),
    _Head("ACC val", "video", "logit", "acc_val", 7),
    _Head("EER", "video", "logit", "eer", 6),
    _Head("by centre", "video", "center_similarity", "auc", 9),
    _Head("frame AUC", "frame", "logit", "auc", 9),
    _Head("ACC", "frame", "logit", "acc", 6),
)


class TableRow(NamedTuple):
    """One row of the metrics' table: a method's fakes, or "all", with its figures at both levels."""

    dataset: str
    method: str
    levels: dict[Level, Group]


def table_rows(metrics: Metrics) -> Iterator[TableRow]:
    """Yield the rows of the table: each data set's methods and then all of it, at last all data sets together."""
    for dataset, group in metrics["video"]["datasets"].items():
        of_dataset = {level: metrics[level]["datasets"][dataset] for level in VIDEO_FIRST}
        for method in group["methods"]:
            yield TableRow(dataset, method, {level: of_dataset[level]["methods"][method] for level in VIDEO_FIRST})
        yield TableRow(dataset, "all", dict(of_dataset.items()))
    if len(metrics["video"]["datasets"]) > 1:
        yield TableRow("all", "all", {level: metrics[level]["all"] for level in VIDEO_FIRST})


def print_table(metrics: Metrics) -> None:
    """Print the main figures per data set and method, how they were computed, and why some are missing."""
    notes = (textwrap.fill(note, _WIDTH, subsequent_indent="  ") for note in _notes(metrics))
    print("", *_lines(metrics), *notes, "", sep="\n")


def print_matrix(matrix: AucMatrix) -> None:
    """Print the matrix as a table: a row per model, a column per data set, each cell with its interval."""
    width = max(len(name) for name in (*matrix["models"], "model"))
    print(f"\n{matrix['level']} AUC [95 %]: a row for each model, a column for each data set it was tested on")
    print(" ".join([f"{'model':{width}}", *(f"{name:>{_WITH_INTERVAL}}" for name in matrix["datasets"])]))
    reasons = []
    for number, name in enumerate(matrix["models"]):
        cells = matrix_cells(matrix, number)
        print(" ".join([f"{name:{width}}", *(f"{_with_interval(cell):>{_WITH_INTERVAL}}" for cell in cells)]))
        for dataset, cell in zip(matrix["datasets"], cells, strict=True):
            reasons.append((cell["reason"], f"{name} on {dataset}"))
    for reason, where in _by_reason(reasons).items():
        print(f"none or no interval: {reason}: {', '.join(where)}")
    print()


def _lines(metrics: Metrics) -> Iterator[str]:
    heads = (f"{head.text:>{head.width}}" for head in _COLUMNS)
    yield f"{'data set':14} {'fakes':10} {' '.join(heads)}  {'videos':>15}"
    for dataset, method, levels in table_rows(metrics):
        cells = []
        for head in _COLUMNS:
            figure = levels[head.level][head.score][head.figure]
            text = _with_interval(figure) if head.width == _WITH_INTERVAL else _value(figure)
            cells.append(f"{text:>{head.width}}")
        video = levels["video"]
        known = video["coverage"]
        count = f"{known['judged']}/{known['listed']}" if known else str(video["real"] + video["fake"])
        yield f"{_cut(dataset, 14):14} {_cut(method, 10):10} {' '.join(cells)}  {count:>15}"


def _value(figure: FigureValue) -> str:
    return "none" if figure["value"] is None else f"{figure['value']:.4f}"


def _with_interval(figure: FigureValue) -> str:
    if figure["value"] is None:
        return "none"
    bounds = "      -       " if figure["low"] is None else f"[{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['value']:.4f} {bounds}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _by_reason(cells: Iterable[tuple[str | None, str]]) -> dict[str, list[str]]:
    """Group the places of cells, each named once, by the reason why they are incomplete."""
    places: dict[str, list[str]] = {}
    for reason, place in cells:
        if reason and place not in places.setdefault(reason, []):
            places[reason].append(place)
    return places


def _notes(metrics: Metrics) -> Iterator[str]:
    cells = (
        (levels[head.level][head.score][head.figure]["reason"], f"{dataset} {method}")
        for dataset, method, levels in table_rows(metrics)
        for head in _COLUMNS
    )
    thresholds = metrics["thresholds"]
    for reason, names in _by_reason(cells).items():
        more = f" ({thresholds['reason']})" if "threshold" in reason and thresholds["reason"] else ""
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        yield f"none or no interval: {reason}{more}: {shown}"
    made = metrics["bootstrap"]
    count = f"{made['resamples']:,} resamples"
    if 0 < made["fewest"] < made["resamples"]:
        count += f" (fewer for large groups, down to {made['fewest']:,})"
    yield f"{VIDEO_RULES[metrics['video_rule']]} {NO_FACE_POLICIES[metrics['no_face']]} Videos: in the figures/listed."
    readout = metrics.get("readout")
    if readout:
        yield READOUTS[readout]
    yield f"95 % intervals: bootstrap over videos, {count}. ACC val: at the threshold fixed on validation."
    for dataset, reasons in sorted(metrics.get("left_out", {}).items()):
        for reason, films in reasons.items():
            yield f"NOTE on {dataset}: {counted(films, 'video')} not coded again: {reason}."
    for dataset in sorted(metrics.get("caveats", {}).keys() & metrics["video"]["datasets"].keys()):
        yield f"NOTE on {dataset}: {metrics['caveats'][dataset]}"
