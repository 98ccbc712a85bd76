"""The paper's Tables 1-3 with this run's figures beside the published ones."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict, cast

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
    """A figure of the paper, or of this run; `reason` says why there is no value, `note` is its footnote's number."""

    source: Literal["published", "measured"]
    value: float | None
    reason: str | None
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
            "cells": [
                {"source": "published", "value": value, "reason": None, "note": None}
                for values in row["values"]
                for value in values
            ],
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
    value, reason = None, place.missing
    if not reason:
        group: Group | DatasetGroup | None = metrics[level]["datasets"].get(place.dataset)
        if group and place.method:
            group = cast(DatasetGroup, group)["methods"].get(place.method)
        if group and key in group["logit"]:
            value, reason = group["logit"][key]["value"], group["logit"][key]["reason"]
        else:
            reason = f"not computed at {level} level"
    note = notes.number(reason) if value is None and reason else None
    return {"source": "measured", "value": value, "reason": reason, "note": note}
