"""Tables of the ablation: means over seeds with 95 % intervals by Student's t, and differences seed by seed.

python -m benchmarks.gpu_training.table benchmarks/results/gpu_ablation.jsonl
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from benchmarks.ablation import mean_and_interval

Record = Mapping[str, Any]
Runs = Mapping[str, Mapping[int, Record]]  # setting -> seed -> its run

# What is added: its name, the setting with it, and the one without.
STEPS = (
    ("triplet, partner in", "tri+ce, in", "ce"),
    ("triplet, partner out", "tri+ce, out", "ce"),
    ("triplet, partner out, beta .5", "tri+ce, out, beta .5", "ce"),
    ("partner out of the triplets", "tri+ce, out", "tri+ce, in"),
    ("Weight-Center 1, partner in", "tri+ce+wc, in", "tri+ce, in"),
    ("Weight-Center 1, partner out", "tri+ce+wc, out", "tri+ce, out"),
    ("Weight-Center 1, without triplet", "ce+wc", "ce"),
    ("Weight-Center .1, without triplet", "ce+wc .1", "ce"),
    ("expander, partner in", "paper, in", "tri+ce+wc, in"),
    ("expander, partner out", "paper, out", "tri+ce+wc, out"),
    ("expander, without Weight-Center", "tri+ce+exp, out", "tri+ce, out"),
    ("Weight-Center .1 instead of 1", "paper, out, wc .1", "paper, out"),
    ("Weight-Center from the first step", "paper, out, wc from 0", "paper, out"),
    ("beta .5 instead of 2, at wc .1", "paper, out, beta .5, wc .1", "paper, out, wc .1"),
    ("Weight-Center .1 and expander at beta .5", "paper, out, beta .5, wc .1", "tri+ce, out, beta .5"),
    ("the paper's method, against cross-entropy", "paper, in", "ce"),
    ("the gentle method, against cross-entropy", "paper, out, beta .5, wc .1", "ce"),
    ("unpaired batches, cross-entropy", "ce, unpaired", "ce"),
    ("unpaired batches, triplet", "tri+ce, unpaired", "tri+ce, in"),
    ("unpaired batches, paper", "paper, unpaired", "paper, in"),
    ("unpaired batches, gentle", "paper, unpaired, beta .5, wc .1", "paper, out, beta .5, wc .1"),
)
WITH_INTERVAL = {
    "AUC test": lambda run: run["test"]["auc_logit"],
    "AUC val": lambda run: run["val"]["auc_logit"],
    "ACC test": lambda run: run["test"]["acc_val_logit"],
    "AUC by centre": lambda run: run["test"]["auc_center"],
}
WITHOUT: dict[str, tuple[Callable[[Record], float], int]] = {
    "spread of reals": (lambda run: run["test"]["real_spread"], 2),
    "of fakes": (lambda run: run["test"]["fake_spread"], 2),
    "rho": (lambda run: run["test"]["rho"], 2),
    "AUC JPEG 50": (lambda run: run["changed"]["jpeg50"]["auc_logit"], 3),
    "AUC half size": (lambda run: run["changed"]["half"]["auc_logit"], 3),
}
ADDED: dict[str, Callable[[Record], float]] = {
    "AUC test": lambda run: run["test"]["auc_logit"],
    "AUC val": lambda run: run["val"]["auc_logit"],
    "ACC test": lambda run: run["test"]["acc_val_logit"],
    "spread of the reals": lambda run: run["test"]["real_spread"],
}


def by_batch(records: Iterable[Record]) -> dict[int, dict[str, dict[int, Record]]]:
    """Sort runs by batch size, setting and seed, in the order in which they come."""
    found: dict[int, dict[str, dict[int, Record]]] = {}
    for record in records:
        of_setting = found.setdefault(record["batch"], {}).setdefault(record["settings"]["name"], {})
        of_setting[record["settings"]["seed"]] = record
    return dict(sorted(found.items()))


def settings_table(runs: Runs) -> Iterator[str]:
    """Yield a table with a row for each setting, as lines of Markdown."""
    yield _row(["setting", "seeds", *WITH_INTERVAL, *WITHOUT])
    yield _row(["---"] * (2 + len(WITH_INTERVAL) + len(WITHOUT)))
    for name, seeds in runs.items():
        one = list(seeds.values())
        cells = [name, str(len(one)), *(_cell(map(get, one)) for get in WITH_INTERVAL.values())]
        yield _row(cells + [f"{statistics.mean(map(get, one)):.{digits}f}" for get, digits in WITHOUT.values()])


def differences_table(runs: Runs) -> Iterator[str]:
    """Yield a table of what each step adds, paired by seed, as lines of Markdown."""
    yield _row(["what is added", *ADDED, "AUC test, each seed"])
    yield _row(["---"] * (2 + len(ADDED)))
    for what, name, below in STEPS:
        if name in runs and below in runs:
            seeds = sorted(runs[name].keys() & runs[below].keys())
            cells = [what]
            for get in ADDED.values():
                cells.append(_cell((get(runs[name][seed]) - get(runs[below][seed]) for seed in seeds), "+"))
            auc = ADDED["AUC test"]
            each = [auc(runs[name][seed]) - auc(runs[below][seed]) for seed in seeds]
            yield _row([*cells, ", ".join(f"{value:+.3f}" for value in each)])


def _cell(values: Iterable[float], sign: str = "") -> str:
    mean, half = mean_and_interval(values)
    return f"{mean:{sign}.3f}" + (f" ± {half:.3f}" if half is not None else "")


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Print the tables of the ablation.")
    parser.add_argument("files", nargs="+", help="JSON lines of `benchmarks.gpu_training.ablation`")
    records = []
    for path in parser.parse_args().files:
        with open(path) as stream:
            records += [json.loads(line) for line in stream]
    for batch, runs in by_batch(records).items():
        steps = next(iter(next(iter(runs.values())).values()))["steps"]
        print(f"\nBatch {batch}, {steps} steps\n")
        print("\n".join([*settings_table(runs), "", *differences_table(runs)]))
    broken = [record["settings"]["name"] for record in records if not math.isfinite(record["terms"]["loss"])]
    print("\nruns with a loss that is NaN or infinite:", ", ".join(broken) or "none")


if __name__ == "__main__":
    main()
