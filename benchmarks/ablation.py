"""Train recipes with several seeds and measure them on faces of held-out people.

    python -m benchmarks.ablation --examples=E --out=DIR --image_size=112 --steps=600 --warm_steps=600

Every run keeps its last weights, so the held-out split (--held_out, `val` by default) is looked at once and chooses
nothing. With --warm_steps all recipes of a seed start from one network, trained by cross-entropy alone on the same
faces. Run the same command again and it goes on where it stopped: finished runs are kept, an interrupted one resumes.
"""

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from scipy import stats

from artifacts.writing import write_json
from benchmarks import common
from model.recipes import RECIPES, Recipe, get_recipe

TABLE = ("cross_entropy", "triplet", "triplet_cross_entropy", "without_expander", "paper")
# (recipe, the one that lacks just that term, the term): Table 3, and section 4.3.2.
STEPS_UP = (
    ("triplet_cross_entropy", "triplet", "+ cross-entropy"),
    ("without_expander", "triplet_cross_entropy", "+ Weight-Center"),
    ("paper", "without_expander", "+ expander"),
    ("paper", "cross_entropy", "the whole method, against cross-entropy alone"),
)
FIGURES = ("auc", "acc", "center_auc")

Interval = tuple[float, float | None]  # (mean, half of its 95 % interval; None for a single value)


class OfMethod(TypedDict):
    """Figures of the fakes of one method beside all reals, as in the columns of Table 3."""

    auc: float | None
    acc: float | None


class RunResult(TypedDict):
    """What one training reached on the held-out faces.

    Attributes:
        auc, acc: by the logit, which is a class-mean read-out where no classifier is trained.
        center_auc: by the similarity to the real centre.
        methods: of each method of the held-out fakes; empty if there is only one.
        last: the last row of the training's history.
        faces: how many were scored.
    """

    auc: float | None
    acc: float | None
    center_auc: float | None
    methods: dict[str, OfMethod]
    last: dict[str, float | None]
    faces: int


class Table(TypedDict):
    """Means over seeds with their intervals.

    Attributes:
        recipes: recipe -> `FIGURES` as `Interval`s; `each`, the AUC of each seed; and `methods`, method -> "auc" and
            "acc" as `Interval`s.
        differences: added term -> mean difference of the AUC, seed by seed.
    """

    recipes: dict[str, dict[str, Any]]
    differences: dict[str, Interval]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    options, fields = _parse(arguments)
    seeds = range(options.seeds)
    names = (["warm"] if options.warm_steps else []) + options.recipes
    runs = [(name, seed) for seed in seeds for name in names]
    results = {}
    for number, (name, seed) in enumerate(runs, start=1):
        folder = os.path.join(options.out, f"{name}-{seed}")
        path = os.path.join(folder, "result.json")
        if not os.path.exists(path):
            print(f"--- run {number} of {len(runs)}: {name}, seed {seed}", flush=True)
            recipe = _recipe(name, seed, options, fields)
            what = f"{name}, seed {seed} (the same command goes on from here)"
            # A process for each run: TensorFlow does not give memory back.
            result = common.in_own_process(run_one, recipe, options.examples, options.held_out, folder, what=what)
            write_json(path, result)
        with open(path) as stream:
            results[name, seed] = json.load(stream)
    table = summarize(results, options.recipes, seeds)
    print("\n" + "\n".join(to_markdown(table)))
    settings = {"held_out": options.held_out, "seeds": options.seeds, "warm_steps": options.warm_steps, **fields}
    common.write_json(options.json, {}, {**table, "settings": settings})
    return 0


