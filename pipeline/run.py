"""Run the pipeline of a config: videos in, a trained, evaluated and served model out.

    python -m pipeline.run --config pipeline_config.json
    python -m pipeline.run --config c.json --set components.Trainer.steps=200 --from Trainer --to Evaluator

What was done before with the same inputs, parameters and code is not done again. An interrupted run continues where it
stopped when it is started again.
"""

import argparse
import contextlib
import fcntl
import logging
import os
import sys
import time
from collections.abc import Iterator, Sequence

from artifacts.errors import InputError
from artifacts.layout import METRICS, PUSHED, REPORT, STATISTICS
from commands.signals import Interrupted, StopSignals, exit_code
from pipeline.config import ConfigError, load_config
from pipeline.config_schema import PipelineConfig
from pipeline.engines import beam_args
from pipeline.launcher import Launcher, sweep
from pipeline.metadata import MetadataStore
from pipeline.pipeline import SAMPLE_CAVEAT, create_pipeline
from pipeline.wiring import Node


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Define and parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="pipeline_config.json", help="the run's config (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="settings",
        help="override a field of the config, e.g. components.Trainer.steps=200; may be given several times",
    )  # fmt: skip
    parser.add_argument("--from", dest="first", metavar="COMPONENT",
                        help="begin there; earlier components are taken as they last ran")  # fmt: skip
    parser.add_argument("--to", dest="last", metavar="COMPONENT", help="stop after it")
    parser.add_argument("--no_cache", action="store_true", help="execute even what could be reused")
    parser.add_argument("--dry_run", action="store_true", help="print what would be executed and why; change nothing")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 done, 2 for what the user can fix, 128+n for a signal."""
    known = parse_arguments(arguments)
    # Whoever is interrupted would log it as an error of its own.
    with StopSignals(on_signal=lambda _: logging.disable(logging.CRITICAL)) as stop:
        try:
            config = load_config(known.config, known.settings)
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
            with contextlib.nullcontext() if known.dry_run else _locked(config.pipeline_root):
                run_pipeline(config, known)
        except InputError as error:
            print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
            return 2
        except OSError as error:
            reason = f"{error.filename or ''}: {error.strerror}"
            print(f"error: {reason}. What is finished is kept; fix it and run again", file=sys.stderr)
            return 2
        except Interrupted as interrupted:
            print(f"Trainer {interrupted}. The same command continues from there.", file=sys.stderr)
            return exit_code(interrupted.number)
        except BaseException:
            if stop.number is None:  # on its way through Beam a KeyboardInterrupt loses its type
                raise
            print(f"stopped by {stop.number.name}; the same command continues from here", file=sys.stderr)
            return exit_code(stop.number)
    return 0


@contextlib.contextmanager
def _locked(root: str) -> Iterator[None]:
    """Allow one run at a time in a pipeline root."""
    try:
        os.makedirs(root, exist_ok=True)
        stream = open(os.path.join(root, ".lock"), "w")  # noqa: SIM115 - closed below; opening alone may fail
    except OSError as error:
        raise ConfigError(
            f"pipeline_root: {root}: cannot be written ({error.strerror}). Give a folder that can be"
        ) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"pipeline_root: {root}: another run is using it. Wait for it, or give another"
            ) from error
        yield


def run_pipeline(config: PipelineConfig, known: argparse.Namespace) -> None:
    """Launch the selected nodes in order and print the results."""
    nodes = create_pipeline(config)
    first, last = select(nodes, known.first, known.last)
    began = time.monotonic()
    with contextlib.closing(MetadataStore(config.pipeline_root, create=not known.dry_run)) as store:
        launcher = Launcher(store, config.pipeline_root, None, beam_args(config.engine), known.no_cache)
        if known.dry_run:
            _plan(launcher, nodes, first, last)
            return
        sweep(store, config.pipeline_root, [node.component for node in nodes])
        launcher.run = store.start_run(config.pipeline_name, config.model_dump(mode="json"))
        hits = 0
        for number, node in enumerate(nodes[: last + 1]):
            hits += _step(launcher, node, number < first)
    _summary(config, launcher, hits, last + 1, time.monotonic() - began)


def select(nodes: Sequence[Node], first: str | None, last: str | None) -> tuple[int, int]:
    """Return the positions of the first and the last node to run.

    Raises:
        ConfigError: an unknown name, or the first comes after the last.
    """
    names = [node.component.name for node in nodes]
    for flag, name in (("--from", first), ("--to", last)):
        if name is not None and name not in names:
            raise ConfigError(f"{flag} {name}: no such component; known: {', '.join(names)}")
    begin, end = names.index(first) if first else 0, names.index(last) if last else len(names) - 1
    if begin > end:
        raise ConfigError(f"--from {first} comes after --to {last}; the order is {', '.join(names)}")
    return begin, end


def _step(launcher: Launcher, node: Node, before: bool) -> bool:
    """Run one node; returns whether an earlier execution was used."""
    component = node.component
    if before:
        execution = launcher.store.last_complete(component.name)
        if execution is None:
            raise ConfigError(
                f"--from: {component.name} has never run here, so its outputs are missing. Run without --from"
            )
        for key, artifact in launcher.store.artifacts(execution.id, "OUTPUT").items():
            if not os.path.isdir(artifact.uri):
                raise ConfigError(
                    f"--from: {component.name}'s output {key} is gone ({artifact.uri}). Run without --from"
                )
        print(f"[taken ] {component.name}: execution {execution.id}, as it was last made (--from)", flush=True)
        launcher.reuse(component, execution)
        return True
    decision = launcher.decide(node)
    print(f"[{'cached' if decision.cached else 'run   '}] {component.name}: {decision.reason}", flush=True)
    began = time.monotonic()
    execution = launcher.launch(node, decision)
    if not decision.cached:
        figures = "  ".join(f"{key} {value}" for key, value in execution.properties.items())
        print(f"[done  ] {component.name} in {time.monotonic() - began:.1f} s  {figures}", flush=True)
    return decision.cached is not None


def _plan(launcher: Launcher, nodes: Sequence[Node], first: int, last: int) -> None:
    """Print what would be executed, and why."""
    unknown: set[str] = set()
    for number, node in enumerate(nodes[: last + 1]):
        name = node.component.name
        if number < first:
            execution = launcher.store.last_complete(name)
            print(f"[take  ] {name}: " + (f"execution {execution.id}" if execution else "never run: this would fail"))
            if execution:
                launcher.outputs |= {(name, k): a for k, a in launcher.store.artifacts(execution.id, "OUTPUT").items()}
            else:
                unknown.add(name)
            continue
        waits = sorted({output.component.name for output in node.inputs.values()} & unknown)
        if waits:
            print(f"[run   ] {name}: its inputs will come from {', '.join(waits)}")
            unknown.add(name)
            continue
        decision = launcher.decide(node)
        print(f"[{'cached' if decision.cached else 'run   '}] {name}: {decision.reason}")
        if decision.cached:
            outputs = launcher.store.artifacts(decision.cached.id, "OUTPUT")
            launcher.outputs |= {(name, key): artifact for key, artifact in outputs.items()}
        else:
            unknown.add(name)
    print("dry run: nothing was executed")


def _summary(config: PipelineConfig, launcher: Launcher, hits: int, total: int, seconds: float) -> None:
    """Print where everything lies; and the table of figures if no component has just printed it."""
    import json

    evaluation = launcher.outputs.get(("Evaluator", "evaluation"))
    pushed = launcher.outputs.get(("Pusher", "pushed_model"))
    statistics = launcher.outputs.get(("StatisticsGen", "statistics"))
    run_logs = launcher.outputs.get(("Trainer", "model_run"))
    print()
    if evaluation and hits == total:
        from evaluation.metrics_table import print_table

        with open(os.path.join(evaluation.uri, METRICS)) as stream:
            print_table(json.load(stream))
    if hits == total:
        print(f"all {total} components were cached ({seconds:.1f} s)")
    else:
        print(f"{total - hits} of {total} components executed, {hits} cached ({seconds:.1f} s)")
    if statistics:
        print(f"statistics:   {os.path.join(statistics.uri, STATISTICS)}")
    if run_logs:
        print(f"training:     tensorboard --logdir {os.path.join(run_logs.uri, 'logs')}")
    if evaluation:
        print(f"report:       {os.path.join(evaluation.uri, REPORT)}")
    if pushed:
        with open(os.path.join(pushed.uri, PUSHED)) as stream:
            outcome = json.load(stream)
        print(
            f"served model: {outcome['path'] if outcome['pushed'] else 'not pushed: ' + '; '.join(outcome['reasons'])}"
        )
        if outcome["pushed"]:
            model = os.path.relpath(os.path.dirname(outcome["path"]))
            print(f"your video:   python -m serving.predict VIDEO --model {model}")
    if any(dataset.type == "sample" for dataset in config.components.VideoExampleGen.datasets):
        print(f"note:         {SAMPLE_CAVEAT}")


if __name__ == "__main__":
    sys.exit(main())
