"""Run the pipeline of a config: videos in, a trained, evaluated and served model out.

    python -m pipeline.run --config pipeline_config.json
    python -m pipeline.run --config c.json --from Trainer --to Evaluator
    python -m pipeline.run --config c.json --set components.Trainer.steps=200

What was done before with the same inputs, parameters and code is not done again. An interrupted run continues where it
stopped when it is started again.

exit codes: 0 done; 2 something to be fixed, which the message names; 3 done, but the model was not pushed, since a
threshold or a test of the server's failed; 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

import argparse
import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence

from artifacts.errors import InputError
from artifacts.manifest import SPLITS, read_manifest
from artifacts.words import shown
from artifacts.writing import open_fixed, write_json
from commands.output_files import OutputFile, check_outputs
from commands.parser import CommandParser
from commands.signals import stoppable
from commands.terminal import guard_terminal
from pipeline.config import ConfigError, load_config
from pipeline.config_schema import PipelineConfig
from pipeline.dry_run import plan
from pipeline.engines import beam_args
from pipeline.launcher import Launcher, sweep
from pipeline.listing_check import count_videos, problems
from pipeline.metadata import MetadataStore
from pipeline.pipeline import create_pipeline
from pipeline.run_summary import Step, is_summary, print_summary, summarize
from pipeline.wiring import Node


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Define and parse the command line."""
    parser = CommandParser(prog="python -m pipeline.run", description=__doc__)
    parser.add_argument("--config", default="pipeline_config.json", help="the run's config (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="settings",
        help="override a field of the config, e.g. components.Trainer.steps=200; may be given several times",
    )  # fmt: skip
    parser.add_argument("--from", dest="first", metavar="COMPONENT",
                        help="begin there; earlier components are taken as they last ran")  # fmt: skip
    parser.add_argument("--to", dest="last", metavar="COMPONENT", help="stop after it")
    parser.add_argument("--no_cache", action="store_true", help="execute even what could be reused")
    parser.add_argument("--verify", action="store_true",
                        help="read the whole content of what is reused and compare it with what was made; without "
                        "this, of files whose size or time has changed only")  # fmt: skip
    parser.add_argument("--dry_run", action="store_true",
                        help="list the data sets, print what would be executed and why, and what the list "
                        "tells against it; change nothing")  # fmt: skip
    parser.add_argument("--summary", metavar="FILE",
                        help="write what the run did as JSON, also if it is interrupted or fails: each component with "
                        "its figures and outputs, whether the model was pushed, and where")  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code, see the top of this file."""
    guard_terminal()
    known = parse_arguments(arguments)
    return stoppable(lambda: _run(known), trainer="Trainer")


def _run(known: argparse.Namespace) -> int:
    try:
        if known.summary:
            check_outputs([OutputFile("--summary", known.summary, is_summary)], [known.config])
        config = load_config(known.config, known.settings)
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with contextlib.nullcontext() if known.dry_run else locked(config.pipeline_root):
            return 3 if run_pipeline(config, known) is False else 0
    except InputError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    except OSError as error:
        reason = f"{error.filename or known.config}: {error.strerror}"
        print(f"error: {reason}. What is finished is kept; fix it and run again", file=sys.stderr)
        return 2


@contextlib.contextmanager
def locked(root: str) -> Iterator[None]:
    """Allow one run at a time in a pipeline root."""
    try:
        os.makedirs(root, exist_ok=True)
        stream = open_fixed(os.path.join(root, ".lock"))  # closed below; opening alone may fail
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


def run_pipeline(config: PipelineConfig, known: argparse.Namespace) -> bool | None:
    """Launch the selected nodes in order and print the results; returns whether a model was pushed, if it could be."""
    if config.engine.runner == "beam":
        from components.beam import check_engine  # takes seconds to import

        # A cluster that cannot be used is told before anything runs.
        check_engine(beam_args(config.engine), fetch=not known.dry_run)
    nodes = create_pipeline(config)
    first, last = select(nodes, known.first, known.last)
    began = time.monotonic()
    with contextlib.closing(MetadataStore(config.pipeline_root, create=not known.dry_run)) as store:
        launcher = Launcher(store, config.pipeline_root, None, beam_args(config.engine), known.no_cache, known.verify)
        if known.dry_run:
            plan(launcher, nodes, first, last, config)
            return None
        sweep(store, config.pipeline_root, [node.component for node in nodes])
        launcher.run = store.start_run(config.pipeline_name, config.model_dump(mode="json"))
        steps: list[Step] = []
        names = [node.component.name for node in nodes[: last + 1]]
        complete = False
        try:
            for number, node in enumerate(nodes[: last + 1]):
                steps.append(step(launcher, node, number < first))
                if names[number] == "VideoExampleGen":
                    check_listing(launcher, config, names)
            complete = True
        finally:  # also of a run that is interrupted or fails
            summary = summarize(config, launcher, steps, time.monotonic() - began, complete)
            if known.summary:
                write_json(known.summary, summary)
    print_summary(config, summary)
    return summary["pushed"]


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


def step(launcher: Launcher, node: Node, before: bool) -> Step:
    """Run one node; returns what was done."""
    component = node.component
    if before:
        execution = launcher.store.last_complete(component.name)
        if execution is None:
            raise ConfigError(
                f"--from: {component.name} has never run here, so its outputs are missing. Run without --from"
            )
        for key, artifact in launcher.store.artifacts(execution.id, "OUTPUT").items():
            damage = launcher.problem(artifact)
            if damage:
                raise ConfigError(
                    f"--from: {component.name}'s output {key} {damage} ({artifact.uri}). Run without --from"
                )
        print(f"[taken ] {component.name}: execution {execution.id}, as it was last made (--from)", flush=True)
        launcher.reuse(component, execution)
        return Step(component.name, "taken", execution, 0.0)
    decision = launcher.decide(node)
    print(f"[{'cached' if decision.cached else 'run   '}] {component.name}: {decision.reason}", flush=True)
    began = time.monotonic()
    execution = launcher.launch(node, decision)
    seconds = time.monotonic() - began
    if not decision.cached:
        figures = "  ".join(f"{key} {shown(value)}" for key, value in execution.properties.items())
        print(f"[done  ] {component.name} in {seconds:.1f} s  {figures}", flush=True)
    return Step(component.name, "cached" if decision.cached else "executed", execution, seconds)


def check_listing(launcher: Launcher, config: PipelineConfig, components: Sequence[str]) -> None:
    """Stop before the hours of extraction and training if the list of videos tells that they would be in vain."""
    folder = launcher.outputs["VideoExampleGen", "videos"].uri
    counts = count_videos(video for split in SPLITS for video in read_manifest(folder, split))
    found = problems(counts, config, components)
    if found:
        raise ConfigError("\n".join(found))


if __name__ == "__main__":
    sys.exit(main())