def _parse(arguments: Sequence[str] | None) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Return the options, and the fields that override every recipe's."""
    parser = common.parser("ablation", __doc__, passes_on=True)
    parser.add_argument("--examples", required=True, help="folder of face examples")
    parser.add_argument("--out", required=True, help="folder for the runs; give the same one to go on")
    parser.add_argument("--recipes", default=",".join(TABLE), help="comma-separated; default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="trainings per recipe (default: %(default)s)")
    parser.add_argument("--warm_steps", type=int, default=0, help="steps of cross-entropy that all recipes start from")
    parser.add_argument("--held_out", default="val", help="split to measure on (default: %(default)s)")
    options, rest = parser.parse_known_args(arguments)
    fields: dict[str, Any] = {"steps": 1500, "learning_rate": 0.02, "schedule": "cosine"}
    for argument in rest:
        key, _, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not value:
            parser.error(f"{argument}: not an option, nor a recipe's field as --field=value")
        fields[key] = value
    if options.quick:
        fields |= {"steps": 4, "backbone": "resnet10", "image_size": 32}
        options.seeds, options.warm_steps = min(options.seeds, 2), min(options.warm_steps, 2)
    options.recipes = options.recipes.split(",")
    for name in options.recipes:
        if name not in RECIPES:
            parser.error(f"--recipes: no recipe {name!r}; known: {', '.join(RECIPES)}")
    try:
        for name in options.recipes:
            get_recipe(name, **_without_idle_starts(name, fields))
    except ValueError as error:
        parser.error(str(error))
    return options, fields


def _recipe(name: str, seed: int, options: argparse.Namespace, fields: Mapping[str, Any]) -> Recipe:
    fields = _without_idle_starts("cross_entropy" if name == "warm" else name, fields)
    if name == "warm":
        return get_recipe("cross_entropy", **{**fields, "steps": options.warm_steps, "seed": seed})
    if options.warm_steps:
        fields = {**fields, "initial_weights": os.path.join(options.out, f"warm-{seed}", "model.keras")}
        seed += options.seeds  # other batches first than the warm start saw
    return get_recipe(name, **{**fields, "seed": seed})


def _without_idle_starts(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the start of a term that the named recipe does not have: the fields are given for all recipes."""
    recipe = RECIPES[name][0]
    idle = {"weight_center_start": not recipe.weight_center_weight, "expander_start": not recipe.expander}
    return {field: value for field, value in fields.items() if not idle.get(field)}


def run_one(recipe: Recipe, examples: str, held_out: str, out: str) -> RunResult:
    """Train once, save the detector, and measure it on the held-out split; needs a process of its own."""
    from commands.quiet import import_tensorflow

    import_tensorflow()
    from artifacts.face_examples import find_files
    from model import scoring
    from model.training import train
    from model.validation import figure

    train_files, held_out_files = find_files(examples, "train"), find_files(examples, held_out)
    os.makedirs(out, exist_ok=True)
    detector, history = train(recipe, train_files, [], out)
    detector.save(os.path.join(out, "model.keras"))
    scored = scoring.score_examples(scoring.predictor(detector), held_out_files, keys=(*scoring.KEYS, "method"))
    rows = scoring.join_batches(scored)
    by_logit = scoring.accuracy_and_auc(rows["label"], rows["logit"])
    by_center = scoring.accuracy_and_auc(rows["label"], -rows["center_similarity"])
    print(f"held-out AUC {figure(by_logit['auc'])}", flush=True)
    return {
        "auc": by_logit["auc"],
        "acc": by_logit["acc"],
        "center_auc": by_center["auc"],
        "methods": of_methods(rows["label"], rows["logit"], rows["method"]),
        "last": history[-1],
        "faces": len(rows["label"]),
    }


def of_methods(label: np.ndarray, logit: np.ndarray, method: np.ndarray) -> dict[str, OfMethod]:
    """Return the figures of each method's fakes beside all reals; {} if there is only one method.

    Args:
        label: 0 or 1, [n].
        logit: float [n].
        method: names, [n].
    """
    from model import scoring

    names = sorted(set(method[label == 1]))
    figures: dict[str, OfMethod] = {}
    for name in names if len(names) > 1 else ():
        chosen = (label == 0) | (method == name)
        found = scoring.accuracy_and_auc(label[chosen], logit[chosen])
        figures[str(name)] = {"auc": found["auc"], "acc": found["acc"]}
    return figures


# --- the table --------------------------------------------------------------------------------------------------------
def mean_and_interval(values: Iterable[float]) -> Interval:
    """Return the mean of some values, and half of its 95 % interval by Student's t (None for a single value)."""
    values = list(values)
    if len(values) < 2:
        return values[0], None
    point = float(stats.t.ppf(0.975, len(values) - 1))
    return statistics.mean(values), point * statistics.stdev(values) / math.sqrt(len(values))


def summarize(
    results: Mapping[tuple[str, int], Mapping[str, Any]], recipes: Sequence[str], seeds: Sequence[int]
) -> Table:
    """Average the results over seeds, and for each step up the differences seed by seed.

    Args:
        results: (recipe, seed) -> its `RunResult`.
        recipes: those to list, in order; the warm start comes first if there is one.
        seeds: those that every recipe was trained with.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name in (["warm"] if ("warm", seeds[0]) in results else []) + list(recipes):
        found = [results[name, seed] for seed in seeds]
        rows[name] = {
            key: mean_and_interval(result[key] for result in found)
            for key in FIGURES
            if all(result[key] is not None for result in found)
        } | {"each": [result["auc"] for result in found], "methods": _join_methods(found)}
    differences = {
        what: mean_and_interval(a - b for a, b in zip(rows[name]["each"], rows[below]["each"], strict=True))
        for name, below, what in STEPS_UP
        if name in rows and below in rows
    }
    return {"recipes": rows, "differences": differences}


def _join_methods(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Interval]]:
    """Average the figures of each method over seeds; a figure that a seed lacks is left out."""
    joined: dict[str, dict[str, Interval]] = {}
    for name in found[0].get("methods", {}):
        of_seeds = [result["methods"][name] for result in found]
        joined[name] = {
            key: mean_and_interval(of[key] for of in of_seeds)
            for key in ("auc", "acc")
            if all(of[key] is not None for of in of_seeds)
        }
    return joined


def to_markdown(table: Table) -> Iterator[str]:
    """Yield the table as lines of Markdown."""
    methods = sorted({name for row in table["recipes"].values() for name in row["methods"]})
    columns = [f" {name}: AUC, ACC |" for name in methods]
    yield f"| recipe | AUC | ACC | AUC by centre | AUC of each seed |{''.join(columns)}"
    yield f"|---|---|---|---|---|{'---|' * len(columns)}"
    for name, row in table["recipes"].items():
        cells = [_cell(row.get(key)) for key in FIGURES]
        of_methods = [row["methods"].get(method, {}) for method in methods]
        more = "".join(f" {_cell(of.get('auc'))}, {_cell(of.get('acc'))} |" for of in of_methods)
        yield f"| {name} | {' | '.join(cells)} | {', '.join(f'{value:.3f}' for value in row['each'])} |{more}"
    yield ""
    yield "| what is added | AUC, mean difference over seeds |"
    yield "|---|---|"
    for what, difference in table["differences"].items():
        yield f"| {what} | {_cell(difference, '+')} |"


def _cell(value: Interval | None, sign: str = "") -> str:
    if value is None:
        return "–"
    mean, half = value
    return f"{mean:{sign}.3f}" + (f" ± {half:.3f}" if half is not None else "")


if __name__ == "__main__":
    sys.exit(main())
