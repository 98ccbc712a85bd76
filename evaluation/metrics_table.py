"""The metrics as a table for people, at most 120 columns wide."""

import textwrap

LEVELS = ("video", "frame")
_WIDTH = 120
_NO_FACE = {
    "left_out": "videos without a face are left out of the figures",
    "real": "a video without a face counts as called real",
    "fake": "a video without a face counts as called fake",
}
# Head, level, score, figure, width; the first comes with its interval.
_COLUMNS = (
    ("video AUC [95 %]", "video", "logit", "auc", 21),
    ("ACC", "video", "logit", "acc", 6),
    ("ACC val", "video", "logit", "acc_val", 7),
    ("EER", "video", "logit", "eer", 6),
    ("by centre", "video", "center_similarity", "auc", 9),
    ("frame AUC", "frame", "logit", "auc", 9),
    ("ACC", "frame", "logit", "acc", 6),
)


def rows_of(metrics):
    """Flatten metrics to (data set, method or "all", {level: group}) in the order of a table."""
    by_level = {level: metrics[level]["datasets"] for level in LEVELS}
    for dataset, group in by_level["video"].items():
        for method in group["methods"]:
            yield dataset, method, {level: by_level[level][dataset]["methods"][method] for level in LEVELS}
        yield dataset, "all", {level: by_level[level][dataset] for level in LEVELS}
    if len(by_level["video"]) > 1:
        yield "all", "all", {level: metrics[level]["all"] for level in LEVELS}


def print_table(metrics):
    """Print the main figures per data set and method, how they came about, and why some are missing."""
    notes = (textwrap.fill(note, _WIDTH, subsequent_indent="  ") for note in _notes(metrics))
    print("", *_lines(metrics), *notes, "", sep="\n")


def _lines(metrics):
    heads = (f"{head:>{width}}" for head, _, _, _, width in _COLUMNS)
    yield f"{'data set':14} {'fakes':10} {' '.join(heads)}  {'videos':>15}"
    for dataset, method, levels in rows_of(metrics):
        cells = (
            f"{_cell(levels[level][score][key], interval=number == 0):>{width}}"
            for number, (_, level, score, key, width) in enumerate(_COLUMNS)
        )
        video = levels["video"]
        known = video["coverage"]
        count = f"{known['judged']}/{known['listed']}" if known else str(video["real"] + video["fake"])
        yield f"{_cut(dataset, 14):14} {_cut(method, 10):10} {' '.join(cells)}  {count:>15}"


def _cell(figure, interval):
    if figure["value"] is None:
        return "none"
    if not interval:
        return f"{figure['value']:.4f}"
    bounds = "      -       " if figure["low"] is None else f"[{figure['low']:.3f}, {figure['high']:.3f}]"
    return f"{figure['value']:.4f} {bounds}"


def _cut(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"


def _notes(metrics):
    reasons = {}
    for dataset, method, levels in rows_of(metrics):
        name = f"{dataset} {method}"
        for _, level, score, key, _ in _COLUMNS:
            reason = levels[level][score][key]["reason"]
            if reason and name not in reasons.setdefault(reason, []):
                reasons[reason].append(name)
    thresholds = metrics["thresholds"]
    for reason, names in reasons.items():
        more = f" ({thresholds['reason']})" if "threshold" in reason and thresholds["reason"] else ""
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        yield f"none or no interval: {reason}{more}: {shown}"
    made = metrics["bootstrap"]
    count = f"{made['resamples']:,} resamples"
    if 0 < made["fewest"] < made["resamples"]:
        count += f" (large groups fewer, down to {made['fewest']:,})"
    yield f"A video's score: {metrics['video_rule']}; {_NO_FACE[metrics['no_face']]}; videos: judged/listed."
    yield f"95 % intervals: bootstrap over videos, {count}. ACC val: at the threshold fixed on validation."
    for dataset in sorted(metrics.get("caveats", {}).keys() & metrics["video"]["datasets"].keys()):
        yield f"NOTE on {dataset}: {metrics['caveats'][dataset]}"
