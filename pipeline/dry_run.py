"""What a run would do, and what can be said against it before it does."""

from collections.abc import Sequence

from artifacts.manifest import SPLITS, Video, read_manifest
from pipeline.config import ConfigError
from pipeline.config_schema import PipelineConfig
from pipeline.launcher import Decision, Launcher
from pipeline.listing_check import count_videos, problems
from pipeline.wiring import Node


def plan(launcher: Launcher, nodes: Sequence[Node], first: int, last: int, config: PipelineConfig) -> None:
    """Print what would be executed, and why; the data sets are listed, and nothing is changed.

    Raises:
        ConfigError: what the list of videos tells against the run.
        InputError: a data set cannot be listed.
    """
    unknown: set[str] = set()
    found: list[str] = []
    names = [node.component.name for node in nodes[: last + 1]]
    for number, node in enumerate(nodes[: last + 1]):
        name = node.component.name
        if number < first:
            _take(launcher, name, unknown)
            continue
        waits = sorted({output.component.name for output in node.inputs.values()} & unknown)
        if waits:
            print(f"[run   ] {name}: its inputs will come from {', '.join(waits)}")
            unknown.add(name)
            continue
        decision = launcher.decide(node)
        print(f"[{'cached' if decision.cached else 'run   '}] {name}: {decision.reason}", flush=True)
        if decision.cached:
            outputs = launcher.store.artifacts(decision.cached.id, "OUTPUT")
            launcher.outputs |= {(name, key): artifact for key, artifact in outputs.items()}
        else:
            unknown.add(name)
        if name == "VideoExampleGen":
            videos = _listed(launcher, decision, config)
            found = [] if videos is None else problems(count_videos(videos), config, names)
    print("dry run: nothing was executed")
    if found:
        raise ConfigError("\n".join(found))


def _take(launcher: Launcher, name: str, unknown: set[str]) -> None:
    """Take the outputs of the component's last execution; or add its name to `unknown`."""
    execution = launcher.store.last_complete(name)
    print(f"[take  ] {name}: " + (f"execution {execution.id}" if execution else "never run: this would fail"))
    if execution:
        launcher.outputs |= {(name, k): a for k, a in launcher.store.artifacts(execution.id, "OUTPUT").items()}
    else:
        unknown.add(name)


def _listed(launcher: Launcher, decision: Decision, config: PipelineConfig) -> list[Video] | None:
    """The videos that the run would have; None if a sample is among them that would first be made."""
    if decision.cached:
        folder = launcher.outputs["VideoExampleGen", "videos"].uri
        return [video for split in SPLITS for video in read_manifest(folder, split)]
    from components.video_example_gen import adapters, executor  # imports SciPy

    parameters = config.components.VideoExampleGen
    for dataset in parameters.datasets:
        if isinstance(dataset, adapters.SampleConfig) and not dataset.is_made():
            print(f"{dataset.name} (sample): {dataset.clips} real clips and {4 * dataset.clips} fakes would be made")
            return None
    videos, _ = executor.list_datasets(parameters)
    return videos
