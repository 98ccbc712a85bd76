"""StatisticsGen: the executor."""

import collections
import json
import os

from artifacts.manifest import LABELS
from components.base import Context


def execute(context: Context):
    """Write `statistics.json` and print it as a table."""
    from components.statistics_gen.counting import compute  # imports TensorFlow and Beam

    folders = (context.inputs[key] for key in ("videos", "examples", "rejects"))
    statistics = compute(*folders, context.beam_args)
    with open(os.path.join(context.outputs["statistics"], "statistics.json"), "w") as stream:
        json.dump(statistics, stream, indent=1)
    print_table(statistics)
    return {"faces": sum(group["faces"] for group in statistics["groups"])}


def print_table(statistics):
    """Print the groups, and how many named videos are missing, for a person."""
    print(
        f"{'split':6} {'data set':14} {'method':8} {'label':5} {'videos':>7} {'with face':>9} {'faces':>8} {'frames found':>12}"
    )
    for group in statistics["groups"]:
        rate = group["frame_detection_rate"]
        print(f"{group['split']:6} {group['dataset']:14} {group['method']:8} {LABELS.get(group['label'], group['label']):5} {group['videos']:>7} "
              f"{group['videos_with_face']:>9} {group['faces']:>8} {'none' if rate is None else f'{rate:.1%}':>12}")  # fmt: skip
    for (dataset, label), reasons in sorted(outcomes(statistics).items()):
        told = ", ".join(f"{scope} {reason} {count}" for (scope, reason), count in reasons.most_common())
        print(f"{dataset} {LABELS.get(label, label)}: {told}")
    for name, source in statistics["sources"].items():
        if source.get("missing"):
            print(
                f"{name}: {len(source['missing'])} videos are named by its lists and missing, e.g. {source['missing'][0]}"
            )


def outcomes(statistics):
    """What became of videos and frames that gave no face or need a note: (data set, label) -> Counter (scope, reason)."""
    found = collections.defaultdict(collections.Counter)
    for group in statistics["groups"]:
        for scope, reasons in group["rejects"].items():
            for reason, count in reasons.items():
                found[group["dataset"], group["label"]][scope, reason] += count
    return found
