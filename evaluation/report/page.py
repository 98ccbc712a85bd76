"""report.html: one self-contained page with everything that an evaluation found."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from artifacts.predictions import Columns
from artifacts.visible import printable
from artifacts.writing import whole
from evaluation import vocabulary
from evaluation.columns import Column
from evaluation.report import projections, published, sections, tables
from evaluation.report.panels import ShownFace, panels
from evaluation.report.robustness import of_robustness
from evaluation.report.templates import environment
from evaluation.results import Metrics
from evaluation.vocabulary import VIDEO_FIRST, Level

HEADLINES = ("model", "recipe", "date")  # lines of the lineage that also appear in the header
SECTIONS = {
    "figures": "Figures per data set and method",
    "coverage": "Coverage",
    "published": "Beside the paper",
    "plots": "Curves and scores",
    "calibration": "Thresholds and calibration",
    "embeddings": "Embeddings",
    "faces": "Where the model looks",
    "robustness": "Robustness",
    "matrix": "Across data sets",
    "comparison": "Against the last blessed model",
    "lineage": "Lineage",
    "reproduce": "Reproduce it",
}


class LineageLine(TypedDict):
    """Where something in the report comes from, in words."""

    name: str
    value: str


def write_report(
    path: str,
    metrics: Metrics,
    frames: Columns,
    blessed: bool,
    reasons: Sequence[str],
    *,
    videos: Mapping[str, Column] | None = None,
    validation: Mapping[Level, Mapping[str, Column]] | None = None,
    embeddings: Sequence[projections.ModelEmbeddings] = (),
    faces: Sequence[ShownFace] = (),
    lineage: Sequence[LineageLine] = (),
    reproduce: Sequence[str] = (),
) -> None:
    """Render the page. Equal arguments give equal bytes.

    Args:
        path: of the HTML file.
        metrics: of the test split.
        frames: its predictions, one row per face; see `evaluation.columns`.
        blessed: whether the model is blessed.
        reasons: for that, as sentences.
        videos: the predictions by video; without them there are no plots at this level.
        validation: the predictions of the validation split by level, for its reliability diagrams.
        embeddings: of some faces; one projection for each model.
        faces: to be shown with their heat maps.
        lineage: lines named as in `HEADLINES` also appear in the header.
        reproduce: command lines.

    Raises:
        InputError: the file cannot be written.
    """
    colors = sections.palette(metrics)
    levels: dict[Level, Mapping[str, Column] | None] = {"video": videos, "frame": frames}
    content = {
        "figures": tables.figures(metrics),
        "coverage": tables.coverage(metrics),
        "published": {**published.load(), "tables": published.beside(metrics)},
        "plots": {
            name: sections.of_dataset(number, name, metrics, levels, colors)
            for number, name in enumerate(metrics["frame"]["datasets"])
        },
        "calibration": sections.of_validation(validation or {}, metrics),
        "embeddings": projections.by_dataset(embeddings),
        "faces": panels(faces),
        "robustness": of_robustness(metrics.get("robustness", []), metrics.get("left_out")),
        "matrix": tables.matrix(metrics["matrix"]) if metrics.get("matrix") else None,
        "comparison": tables.comparison(metrics["comparison"]) if metrics.get("comparison") else None,
        "lineage": list(lineage),
        "reproduce": list(reproduce),
    }
    caveats = metrics.get("caveats", {})
    header = {
        "metrics": metrics,
        "caveats": {name: text for name, text in caveats.items() if name in metrics["frame"]["datasets"]},
        "blessed": blessed,
        "reasons": reasons,
        "facts": _facts(metrics, lineage),
    }
    with (
        whole(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream,
    ):
        stream.write(printable(_render(header, content, metrics), keep="\n"))  # names from anywhere, in plots as well


def _render(header: Mapping[str, Any], content: Mapping[str, Any], metrics: Metrics) -> str:
    made = environment()
    script = made.get_template("report.js.j2").render()
    # Only exactly this script may run in the page, and nothing is ever fetched.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return made.get_template("report.html.j2").render(
        header,
        content=content,
        contents=[(id, title) for id, title in SECTIONS.items() if content[id]],
        absent=[title.lower() for id, title in SECTIONS.items() if not content[id]],
        words=vocabulary,
        coverage_heads=tables.COVERAGE,
        percent=_percent(metrics),
        per_group=projections.PER_GROUP,
        script=script,
        script_hash=f"sha256-{digest}",
    )


def _percent(metrics: Metrics) -> str:
    return f"{100 * metrics['bootstrap']['level']:g}"


def _facts(metrics: Metrics, lineage: Sequence[LineageLine]) -> list[tuple[str, str]]:
    """Return lines (name, value) that say what was evaluated."""
    facts = [(line["name"], line["value"]) for line in lineage if line["name"].lower() in HEADLINES]
    facts += [("split", metrics["split"]), ("data sets", ", ".join(metrics["frame"]["datasets"]) or "none")]
    for level in VIDEO_FIRST:
        real, fake = metrics[level]["all"]["real"], metrics[level]["all"]["fake"]
        facts.append((f"{level}s", f"{real + fake:,}: {real:,} real, {fake:,} fake"))
    made = metrics["bootstrap"]
    facts.append(("intervals", f"{_percent(metrics)} %, {made['resamples']:,} bootstrap resamples of {made['unit']}s"))
    return facts
