"""Train recipes over several seeds and judge them on faces of held-out people.

    python -m benchmarks.ablation --examples=E --out=DIR --backbone=resnet18 --image_size=112 --steps=600 --warm_steps=600

Every run takes its last weights, so the held-out split (--held_out, by default `val`) is looked at once and chooses
nothing. With --warm_steps all recipes of a seed start from one network, trained by cross-entropy alone on the same
faces. Started again, it goes on where it stopped: finished runs are kept, a cut one resumes.
"""

import json
import math
import multiprocessing
import os
import statistics
import sys

from benchmarks import common
from model.recipes import RECIPES, get_recipe

TABLE = ("cross_entropy", "triplet", "triplet_cross_entropy", "without_expander", "paper")
# Each against the one that lacks just that term (Table 3, and section 4.3.2).
STEPS_UP = (
    ("triplet_cross_entropy", "triplet", "+ cross-entropy"),
    ("without_expander", "triplet_cross_entropy", "+ Weight-Center"),
    ("paper", "without_expander", "+ expander"),
    ("paper", "cross_entropy", "the whole method, against cross-entropy alone"),
)
# 97.5 % points of Student's t for 1, 2, ... degrees of freedom.
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def main(arguments=None):
    """Command line; returns the exit code."""
    options, fields = _parse(arguments)
    seeds = range(options.seeds)
    runs = [(name, seed) for seed in seeds for name in (["warm"] if options.warm_steps else []) + options.recipes]
    results = {}
    for number, (name, seed) in enumerate(runs, start=1):
        folder = os.path.join(options.out, f"{name}-{seed}")
        found = os.path.join(folder, "result.json")
        if not os.path.exists(found):
            print(f"--- run {number} of {len(runs)}: {name}, seed {seed}", flush=True)
            recipe = _recipe(name, seed, options, fields)
            # A process for each: TensorFlow gives no memory back.
            child = multiprocessing.get_context("spawn").Process(
                target=run_one, args=(recipe, options.examples, options.held_out, folder)
            )
            child.start()
            child.join()
            if child.exitcode:
                print(f"error: {name}, seed {seed} ended with {child.exitcode}; the same command goes on from here")
                return 1
        with open(found) as stream:
            results[name, seed] = json.load(stream)
    table = summarize(results, options.recipes, seeds)
    print("\n" + "\n".join(to_markdown(table)))
    settings = {"held_out": options.held_out, "seeds": options.seeds, "warm_steps": options.warm_steps, **fields}
    common.write_json(options.json, {}, {**table, "settings": settings})
    return 0


def _parse(arguments):
    parser = common.parser("ablation", __doc__)
    parser.add_argument("--examples", required=True, help="folder of face examples")
    parser.add_argument("--out", required=True, help="folder for the runs; give the same one to go on")
    parser.add_argument("--recipes", default=",".join(TABLE), help="comma-separated; default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="trainings per recipe (default: %(default)s)")
    parser.add_argument("--warm_steps", type=int, default=0, help="steps of cross-entropy that all recipes start from")
    parser.add_argument("--held_out", default="val", help="split to judge on (default: %(default)s)")
    options, rest = parser.parse_known_args(arguments)
    fields = {"steps": 1500, "learning_rate": 0.02, "schedule": "cosine"}
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
            parser.error(f"--recipes: no recipe {name!r}; there are {', '.join(RECIPES)}")
    try:
        get_recipe(options.recipes[0], **fields)
    except ValueError as error:
        parser.error(str(error))
    return options, fields


def _recipe(name, seed, options, fields):
    if name == "warm":
        return get_recipe("cross_entropy", **{**fields, "steps": options.warm_steps, "seed": seed})
    if options.warm_steps:
        fields = {**fields, "initial_weights": os.path.join(options.out, f"warm-{seed}", "model.keras")}
        seed += options.seeds  # other batches than the warm start saw first
    return get_recipe(name, **{**fields, "seed": seed})


def run_one(recipe, folder, held_out, out):
    """Train once and write `result.json`: AUC and ACC by the logit and by the similarity to the real centre."""
    from commands.quiet import import_tensorflow

    import_tensorflow()
    from artifacts import face_examples
    from model import scoring
    from model.train import train

    files = face_examples.find_files(folder, "train")
    judged = face_examples.find_files(folder, held_out)
    os.makedirs(out, exist_ok=True)
    detector, history = train(recipe, files, [], out)
    detector.save(os.path.join(out, "model.keras"))
    rows = scoring.join_batches(scoring.score_examples(scoring.predictor(detector), judged))
    by_logit = scoring.accuracy_and_auc(rows["label"], rows["logit"])
    by_center = scoring.accuracy_and_auc(rows["label"], -rows["center_similarity"])
    result = {
        "auc": by_logit["auc"] if recipe.score == "logit" else by_center["auc"],
        "acc": by_logit["acc"] if recipe.score == "logit" else None,
        "center_auc": by_center["auc"],
        "last": history[-1],
        "faces": len(rows["label"]),
    }
    path = os.path.join(out, "result.json")
    with open(path + ".partial", "w") as stream:
        json.dump(result, stream, indent=1)
    os.replace(path + ".partial", path)
    print(f"held-out AUC {result['auc']:.4f}", flush=True)


# --- the table --------------------------------------------------------------------------------------------------------
def mean_and_interval(values):
    """(mean, half of the 95 % interval of the mean by Student's t; None for a single value)."""
    values = list(values)
    if len(values) < 2:
        return values[0], None
    point = STUDENT[min(len(values) - 2, len(STUDENT) - 1)]
    return statistics.mean(values), point * statistics.stdev(values) / math.sqrt(len(values))


def summarize(results, recipes, seeds):
    """Means with intervals over seeds, and of each step up the differences seed by seed."""
    rows = {}
    for name in (["warm"] if ("warm", seeds[0]) in results else []) + list(recipes):
        found = [results[name, seed] for seed in seeds]
        rows[name] = {
            key: mean_and_interval(result[key] for result in found)
            for key in ("auc", "acc", "center_auc")
            if all(result[key] is not None for result in found)
        } | {"each": [result["auc"] for result in found]}
    differences = {
        what: mean_and_interval(a - b for a, b in zip(rows[name]["each"], rows[below]["each"], strict=True))
        for name, below, what in STEPS_UP
        if name in rows and below in rows
    }
    return {"recipes": rows, "differences": differences}


def to_markdown(table):
    """The table as lines of Markdown."""
    yield "| recipe | AUC | ACC | AUC by centre | AUC of each seed |"
    yield "|---|---|---|---|---|"
    for name, row in table["recipes"].items():
        cells = [_cell(row.get(key)) for key in ("auc", "acc", "center_auc")]
        yield f"| {name} | {' | '.join(cells)} | {', '.join(f'{value:.3f}' for value in row['each'])} |"
    yield ""
    yield "| what is added | AUC, mean difference over seeds |"
    yield "|---|---|"
    for what, difference in table["differences"].items():
        yield f"| {what} | {_cell(difference, '+')} |"


def _cell(value, sign=""):
    if value is None:
        return "–"
    mean, half = value
    return f"{mean:{sign}.3f}" + (f" ± {half:.3f}" if half is not None else "")


if __name__ == "__main__":
    sys.exit(main())
