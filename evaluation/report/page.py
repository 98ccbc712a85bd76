"""report.html: one self-contained page with everything that an evaluation found."""

import base64
import hashlib
from pathlib import Path

import jinja2

from evaluation.report import published, sections, summary
from evaluation.report.panels import panels

HEADLINES = ("model", "recipe", "date")  # lines of the lineage that stand in the header, too
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


def write_report(
    path,
    metrics,
    frames,
    verdict,
    reasons,
    *,
    videos=None,
    validation=None,
    embeddings=None,
    faces=None,
    lineage=(),
    reproduce=(),
):
    """Render the page. Equal arguments give equal bytes.

    Args:
        path: of the HTML file.
        metrics: of `evaluation.metrics.evaluate`; `robustness`, `matrix` and `comparison` are shown if there.
        frames, videos: predictions as columns, one row per frame and per video; without videos no plots at their level.
        verdict: "BLESSED" or "NOT_BLESSED".
        reasons: of the verdict, sentences.
        validation: {"frame" | "video": columns} of the validation split, for its reliability diagrams.
        embeddings: [{"name": of a model, "vectors": float [n, d], "columns": columns [n]}]; one projection for each.
        faces: dicts as `evaluation.report.panels.panels` takes them.
        lineage: [{"name", "value"}]; lines named as in `HEADLINES` stand in the header, too.
        reproduce: command lines.
    """
    colors = sections.palette(metrics)
    levels = {"video": videos, "frame": frames}
    content = {
        "figures": summary.views(metrics),
        "coverage": summary.coverage(metrics),
        "published": published.load() | {"tables": published.beside(metrics)},
        "plots": {
            name: sections.of_dataset(number, name, metrics, levels, colors)
            for number, name in enumerate(metrics["frame"]["datasets"])
        },
        "calibration": sections.of_validation(validation or {}, metrics),
        "embeddings": sections.of_embeddings(embeddings or []),
        "faces": panels(faces or []),
        "robustness": sections.of_robustness(metrics.get("robustness") or []),
        "matrix": summary.matrix(metrics["matrix"]) if metrics.get("matrix") else None,
        "comparison": summary.comparison(metrics["comparison"]) if metrics.get("comparison") else None,
        "lineage": list(lineage),
        "reproduce": list(reproduce),
    }
    header = {
        "metrics": metrics,
        "caveats": {name: text for name, text in metrics["caveats"].items() if name in metrics["frame"]["datasets"]},
        "blessed": verdict == "BLESSED",
        "reasons": reasons,
        "facts": _facts(metrics, lineage),
    }
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        stream.write(_render(header, content))


def _render(header, content):
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["figure"] = lambda value: f"{value:.3f}".replace("-", "\u2212")
    environment.filters["signed"] = lambda value: f"{value:+.3f}".replace("-", "\u2212")
    environment.filters["count"] = lambda value: f"{value:,}"
    script = environment.get_template("report.js.j2").render()
    # Only this very script may run in the page, and nothing is ever fetched.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(
        header,
        content=content,
        contents=[(id, title) for id, title in SECTIONS.items() if content[id]],
        absent=[title.lower() for id, title in SECTIONS.items() if not content[id]],
        summary=summary,
        percent=f"{100 * header['metrics']['bootstrap']['level']:g}",
        per_group=sections.PER_GROUP,
        script=script,
        script_hash=f"sha256-{digest}",
    )


def _facts(metrics, lineage):
    """Lines (name, value) that say what was evaluated."""
    facts = [(line["name"], line["value"]) for line in lineage if line["name"].lower() in HEADLINES]
    facts += [("split", metrics["split"]), ("data sets", ", ".join(metrics["frame"]["datasets"]) or "none")]
    for level in summary.LEVELS:
        counts = metrics[level]["all"]
        text = f"{counts['real'] + counts['fake']:,}: {counts['real']:,} real, {counts['fake']:,} fake"
        facts.append((f"{level}s judged", text))
    made = metrics["bootstrap"]
    facts.append(
        ("intervals", f"{100 * made['level']:g} %, {made['resamples']:,} bootstrap resamples of {made['unit']}s")
    )
    return facts
