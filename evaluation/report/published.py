"""The paper's Tables 1-3 with this run's figures beside the published ones."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, cast

from evaluation.report.evidence import Evidence, warning_of
from evaluation.report.tables import Notes
from evaluation.results import DatasetGroup, Group, Metrics
from evaluation.vocabulary import LEVELS, FigureKey, Level

FACEFORENSICS = ("df", "ff", "fs", "nt")
_NAMES = {"faceforensics": ("ffpp", "ff++", "faceforensics"), "dfdc": ("dfdc",), "celeb": ("celeb",)}
_TITLES = {"dfdc": "DFDC", "celeb": "Celeb-DF"}


class PublishedRow(TypedDict):
    """One method of a table of the paper: `values` by column and figure, and its number among the references."""

    name: str
    reference: int | None
    values: list[list[float]]


class PublishedTable(TypedDict):
    """A table of the paper; `columns` is key -> head."""

    name: str
    title: str
    columns: dict[str, str]
    figures: list[FigureKey]
    rows: list[PublishedRow]


class Published(TypedDict):
    """The contents of published.json."""

    source: str
    note: str
    tables: list[PublishedTable]


class Cell(TypedDict):
    """A figure of the paper, or of this run.

    Attributes:
        source: whose figure it is.
        value: None where there is none.
        reason: why not, or None.
        low, high: the interval of a measured figure, None where there is none.
        evidence: what a measured figure rests on; None without a figure, and for published ones, which do not say.
        warning: in two words, why a measured figure proves little, or None.
        note: number of the footnote with the reason or the warning, or None.
    """

    source: Literal["published", "measured"]
    value: float | None
    reason: str | None
    low: float | None
    high: float | None
    evidence: Evidence | None
    warning: str | None
    note: int | None


class Row(TypedDict):
    """A row of the paper, or of this run, with one cell per column and figure."""

    name: str
    reference: int | None
    source: Literal["published", "measured"]
    cells: list[Cell]


class Table(TypedDict):
    """A table of the paper, with the rows of this run at its end; `measured_on` says where its columns come from."""

    name: str
    title: str
    columns: dict[str, str]
    figures: list[FigureKey]
    rows: list[Row]
    notes: list[str]
    measured_on: dict[str, str]


class _Place(NamedTuple):
    """Where the metrics hold a column of the paper; `missing` says why they do not."""

    dataset: str = ""
    method: str | None = None
    missing: str | None = None


def load() -> Published:
    """Read the published figures."""
    return cast(Published, json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8")))


def beside(metrics: Metrics) -> list[Table]:
    """Put this run's figures into the paper's tables: one row per level at the end of each."""
    return [_with_this_run(table, metrics) for table in load()["tables"]]


def _with_this_run(table: PublishedTable, metrics: Metrics) -> Table:
    places = {key: _find(metrics, key) for key in table["columns"]}
    notes = Notes()
    rows: list[Row] = [
        {
            "name": row["name"],
            "reference": row["reference"],
            "source": "published",
            "cells": [_cell("published", value) for values in row["values"] for value in values],
        }
        for row in table["rows"]
    ]
    for level in LEVELS:
        cells = [
            _measured(metrics, level, place, figure, notes) for place in places.values() for figure in table["figures"]
        ]
        rows.append({"name": f"This run, {level}s", "reference": None, "source": "measured", "cells": cells})
    return {
        "name": table["name"],
        "title": table["title"],
        "columns": table["columns"],
        "figures": table["figures"],
        "rows": rows,
        "notes": notes.texts,
        "measured_on": {
            key: f"{place.dataset} / {place.method}" if place.method else place.dataset
            for key, place in places.items()
            if not place.missing
        },
    }


def _find(metrics: Metrics, key: str) -> _Place:
    of_faceforensics = key in FACEFORENSICS
    datasets = metrics["frame"]["datasets"]
    caveats = metrics.get("caveats", {})
    fitting = []
    for name in sorted(datasets, key=lambda name: (len(name), name)):
        kind = _kind(name, datasets[name]["methods"])
        has_method = kind == "faceforensics" and of_faceforensics and key in datasets[name]["methods"]
        if has_method or kind == key:
            fitting.append(name)
    for name in fitting:
        if name not in caveats:
            return _Place(name, key if of_faceforensics else None)
    subject = f"FaceForensics++ fakes of the method {key}" if of_faceforensics else f"{_TITLES[key]} data"
    if fitting:
        return _Place(missing=f"{subject} occur only in {fitting[0]}, whose figures carry a caveat")
    return _Place(missing=f"this run has no {subject}")


def _kind(name: str, methods: Collection[str]) -> str | None:
    """Return which of the paper's data sets this is, by its name, else by its methods; None for another one."""
    for kind, parts in _NAMES.items():
        if any(part in name.lower() for part in parts):
            return kind
    return "faceforensics" if set(FACEFORENSICS) & set(methods) else None


def _measured(metrics: Metrics, level: Level, place: _Place, key: FigureKey, notes: Notes) -> Cell:
    group, videos = _group(metrics, level, place), _group(metrics, "video", place)
    if group is None or videos is None or key not in group["logit"]:
        absent = place.missing or f"not computed at {level} level"
        return _cell("measured", reason=absent, note=notes.number(absent))
    figure = group["logit"][key]
    value, low, high, reason = figure["value"], figure["low"], figure["high"], figure["reason"]
    if value is None:
        return _cell("measured", reason=reason, note=notes.number(reason) if reason else None)
    evidence = Evidence(group["real"], group["fake"], videos["real"], videos["fake"])
    warning = warning_of(evidence, low, high)
    return _cell(
        "measured",
        value,
        low=low,
        high=high,
        evidence=evidence,
        warning=warning.short if warning else None,
        note=notes.number(warning.note) if warning else None,
    )


def _group(metrics: Metrics, level: Level, place: _Place) -> Group | DatasetGroup | None:
    """The figures of a column at one level, or None."""
    of_dataset = None if place.missing else metrics[level]["datasets"].get(place.dataset)
    return of_dataset["methods"].get(place.method) if of_dataset and place.method else of_dataset


def _cell(
    source: Literal["published", "measured"],
    value: float | None = None,
    *,
    reason: str | None = None,
    low: float | None = None,
    high: float | None = None,
    evidence: Evidence | None = None,
    warning: str | None = None,
    note: int | None = None,
) -> Cell:
    return {
        "source": source,
        "value": value,
        "reason": reason,
        "low": low,
        "high": high,
        "evidence": evidence,
        "warning": warning,
        "note": note,
    }
