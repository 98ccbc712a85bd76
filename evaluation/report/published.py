"""The paper's Tables 1-3 with this run's figures beside the published ones."""

import json
from pathlib import Path

from evaluation.report.summary import Notes

FACEFORENSICS = ("df", "ff", "fs", "nt")
_NAMES = {"faceforensics": ("ffpp", "ff++", "faceforensics"), "dfdc": ("dfdc",), "celeb": ("celeb",)}
LEVELS = ("frame", "video")


def load():
    """Return published.json: `source`, `note`, and `tables` of `columns`, `figures` and `rows` with `values`."""
    return json.loads(Path(__file__).with_name("published.json").read_text(encoding="utf-8"))


def beside(metrics):
    """Put this run's figures into the paper's tables.

    Returns:
        The tables of `load`; each row's `cells` are {"value", "source": "published" | "measured", "reason": why there is
        no value, else None, "low", "high"}, one per column and figure. The rows of this run come last, one per level.
    """
    tables = load()["tables"]
    for table in tables:
        groups = {key: _find(metrics, key) for key in table["columns"]}
        for row in table["rows"]:
            row["source"] = "published"
            row["cells"] = [_cell("published", value) for values in row["values"] for value in values]
        for level in LEVELS:
            cells = [_measured(metrics, level, groups[key], figure) for key in groups for figure in table["figures"]]
            table["rows"].append(
                {"name": f"This run, {level}s", "reference": None, "source": "measured", "cells": cells}
            )
        notes = Notes()
        for cell in (cell for row in table["rows"] for cell in row["cells"] if cell["value"] is None):
            cell["note"] = notes.number(cell["reason"])
        table["notes"] = notes.texts
        table["from"] = {key: " / ".join(where) for key, (where, _) in groups.items() if where}
    return tables


def _cell(source, value, reason=None, low=None, high=None):
    return {"source": source, "value": value, "reason": reason, "low": low, "high": high}


def _find(metrics, key):
    """Where the metrics hold a column of the paper: ((data set[, method]) or None, why not)."""
    wanted = "faceforensics" if key in FACEFORENSICS else key
    datasets = metrics["frame"]["datasets"]
    fitting = [name for name in sorted(datasets, key=lambda name: (len(name), name)) if _kind(name, datasets) == wanted]
    if wanted == "faceforensics":
        fitting = [name for name in fitting if key in datasets[name]["methods"]]
    plain = [name for name in fitting if name not in metrics["caveats"]]
    if plain:
        return ((plain[0], key) if wanted == "faceforensics" else (plain[0],)), None
    subject = f"FaceForensics++ fakes of the method {key}" if wanted == "faceforensics" else f"{_title(key)} data"
    if fitting:
        return None, f"{subject} occur only in {fitting[0]}, whose figures carry a caveat"
    return None, f"this run has no {subject}"


def _title(key):
    return {"dfdc": "DFDC", "celeb": "Celeb-DF"}[key]


def _kind(name, datasets):
    """Which of the paper's data sets one of ours is, by its name, else by its methods; None for another one."""
    for kind, parts in _NAMES.items():
        if any(part in name.lower() for part in parts):
            return kind
    return "faceforensics" if set(FACEFORENSICS) & datasets[name]["methods"].keys() else None


def _measured(metrics, level, found, key):
    where, why = found
    if where is None:
        return _cell("measured", None, why)
    group = metrics[level]["datasets"].get(where[0])
    if group and len(where) > 1:
        group = group["methods"].get(where[1])
    figure = group["logit"].get(key) if group else None
    if figure is None:
        return _cell("measured", None, f"not computed at {level} level")
    return _cell("measured", figure["value"], figure["reason"], figure["low"], figure["high"])
