"""The paper's tables with several detectors beside the published figures: one self-contained page, and as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artifacts.visible import printable
from artifacts.writing import whole, write_json
from evaluation.report import published
from evaluation.report.published import System, Table
from evaluation.report.templates import environment
from evaluation.results import Metrics
from evaluation.vocabulary import VIDEO_FIRST
from model.rivals import RIVALS

# Recipes of this project -> the published row that they stand for.
OWN_ROWS = {
    "paper": "The paper's method",
    "triplet": "Triplet Loss",
    "triplet_cross_entropy": "+ Cross-Entropy Loss",
    "without_expander": "+ Weight-center Loss",
}


class Measured(NamedTuple):
    """A detector that was trained and evaluated.

    Attributes:
        recipe: its name.
        label: of its rows.
        metrics: of its evaluation.
        conditions: lines (name, value) that say what its figures rest on.
    """

    recipe: str
    label: str
    metrics: Metrics
    conditions: list[tuple[str, str]]


def tables(measured: Sequence[Measured]) -> list[Table]:
    """Return the paper's tables with two rows for each detector, one per level, behind the row that it stands for."""
    systems = [System(each.label, row_of(each.recipe), each.metrics) for each in measured]
    return [published.with_systems(table, systems) for table in published.load()["tables"]]


def row_of(recipe: str) -> str | None:
    """Return the name of the published row that a recipe stands for; None if there is none."""
    return RIVALS[recipe].system if recipe in RIVALS else OWN_ROWS.get(recipe)


def conditions_of(recipe: str, metrics: Metrics, resolved: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say what makes a detector's figures comparable, or not.

    Args:
        recipe: its name.
        metrics: of its evaluation.
        resolved: the recipe's fields as they were trained with.

    Returns:
        Lines (name, value).
    """
    lines = [("recipe", f"{recipe}: {resolved['steps']:,} steps of {resolved['batch_size']}, seed {resolved['seed']}")]
    lines.append(("network", f"{resolved['backbone']} at {resolved['image_size']}, from {resolved['initial_weights']}"))
    lines.append(("checkpoint", "the best of the validations by frame AUC, chosen on the validation split"))
    thresholds = ", ".join(
        f"{level}s {'none' if value is None else f'{value:.3f}'}"
        for level in VIDEO_FIRST
        for value in [metrics["thresholds"][level]["logit"]]
    )
    lines.append(("threshold", f"ACC at probability .5; on the validation split, in logits: {thresholds}"))
    lines.append(("a video's score", f"rule {metrics['video_rule']}; videos without a face: {metrics['no_face']}"))
    for name, group in metrics["video"]["datasets"].items():
        seen = group["coverage"]
        found = (
            f"; {seen['listed']:,} listed, {seen['decoded']:,} decoded, {seen['with_face']:,} with a face"
            if seen
            else ""
        )
        frames = metrics["frame"]["datasets"][name]
        counts = f"{group['real']:,} real and {group['fake']:,} fake videos, {frames['real'] + frames['fake']:,} faces"
        lines.append((f"tested on {name}", counts + found))
    if recipe in RIVALS:
        lines.append(("as published", "; ".join(RIVALS[recipe].published)))
        lines.append(("otherwise", "; ".join(RIVALS[recipe].repaired)))
    return lines


def write(folder: Path, measured: Sequence[Measured], facts: Sequence[tuple[str, str]]) -> None:
    """Write `tables.html` and `tables.json`. Equal arguments give equal bytes.

    Args:
        folder: of both; it exists.
        measured: at least one detector, all evaluated on the same data.
        facts: lines (name, value) that hold for all of them: data, splits, digests.

    Raises:
        InputError: a file cannot be written.
    """
    made = tables(measured)
    write_json(
        str(folder / "tables.json"),
        {
            "facts": dict(facts),
            "detectors": [
                {"recipe": each.recipe, "label": each.label, "conditions": dict(each.conditions)} for each in measured
            ],
            "tables": made,
        },
    )
    bootstrap = measured[0].metrics["bootstrap"]
    page = (
        environment()
        .get_template("paper_tables.html.j2")
        .render(
            tables=made,
            measured=measured,
            facts=facts,
            published=published.load(),
            percent=f"{100 * bootstrap['level']:g}",
        )
    )
    with (
        whole(str(folder / "tables.html")) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream,
    ):
        stream.write(printable(page, keep="\n"))
