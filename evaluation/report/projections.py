"""The embeddings in the report: projected to a plane, with the reals against each method's fakes."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np

from evaluation.columns import Column, encode
from evaluation.report import plots, tsne
from evaluation.sampling import draw_evenly

PER_GROUP = 200  # embeddings shown of the reals, and of each method


class ModelEmbeddings(TypedDict):
    """Embeddings of faces by one model: float [n, d], and the n faces' columns."""

    name: str
    vectors: np.ndarray
    columns: Mapping[str, Column]


class ProjectionRow(TypedDict):
    """The panels of one model; `name` is None where their titles tell it."""

    name: str | None
    panels: list[plots.Plot]


def by_dataset(embeddings: Sequence[ModelEmbeddings]) -> dict[str, list[ProjectionRow]]:
    """Draw the embeddings of each data set, one row of panels per model.

    Each model's embeddings of a data set are projected once, so that its panels share one plane.
    """
    result: dict[str, list[ProjectionRow]] = {}
    for number, model in enumerate(embeddings):
        columns, label = model["columns"], model["columns"]["label"]
        codes, names = encode(columns["dataset"])
        methods, method_names = encode(columns["method"])
        for place in np.unique(codes):
            rows = np.flatnonzero(codes == place)
            rows = rows[draw_evenly(np.where(label[rows] == 0, -1, methods[rows]), each=PER_GROUP)]
            points = tsne.project(np.asarray(model["vectors"])[rows])
            panels = _panels(f"e{number}-{place}", label[rows] == 0, method_names[methods[rows]], points)
            if panels:
                result.setdefault(names[place], []).append({"name": model["name"], "panels": panels})
    return {dataset: _in_one_row(models) for dataset, models in result.items()}


def _in_one_row(models: list[ProjectionRow]) -> list[ProjectionRow]:
    """Put models with one panel each side by side."""
    if any(len(model["panels"]) > 1 for model in models):
        return models
    named = [panel._replace(title=f"{model['name']}: {panel.title}") for model in models for panel in model["panels"]]
    return [{"name": None, "panels": named}]


def _panels(name: str, real: np.ndarray, method: np.ndarray, points: np.ndarray) -> list[plots.Plot]:
    """Draw a panel for each method: its fakes and all reals, with the same limits; points are float [n, 2]."""
    span = np.ptp(points, axis=0).max() or 1.0
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    limits = (middle - 0.54 * span, middle + 0.54 * span)
    result = []
    for number, title in enumerate(sorted(set(method[~real]))):
        fake = ~real & (method == title)
        clouds = [plots.Cloud(points[fake], "fake"), plots.Cloud(points[real], "real")]
        description = f"t-SNE of embeddings: {real.sum()} reals and {fake.sum()} fakes of {title}"
        result.append(plots.Plot(title, plots.scatter(f"{name}-{number}", clouds, description, limits=limits)))
    return result
