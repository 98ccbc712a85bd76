"""What each section of the report shows: the plots of data sets, calibration, robustness and embeddings, with legends.

A plot is a dict: `title`, `svg` (None where it cannot be drawn), `legend` ([{"name", "color", "dashed"}]), and `why`
(None, or why it cannot be drawn).
"""

import numpy as np
from scipy.special import expit

from evaluation.report import curves, plots, tsne
from evaluation.report.summary import LEVELS, SCORES, Notes
from evaluation.sampling import spread
from evaluation.video_scores import encode

PER_GROUP = 200  # embeddings shown of the reals, and of each method
_SCORE_COLORS = {"logit": "ink", "center_similarity": "c6"}
_SIGNS = {"logit": 1, "center_similarity": -1}  # towards fake
_AXES = {"logit": "logit, fake minus real", "center_similarity": "similarity to the real centre"}
_PLURAL = {"video": "videos", "frame": "frames"}


def palette(metrics):
    """Method -> name of its colour, the same in the whole page."""
    methods = {method for group in metrics["frame"]["datasets"].values() for method in group["methods"]}
    return {method: f"c{number % 8}" for number, method in enumerate(sorted(methods), 2)}


def of_dataset(number, dataset, metrics, by_level, colors):
    """The plots of a data set.

    Args:
        number: of the data set, for the plots' names.
        by_level: {"video" | "frame": columns or None}.
        colors: of `palette`.
    """
    parts = {level: _part(columns, dataset) for level, columns in by_level.items() if columns}
    thresholds = metrics["thresholds"]
    name = f"d{number}"
    result = [_roc(f"{name}-roc", dataset, parts), _roc_by_method(f"{name}-log", dataset, parts, colors)]
    for score in SCORES:
        result.append(_histogram(f"{name}-{score}", dataset, parts["frame"], score, thresholds["frame"][score], colors))
    temperature = metrics["temperature"] or {}
    for level, part in parts.items():
        title = f"Reliability, {_PLURAL[level]}"
        result.append(_reliability(f"{name}-{level}", title, dataset, part, temperature.get(level)))
    return result


def of_validation(by_level, metrics):
    """What was fixed on the validation split: `rows` of thresholds and temperatures, `notes`, `plots`."""
    thresholds, temperature = metrics["thresholds"], metrics["temperature"] or {}
    notes = Notes()
    rows = []
    for level in LEVELS:
        values = {score: (thresholds[level][score], thresholds["reason"]) for score in SCORES}
        values["temperature"] = (temperature.get(level), "the model holds no temperature")
        rows.append({"level": level, "cells": [_number(*value, notes) for value in values.values()]})
    drawn = []
    for level in LEVELS:
        if by_level.get(level):
            title, of = f"Reliability, validation {_PLURAL[level]}", f"the validation {_PLURAL[level]}"
            drawn.append(_reliability(f"v-{level}", title, of, by_level[level], temperature.get(level)))
    return {"rows": rows, "notes": notes.texts, "plots": drawn}


def _number(value, reason, notes):
    missing = value is None and reason
    return {"value": value, "reason": reason, "note": notes.number(reason) if missing else None}


def _part(columns, dataset):
    """What the plots need of a data set's rows; `method` as codes, and `methods`: the names of its fakes' -> code."""
    codes, names = encode(columns["dataset"])
    rows = np.isin(codes, np.flatnonzero(names == dataset))
    part = {key: columns[key][rows] for key in ("label", "fake_probability", *SCORES)}
    codes, names = encode(columns["method"])
    part["method"] = codes[rows]
    found = np.unique(part["method"][part["label"] == 1])
    return part | {"methods": {names[code]: code for code in sorted(found, key=lambda code: names[code])}}


def _plot(title, svg=None, legend=(), why=None):
    return {"title": title, "svg": svg, "legend": list(legend), "why": why}


def _key(name, color, dashed=False):
    return {"name": name, "color": color, "dashed": dashed}


def _unfit(part, score):
    """Why there is no curve of these rows, or None."""
    label = part["label"]
    if not len(label):
        return "no rows"
    if label.min() == label.max():
        return f"only {'fakes' if label[0] else 'reals'}"
    return "the model gave scores that are no numbers" if np.isnan(part[score]).any() else None


def _line(part, score, color, dashed, **options):
    false, true = curves.roc(part["label"], _SIGNS[score] * part[score], **options)
    return {"false": false, "true": true, "color": color, "dashed": dashed}


def _roc(name, dataset, parts):
    lines, legend, whys = [], [], []
    for level, part in parts.items():
        for score, text in SCORES.items():
            why = _unfit(part, score)
            if why:
                whys.append(why)
                continue
            lines.append(_line(part, score, _SCORE_COLORS[score], level == "frame"))
            legend.append(_key(f"{text}, {_PLURAL[level]}", _SCORE_COLORS[score], level == "frame"))
    if not lines:
        return _plot("ROC", why=whys[0])
    return _plot("ROC", plots.roc(name, lines, f"ROC curves of {dataset}, by level and score"), legend)


def _roc_by_method(name, dataset, parts, colors):
    level, part = next(iter(parts.items()))  # videos, where they are there
    several = part["methods"] if len(part["methods"]) > 1 else {}
    title = f"ROC{' by method' if several else ''}, {_PLURAL[level]}, logarithmic"
    why = _unfit(part, "logit")
    if why:
        return _plot(title, why=why)
    lines, legend = [_line(part, "logit", "ink", False, log=True)], [_key("all fakes", "ink")]
    for method, code in several.items():
        rows = (part["label"] == 0) | (part["method"] == code)
        of_method = {key: part[key][rows] for key in ("label", "logit")}
        lines.append(_line(of_method, "logit", colors[method], False, log=True))
        legend.append(_key(method, colors[method]))
    description = f"ROC curves of {dataset} on a logarithmic false-positive axis, by method"
    return _plot(title, plots.roc(name, lines[::-1], description, log=True), legend)


