"""What a run of the pipeline did, as JSON and in words."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from artifacts.layout import METRICS, PUSHED, REPORT, STATISTICS
from pipeline.config_schema import PipelineConfig
from pipeline.launcher import Launcher
from pipeline.metadata import Execution
from pipeline.pipeline import SAMPLE_CAVEAT

PROGRAM = "pipeline.run"


@dataclass(frozen=True)
class Step:
    """What was done for one component.

    Attributes:
        component: its name.
        status: "executed", "cached" (an earlier execution with the same key was used) or "taken" (by --from).
        execution: whose outputs are used.
        seconds: that it took.
    """

    component: str
    status: Literal["executed", "cached", "taken"]
    execution: Execution
    seconds: float


class RunSummary(TypedDict):
    """The document that `--summary` writes.

    Attributes:
        made_by: "pipeline.run": by it an earlier summary is known from other files.
        pipeline_name, pipeline_root: of the config.
        seconds: of the whole run.
        complete: whether all its components came to their end; an interrupted or failed run tells what it did before.
        components: in their order: `name`, `status`, `execution` (its number in the lineage), `seconds`, `figures` and
            `outputs` (key -> path).
        report, metrics, statistics, training_logs: paths; null for what the run did not reach.
        pushed: whether the model was pushed; null if the run did not reach the Pusher.
        served_model: path of the version that was pushed, or null.
        not_pushed: why the model was not pushed; empty if it was.
    """

    made_by: str
    pipeline_name: str
    pipeline_root: str
    seconds: float
    complete: bool
    components: list[dict[str, Any]]
    report: str | None
    metrics: str | None
    statistics: str | None
    training_logs: str | None
    pushed: bool | None
    served_model: str | None
    not_pushed: list[str]


def summarize(
    config: PipelineConfig, launcher: Launcher, steps: Sequence[Step], seconds: float, complete: bool = True
) -> RunSummary:
    """Put together what the steps of a run did."""

    def inside(component: str, key: str, name: str) -> str | None:
        artifact = launcher.outputs.get((component, key))
        return os.path.join(artifact.uri, name) if artifact else None

    outcome: dict[str, Any] = {"pushed": None, "reasons": []}
    if path := inside("Pusher", "pushed_model", PUSHED):
        with open(path) as stream:
            outcome = json.load(stream)
    return {
        "made_by": PROGRAM,
        "pipeline_name": config.pipeline_name,
        "pipeline_root": config.pipeline_root,
        "seconds": round(seconds, 3),
        "complete": complete,
        "components": [
            {
                "name": step.component,
                "status": step.status,
                "execution": step.execution.id,
                "seconds": round(step.seconds, 3),
                "figures": dict(step.execution.properties),
                "outputs": {key: a.uri for (name, key), a in launcher.outputs.items() if name == step.component},
            }
            for step in steps
        ],
        "report": inside("Evaluator", "evaluation", REPORT),
        "metrics": inside("Evaluator", "evaluation", METRICS),
        "statistics": inside("StatisticsGen", "statistics", STATISTICS),
        "training_logs": inside("Trainer", "model_run", "logs"),
        "pushed": outcome["pushed"],
        "served_model": outcome.get("path"),
        "not_pushed": list(outcome["reasons"]),
    }


def print_summary(config: PipelineConfig, summary: RunSummary) -> None:
    """Print where everything lies; and the table of figures if no component has just printed it."""
    total = len(summary["components"])
    executed = sum(step["status"] == "executed" for step in summary["components"])
    seconds = summary["seconds"]
    print()
    if summary["metrics"] and not executed:
        from evaluation.metrics_table import print_table  # takes a second to import

        with open(summary["metrics"]) as stream:
            print_table(json.load(stream))
    if executed:
        print(f"{executed} of {total} components executed, {total - executed} cached ({seconds:.1f} s)")
    else:
        print(f"all {total} components were cached ({seconds:.1f} s)")
    if summary["statistics"]:
        print(f"statistics:   {summary['statistics']}")
    if summary["training_logs"]:
        print(f"training:     tensorboard --logdir {summary['training_logs']}")
    if summary["report"]:
        print(f"report:       {summary['report']}")
    if summary["pushed"]:
        print(f"served model: {summary['served_model']}")
        folder = os.path.dirname(str(summary["served_model"]))
        model = min(folder, os.path.relpath(folder), key=len)
        print(f"your video:   {command('deepfake-predict', 'serving.predict')} VIDEO --model {shlex.quote(model)}")
    elif summary["pushed"] is False:
        print(f"served model: not pushed: {'; '.join(summary['not_pushed'])}")
    if any(dataset.type == "sample" for dataset in config.components.VideoExampleGen.datasets):
        print(f"note:         {SAMPLE_CAVEAT}")


def command(script: str, module: str) -> str:
    """Return how a command is called in the shell that called this one.

    Args:
        script: that the package installs for it.
        module: as in `python -m module`, for a copy that is not installed.
    """
    beside = os.path.join(os.path.dirname(sys.executable), script)
    if os.path.exists(beside):
        return script if shutil.which(script) == beside else _short(beside)
    found = shutil.which("python")
    python = "python" if found and os.path.samefile(found, sys.executable) else _short(sys.executable)
    return f"{python} -m {module}"


def _short(path: str) -> str:
    return shlex.quote(min(path, os.path.relpath(path), key=len))


def is_summary(path: str) -> bool:
    """Whether a file is the summary of an earlier run."""
    with open(path) as stream:
        found = json.load(stream)
    return isinstance(found, dict) and found.get("made_by") == PROGRAM
