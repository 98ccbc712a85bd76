"""report.html: one self-contained page with the figures of an evaluation."""

import io
import os

import jinja2
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_curve

from components.evaluator.table import rows_of
from model.scoring import mean_by_video


def write_report(path, metrics, columns, verdict, reasons):
    """Render the page.

    Args:
        path: of the HTML file.
        metrics: of `components.evaluator.metrics.evaluate`, with `caveats`.
        columns: the predictions, one row per frame.
        verdict, reasons: of the blessing.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["figure"] = lambda value: "–" if value is None else f"{value:.4f}"
    videos = mean_by_video(columns)
    plots = [
        {"dataset": dataset, "roc": _roc(videos, columns, dataset), "scores": _scores(columns, dataset)}
        for dataset in metrics["video"]["datasets"]
    ]
    page = environment.get_template("report.html.j2").render(
        metrics=metrics, rows=list(rows_of(metrics)), plots=plots, verdict=verdict, reasons=reasons
    )
    with open(path, "w") as stream:
        stream.write(page)


def _roc(videos, frames, dataset):
    """ROC curves of a data set at both levels, as SVG; None where a class is missing."""
    axes = _axes()
    for name, columns in (("videos", videos), ("frames", frames)):
        ours = columns["dataset"] == dataset
        label = columns["label"][ours]
        if not len(label) or label.min() == label.max() or not np.isfinite(columns["logit"][ours]).all():
            plt.close(axes.figure)
            return None
        false_rate, true_rate, _ = roc_curve(label, columns["logit"][ours])
        axes.plot(false_rate, true_rate, label=name)
    axes.plot([0, 1], [0, 1], ":", color="gray", linewidth=1)
    axes.set(xlabel="reals called fake", ylabel="fakes found", title="ROC")
    axes.legend()
    return _svg(axes)


def _scores(columns, dataset):
    """Histogram of a data set's frame logits by class, as SVG."""
    axes = _axes()
    ours = (columns["dataset"] == dataset) & np.isfinite(columns["logit"])
    edges = np.histogram_bin_edges(columns["logit"][ours], 30)
    for label, name in enumerate(("real", "fake")):
        axes.hist(columns["logit"][ours & (columns["label"] == label)], edges, alpha=0.6, label=name)
    axes.set(xlabel="logit, fake minus real", ylabel="frames", title="Scores")
    axes.legend()
    return _svg(axes)


def _axes():
    return plt.subplots(figsize=(4.2, 3.4), layout="constrained")[1]


def _svg(axes):
    text = io.StringIO()
    axes.figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    plt.close(axes.figure)
    return text.getvalue()[text.getvalue().index("<svg") :]
