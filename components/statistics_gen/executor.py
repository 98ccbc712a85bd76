"""StatisticsGen: its executor."""

import collections
import os

from artifacts.layout import STATISTICS
from artifacts.manifest import LABELS
from artifacts.statistics import Statistics
from artifacts.words import counted
from artifacts.writing import write_json
from components.base import Context
from components.statistics_gen.counting import compute


def execute(context: Context) -> dict[str, int]:
    """Write the statistics and print them as a table; return the number of faces."""
    inputs = context.inputs
    output = context.outputs["statistics"]
    statistics = compute(inputs["videos"], inputs["examples"], inputs["rejects"], context.beam_args, output)
    write_json(os.path.join(output, STATISTICS), statistics)
    print_table(statistics)
    return {"faces": sum(group["faces"] for group in statistics["groups"])}


def print_table(statistics: Statistics) -> None:
    """Print a row per group, the outcomes per data set and label, and how many listed videos are missing."""
    print(
        f"{'split':6} {'data set':14} {'method':8} {'label':5} {'videos':>7} {'with face':>9} {'faces':>8} "
        f"{'frames found':>12}"
    )
    for group in statistics["groups"]:
        rate = group["frame_detection_rate"]
        found = "none" if rate is None else f"{rate:.1%}"
        print(
            f"{group['split']:6} {group['dataset']:14} {group['method']:8} {_name(group['label']):5} "
            f"{group['videos']:>7} {group['videos_with_face']:>9} {group['faces']:>8} {found:>12}"
        )
    for (dataset, label), reasons in sorted(outcomes(statistics).items()):
        listed = ", ".join(f"{scope} {reason} {count}" for (scope, reason), count in reasons.most_common())
        print(f"{dataset} {_name(label)}: {listed}")
    for name, source in statistics["sources"].items():
        missing = source.get("missing")
        if missing:
            print(f"{name}: {counted(len(missing), 'video')} named by its lists and missing, such as {missing[0]}")


def outcomes(statistics: Statistics) -> dict[tuple[str, int], collections.Counter[tuple[str, str]]]:
    """Count the videos and frames that gave no face or need a note.

    Returns:
        (data set, label) -> counter of (scope, reason).
    """
    found: dict[tuple[str, int], collections.Counter[tuple[str, str]]] = {}
    for group in statistics["groups"]:
        for scope, reasons in group["rejects"].items():
            for reason, count in reasons.items():
                counter = found.setdefault((group["dataset"], group["label"]), collections.Counter())
                counter[scope, reason] += count
    return found


def _name(label: int) -> str:
    """Return "real" or "fake", or the number of a label that is neither; ExampleValidator reports it."""
    return LABELS.get(label, str(label))
