"""The metrics as the tables of the report: which figures, in which order, and why some are missing."""

LEVELS = {"video": "video level", "frame": "frame level"}
SCORES = {"logit": "the classifier's logit", "center_similarity": "similarity to the real centre"}
# key -> (head, what it is, whether more is better)
FIGURES = {
    "auc": ("AUC", "Area under the ROC curve: how often a fake scores above a real.", True),
    "acc": ("ACC", "Share of right calls at a fake probability of 0.5.", True),
    "acc_val": ("ACC val", "Share of right calls at the threshold fixed on the validation split.", True),
    "balanced_acc": (
        "Bal.",
        "Balanced accuracy at 0.5: the mean of the shares of reals and of fakes called right.",
        True,
    ),
    "balanced_acc_val": ("Bal. val", "Balanced accuracy at the threshold fixed on the validation split.", True),
    "ap": ("AP", "Average precision, fakes being positive.", True),
    "eer": ("EER", "Error rate where as many reals are called fake as fakes real.", False),
    "tpr_1": ("TPR 1%", "Share of fakes found while 1 % of reals are called fake.", True),
    "tpr_01": ("TPR 0.1%", "Share of fakes found while 0.1 % of reals are called fake.", True),
    "brier": ("Brier", "Mean squared error of the fake probability.", False),
    "ece": ("ECE", "Expected calibration error over 15 even bins of the fake probability.", False),
}
VIDEO_RULES = {
    "mean_logit": "A video's score is the mean logit of its frames.",
    "median_logit": "A video's score is the median logit of its frames.",
    "mean_probability": "A video's score is the mean fake probability of its frames.",
    "max_logit": "A video's score is the highest logit of its frames.",
}
NO_FACE = {
    "left_out": "Videos without a face are left out of the figures; the coverage counts them.",
    "real": "At video level a video without a face counts as called real.",
    "fake": "At video level a video without a face counts as called fake.",
}
COVERAGE = {"listed": "listed", "decoded": "decoded", "with_face": "with a face", "judged": "judged"}


def rows_of(level):
    """Flatten one level of the metrics to (data set, method, group) in the order of a table.

    A data set's last row holds all its fakes (method None), unless it has one method only; the last of all pools the
    data sets (data set None), if there are several.
    """
    for dataset, group in level["datasets"].items():
        methods = group["methods"]
        yield from ((dataset, method, of_method) for method, of_method in methods.items())
        if len(methods) != 1:
            yield dataset, None, group
    if len(level["datasets"]) > 1:
        yield None, None, level["all"]


def views(metrics):
    """One table per level and score.

    Returns:
        [{"level", "score", "rows", "notes"}]; a row has `dataset`, `method` (None for all), `real`, `fake`, and `cells`
        in the order of `FIGURES`: {"key", "value", "low", "high", "note": number of its footnote or None, "reason"}.
    """
    result = []
    for level in LEVELS:
        for score in SCORES:
            notes = Notes()
            rows = [_row(*row, score, notes) for row in rows_of(metrics[level])]
            result.append({"level": level, "score": score, "rows": rows, "notes": notes.texts})
    return result


def _row(dataset, method, group, score, notes):
    cells = []
    for key in FIGURES:
        figure = group[score].get(key) or {"value": None, "low": None, "high": None, "reason": "not computed"}
        missing = figure["value"] is None or figure["low"] is None
        note = notes.number(figure["reason"]) if missing and figure["reason"] else None
        cells.append({"key": key, "note": note} | figure)
    return {"dataset": dataset, "method": method, "cells": cells} | {key: group[key] for key in ("real", "fake")}


class Notes:
    """Footnotes of a table: each reason once, numbered from 1."""

    def __init__(self):
        self.texts = []

    def number(self, text):
        """The number of the footnote with this text, which is added if it is new."""
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def coverage(metrics):
    """Rows of the coverage table: {"dataset", "method", "counts": [per `COVERAGE`] or None}; [] if none is known."""
    rows = [
        {"dataset": dataset, "method": method, "counts": [known.get(key) for key in COVERAGE] if known else None}
        for dataset, method, group in rows_of(metrics["video"])
        for known in [group.get("coverage")]
    ]
    return rows if any(row["counts"] for row in rows) else []


def matrix(found):
    """Rows of the cross-data-set matrix, one per model: {"name", "cells"}; with `datasets`, `level` and `notes`."""
    notes, rows = Notes(), []
    for number, name in enumerate(found["models"]):
        parts = zip(*(found[part][number] for part in ("auc", "low", "high", "reason")), strict=True)
        cells = [
            {
                "value": value,
                "low": low,
                "high": high,
                "reason": reason,
                "note": notes.number(reason) if reason else None,
            }
            for value, low, high, reason in parts
        ]
        rows.append({"name": name, "cells": cells})
    return {"datasets": found["datasets"], "level": found["level"], "rows": rows, "notes": notes.texts}


def comparison(found):
    """Rows of the comparison with the last blessed model, with what this model `is`; and `notes`."""
    notes, rows = Notes(), []
    for row in found:
        head, _, more = FIGURES[row["key"]]
        by = "" if row["score"] == "logit" else f", by {SCORES[row['score']]}"
        verdict = "not to be told"
        if row["low"] is not None:
            better, worse = (row["low"] > 0, row["high"] < 0) if more else (row["high"] < 0, row["low"] > 0)
            verdict = "better" if better else "worse" if worse else "not clearly different"
        rows.append(
            row
            | {"figure": f"{row['level']} {head}{by}", "is": verdict, "class": verdict if len(verdict) < 7 else ""}
            | {"dataset": None if row["dataset"] == "all" else row["dataset"]}
            | {"note": notes.number(row["reason"]) if row["reason"] else None}
        )
    return {"rows": rows, "notes": notes.texts}
