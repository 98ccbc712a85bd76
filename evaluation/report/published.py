"""The paper's Tables 1-3 with this run's figures beside the published ones."""

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, NotRequired, TypedDict, cast

from evaluation.report.evidence import Evidence, warning_of
from evaluation.report.tables import Notes
from evaluation.results import DatasetGroup, Group, Metrics
from evaluation.vocabulary import LEVELS, FigureKey, Level

FACEFORENSICS = ("df", "ff", "fs", "nt")
_NAMES = {"faceforensics": ("ffpp", "ff++", "faceforensics"), "dfdc": ("dfdc",), "celeb": ("celeb",)}
_TITLES = {"dfdc": "DFDC", "celeb": "Celeb-DF"}


class PublishedRow(TypedDict):
    """One method of a table of the paper: `values` by column and figure, and its number among the references.

    `origins` is column -> what is known of where its figures come from, where the paper does not say it.
    """

    name: str
    reference: int | None
    values: list[list[float]]
    origins: NotRequired[dict[str, str]]


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
    return [with_systems(table, [System("This run", None, metrics)]) for table in load()["tables"]]


class System(NamedTuple):
    """A detector whose figures stand in the paper's tables.

    Attributes:
        name: of its rows.
        beside: the name of the published row that it follows, in the tables that have that row; else it stands at the
            end.
        metrics: of its evaluation.
    """

    name: str
    beside: str | None
    metrics: Metrics


def with_systems(table: PublishedTable, systems: Sequence[System]) -> Table:
    """Return a table of the paper with two rows of figures for each of some systems, one per level."""
    notes = Notes()
    names = {row["name"] for row in table["rows"]}
    rows: list[Row] = []
    for row in table["rows"]:
        rows.append(_published(table, row, notes))
        for system in systems:
            if system.beside == row["name"]:
                rows += _measured_rows(table, system, notes)
    for system in systems:
        if system.beside not in names:
            rows += _measured_rows(table, system, notes)
    places = {key: _find(systems[0].metrics, key) for key in table["columns"]}
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


def _published(table: PublishedTable, row: PublishedRow, notes: Notes) -> Row:
    origins = row.get("origins", {})
    cells = []
    for column, values in zip(table["columns"], row["values"], strict=True):
        origin = origins.get(column)
        cells += [_cell("published", value, note=notes.number(origin) if origin else None) for value in values]
    return {"name": row["name"], "reference": row["reference"], "source": "published", "cells": cells}


def _measured_rows(table: PublishedTable, system: System, notes: Notes) -> list[Row]:
    places = [_find(system.metrics, key) for key in table["columns"]]
    return [
        {
            "name": f"{system.name}, {level}s",
            "reference": None,
            "source": "measured",
            "cells": [
                _measured(system.metrics, level, place, figure, notes)
                for place in places
                for figure in table["figures"]
            ],
        }
        for level in LEVELS
    ]


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
