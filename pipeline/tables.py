"""The paper's tables: train and evaluate several recipes on the data of one config, published figures beside.

    python -m pipeline.tables --config c.json --recipes paper,cross_entropy,meso4
    python -m pipeline.tables --config c.json --recipes all --seeds 0,1,2

Videos are listed and faces extracted once. Each recipe is then trained and evaluated; what was done before is not done
again, and an interrupted command goes on where it stopped. The page is written anew after each recipe, so that it can
be read while the others still learn.

exit codes: 0 done; 2 something to be fixed, which the message names; 130 stopped by Ctrl-C, 143 by SIGTERM.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from artifacts.errors import InputError
from artifacts.layout import METRICS, RECIPE
from artifacts.words import counted
from commands.parser import CommandParser
from commands.signals import stoppable
from commands.terminal import guard_terminal
from model.recipes import RECIPES
from pipeline.config import ConfigError, load_config
from pipeline.config_schema import PipelineConfig
from pipeline.engines import beam_args
from pipeline.launcher import Launcher, sweep
from pipeline.metadata import MetadataStore
from pipeline.pipeline import create_pipeline
from pipeline.run import check_listing, locked, step

LAST = "Evaluator"  # component; nothing is pushed


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Define and parse the command line."""
    parser = CommandParser(prog="python -m pipeline.tables", description=__doc__)
    parser.add_argument("--config", default="pipeline_config.json", help="data and evaluation (default: %(default)s)")
    parser.add_argument(
        "--recipes", default="paper,cross_entropy", metavar="NAMES",
        help="recipes, with commas between; all: every recipe (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", default="0", metavar="NUMBERS",
        help="seeds of the trainings, with commas between: a row for each (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", dest="settings",
        help="override a field of the config for all recipes, e.g. components.Trainer.steps=200",
    )  # fmt: skip
    parser.add_argument(
        "--set_for", action="append", default=[], metavar="RECIPE.FIELD=VALUE",
        help="override a field of one recipe, e.g. xception.initial_weights=weights.keras",
    )  # fmt: skip
    parser.add_argument(
        "--out", metavar="FOLDER",
        help="of tables.html and tables.json (default: tables/ in the config's pipeline_root)",
    )  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code, see the top of this file."""
    guard_terminal()
    known = parse_arguments(arguments)
    return stoppable(lambda: _run(known), trainer="Trainer")


def _run(known: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        trainings = list(_trainings(known))  # every config is read before anything is trained
        folder = Path(known.out or os.path.join(trainings[0].config.pipeline_root, "tables"))
        folder.mkdir(parents=True, exist_ok=True)
        with locked(trainings[0].config.pipeline_root):
            _train_all(trainings, folder)
        return 0
    except InputError as error:
        print("\n".join(f"error: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or known.config}: {error.strerror}. What is finished is kept", file=sys.stderr)
        return 2


class Training(argparse.Namespace):
    """A recipe and a seed: `recipe`, `label` and `config`."""

    recipe: str
    label: str
    config: PipelineConfig


def _trainings(known: argparse.Namespace) -> Iterator[Training]:
    recipes = list(RECIPES) if known.recipes == "all" else known.recipes.split(",")
    seeds = known.seeds.split(",")
    for recipe in recipes:
        if recipe not in RECIPES:
            raise ConfigError(f"--recipes: {recipe!r} is no recipe; known: {', '.join(RECIPES)}")
    own = [setting.partition(".") for setting in known.set_for]
    for name, dot, rest in own:
        if not dot or "=" not in rest or name not in recipes:
            raise ConfigError(f"--set_for {name}{dot}{rest}: must be RECIPE.FIELD=VALUE, with a recipe of --recipes")
    for recipe in recipes:
        for seed in seeds:
            if not seed.isdecimal():
                raise ConfigError(f"--seeds: {seed!r} is not a number")
            fields = [f"recipe={recipe}", f"seed={seed}", *(rest for name, _, rest in own if name == recipe)]
            settings = [*known.settings, *(f"components.Trainer.{field}" for field in fields)]
            label = recipe if len(seeds) == 1 else f"{recipe}, seed {seed}"
            try:
                yield Training(recipe=recipe, label=label, config=load_config(known.config, settings))
            except ConfigError as error:
                if f"--set_for {recipe}." not in (text := _as_typed(str(error), recipe, known)):
                    raise
                raise ConfigError(text) from None


def _as_typed(text: str, recipe: str, known: argparse.Namespace) -> str:
    """Name the flag by which a field of one recipe was given."""
    for setting in known.set_for:
        name, _, field = setting.partition("=")[0].partition(".")
        if name == recipe:
            text = text.replace(f"--set: components.Trainer.{field}:", f"--set_for {recipe}.{field}:")
    return text


def _train_all(trainings: Sequence[Training], folder: Path) -> None:
    """Train and evaluate one after the other; the page is written after each."""
    from evaluation.report import paper_tables  # takes seconds to import

    measured: list[paper_tables.Measured] = []
    root = trainings[0].config.pipeline_root
    with contextlib.closing(MetadataStore(root)) as store:
        for number, training in enumerate(trainings, start=1):
            print(f"\n{training.label} ({number} of {len(trainings)})", flush=True)
            began = time.monotonic()
            launcher = _evaluate(store, training.config)
            evaluation, model = (
                launcher.outputs[key].uri for key in (("Evaluator", "evaluation"), ("Trainer", "model"))
            )
            metrics = json.loads(Path(evaluation, METRICS).read_text())
            resolved = json.loads(Path(model, RECIPE).read_text())
            conditions = paper_tables.conditions_of(training.recipe, metrics, resolved)
            conditions.append(("evaluation", os.path.relpath(evaluation, root)))
            measured.append(paper_tables.Measured(training.recipe, training.label, metrics, conditions))
            paper_tables.write(folder, measured, _facts(training.config, launcher))
            print(f"{training.label}: {time.monotonic() - began:.1f} s; {folder / 'tables.html'}", flush=True)
    print(f"\n{counted(len(measured), 'detector')} beside the paper's: {folder / 'tables.html'}")


def _evaluate(store: MetadataStore, config: PipelineConfig) -> Launcher:
    """Run the pipeline up to the Evaluator, which compares with no earlier model."""
    nodes = create_pipeline(config, compare=False)
    names = [node.component.name for node in nodes]
    nodes, names = nodes[: names.index(LAST) + 1], names[: names.index(LAST) + 1]
    launcher = Launcher(store, config.pipeline_root, None, beam_args(config.engine))
    sweep(store, config.pipeline_root, [node.component for node in nodes])
    launcher.run = store.start_run(config.pipeline_name, config.model_dump(mode="json"))
    for node in nodes:
        step(launcher, node, before=False)
        if node.component.name == "VideoExampleGen":
            check_listing(launcher, config, names)
    return launcher


def _facts(config: PipelineConfig, launcher: Launcher) -> list[tuple[str, str]]:
    """What holds for all detectors: the data, their versions, and digests of the splits and the faces."""
    lines = []
    for dataset in config.components.VideoExampleGen.datasets:
        version = [str(value) for field in ("version", "compression") if (value := getattr(dataset, field, None))]
        lines.append((f"data set {dataset.name}", ", ".join([dataset.type, *version])))
    for name, key in (("splits", ("VideoExampleGen", "videos")), ("faces", ("FaceExampleGen", "examples"))):
        lines.append((f"digest of the {name}", launcher.outputs[key].digest[:16]))
    return lines


if __name__ == "__main__":
    sys.exit(main())