def _histogram(name, dataset, part, score, threshold, colors):
    title = f"Scores, frames: {SCORES[score]}"
    values, fake = part[score], part["label"] == 1
    edges = curves.edges_of(values)
    if edges is None:
        return _plot(title, why="the model gave no number")
    classes, legend = [], []
    for text, rows in (("real", ~fake), ("fake", fake)):
        if rows.any():
            classes.append({"counts": curves.histogram(values[rows], edges), "color": text, "filled": True})
            legend.append(_key(text, text))
    for method, code in part["methods"].items() if len(part["methods"]) > 1 else ():
        counts = curves.histogram(values[fake & (part["method"] == code)], edges)
        classes.append({"counts": counts, "color": colors[method], "filled": False})
        legend.append(_key(method, colors[method]))
    if threshold is not None and edges[0] <= threshold <= edges[-1]:
        legend.append(_key("threshold fixed on validation", "ink", True))
    description = f"Histogram of {dataset}: {SCORES[score]}, reals and fakes"
    return _plot(
        title, plots.histogram(name, edges, classes, description, axis=_AXES[score], threshold=threshold), legend
    )


def _reliability(name, title, of, part, temperature):
    served = part["fake_probability"]
    if not len(served) or np.isnan(served).any():
        return _plot(title, why="the model gave scores that are no numbers" if len(served) else "no rows")
    bins, legend = [], []
    if temperature is not None:
        raw = expit(part["logit"])
        bins.append(curves.reliability(part["label"], raw) | {"color": "c6", "dashed": True})
        legend.append(_key("before temperature", "c6", True))
    bins.append(curves.reliability(part["label"], served) | {"color": "ink", "dashed": False})
    legend.append(_key("no temperature fitted" if temperature is None else f"after, T = {temperature:.3f}", "ink"))
    return _plot(title, plots.reliability(name, bins, f"Reliability diagram of {of}"), legend)


def of_robustness(rows):
    """Per data set: `plots` of both levels; `changes` {change: {severity: row}}, `severities` and `units` for a table."""
    result = {}
    for number, dataset in enumerate(dict.fromkeys(row["dataset"] for row in rows)):
        ours = [row for row in rows if row["dataset"] == dataset]
        changes = {
            change: {row["severity"]: row for row in ours if row["change"] == change}
            for change in dict.fromkeys(row["change"] for row in ours)
        }
        drawn = [_robustness(f"r{number}-{level}", dataset, changes, level) for level in LEVELS]
        severities = sorted({row["severity"] for row in ours})
        units = {row["change"]: row["unit"] for row in ours}
        result[dataset] = {"plots": drawn, "changes": changes, "severities": severities, "units": units}
    return result


def _robustness(name, dataset, changes, level):
    lines, legend = [], []
    for number, (change, by_severity) in enumerate(changes.items()):
        points = sorted((k, row[f"{level}_auc"]) for k, row in by_severity.items() if row[f"{level}_auc"] is not None)
        if points:
            severity, auc = zip(*points, strict=True)
            lines.append({"severity": severity, "auc": auc, "color": f"c{number % 8}"})
            legend.append(_key(change, f"c{number % 8}"))
    title = f"AUC of {_PLURAL[level]} under changes"
    if not lines:
        return _plot(title, why="no AUC could be computed")
    return _plot(title, plots.robustness(name, lines, f"{title}, {dataset}", level=level), legend)


def of_embeddings(embeddings):
    """Per data set: rows, one per model, of panels with the reals against each method's fakes.

    Each model's embeddings of a data set are projected once, so that its panels share one plane.
    """
    result = {}
    for number, model in enumerate(embeddings):
        columns = model["columns"]
        codes, names = encode(columns["dataset"])
        (methods, of_method), label = encode(columns["method"]), columns["label"]
        for place in np.unique(codes):
            dataset, rows = names[place], np.flatnonzero(codes == place)
            rows = rows[spread(np.where(label[rows] == 0, -1, methods[rows]), each=PER_GROUP)]
            points = tsne.project(np.asarray(model["vectors"])[rows])
            panels = _panels(f"e{number}-{place}", label[rows] == 0, np.array(of_method)[methods[rows]], points)
            if panels:
                result.setdefault(dataset, []).append({"name": model["name"], "panels": panels})
    return {dataset: _in_one_row(models) for dataset, models in result.items()}


def _in_one_row(models):
    """Several models of one panel each side by side."""
    if max(len(model["panels"]) for model in models) > 1:
        return models
    named = [panel | {"title": f"{model['name']}: {panel['title']}"} for model in models for panel in model["panels"]]
    return [{"name": None, "panels": named}]


def _panels(name, real, method, points):
    span = np.ptp(points, axis=0).max() or 1.0
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    limits = (middle - 0.54 * span, middle + 0.54 * span)
    result = []
    for number, title in enumerate(sorted(set(method[~real]))):
        fake = ~real & (method == title)
        clouds = [{"points": points[fake], "color": "fake"}, {"points": points[real], "color": "real"}]
        description = f"t-SNE of embeddings: {real.sum()} reals and {fake.sum()} fakes of {title}"
        result.append(_plot(title, plots.scatter(f"{name}-{number}", clouds, description, limits=limits)))
    return result
