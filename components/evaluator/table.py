"""The metrics as a table for people."""

LEVELS = ("video", "frame")


def rows_of(metrics):
    """Flatten metrics to (data set, method or "all", {level: figures}) in the order of a table."""
    by_level = {level: metrics[level]["datasets"] for level in LEVELS}
    for dataset, figures in by_level["frame"].items():
        for method in figures["methods"]:
            yield dataset, method, {level: by_level[level][dataset]["methods"][method] for level in LEVELS}
        yield dataset, "all", {level: by_level[level][dataset] for level in LEVELS}
    if len(by_level["frame"]) > 1:
        yield "all", "all", {level: metrics[level]["all"] for level in LEVELS}


def print_table(metrics):
    """Print ACC and AUC per data set and method."""
    print(
        f"\n{'data set':14} {'fakes':8} {'video ACC':>9} {'video AUC':>9} {'frame ACC':>9} {'frame AUC':>9}   videos real+fake"
    )
    for dataset, method, levels in rows_of(metrics):
        cells = (levels[level][name] for level in ("video", "frame") for name in ("acc", "auc"))
        shown = " ".join(f"{'none' if value is None else f'{value:.4f}':>9}" for value in cells)
        video = levels["video"]
        why = f"   ({video['reason']})" if video["reason"] else ""
        print(f"{dataset:14} {method:8} {shown}   {video['real']}+{video['fake']}{why}")
    for dataset in sorted(metrics["caveats"].keys() & metrics["frame"]["datasets"].keys()):
        print(f"NOTE on {dataset}: {metrics['caveats'][dataset]}")
    print()
