"""Whether a model's figures reach the thresholds, and do not fall behind those of the last blessed model."""

from typing import Literal

from pydantic import Field, model_validator

from commands.parameters import Parameters

# Every figure that can be asked for, in words.
NAMES = {
    "acc": "ACC",
    "acc_val": "ACC at the validation threshold",
    "balanced_acc": "balanced accuracy",
    "balanced_acc_val": "balanced accuracy at the validation threshold",
    "auc": "AUC",
    "ap": "average precision",
    "eer": "EER",
    "tpr_1": "TPR at 1 % FPR",
    "tpr_01": "TPR at 0.1 % FPR",
    "brier": "Brier score",
    "ece": "calibration error",
}
LOW_IS_GOOD = frozenset({"eer", "brier", "ece"})
OF_PROBABILITY = frozenset({"acc", "balanced_acc", "brier", "ece"})


class Threshold(Parameters):
    """A figure that a model must reach to be blessed: at least `min`, or at most `max` where low is good."""

    metric: Literal[tuple(NAMES)] = Field("auc", description="Which figure.")
    level: Literal["frame", "video"] = Field("video", description="Frames, or videos.")
    dataset: str = Field("all", description="A data set's name, or all of them together.")
    method: str | None = Field(None, description="A manipulation method of that data set, against its reals.")
    score: Literal["logit", "center_similarity"] = Field("logit", description="Which score the figure is of.")
    min: float | None = Field(None, ge=0, le=1, description="The least that passes, where high is good.")
    max: float | None = Field(
        None, ge=0, le=1, description=f"The most that passes, where low is good: {', '.join(sorted(LOW_IS_GOOD))}."
    )
    on: Literal["value", "interval"] = Field(
        "value", description="What must reach it: the figure, or the whole of its interval, that is its worse end."
    )

    @model_validator(mode="after")
    def _check(self):
        if self.method is not None and self.dataset == "all":
            raise ValueError(f"method {self.method!r} needs a dataset: each is judged against its own reals")
        wanted, other, good = ("max", "min", "low") if self.metric in LOW_IS_GOOD else ("min", "max", "high")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"{self.metric} is good where it is {good}: give {wanted}, and no {other}")
        if self.score == "center_similarity" and self.metric in OF_PROBABILITY:
            raise ValueError(
                f"{self.metric} is a figure of probabilities, and center_similarity is none; "
                f'take "score": "logit", or another metric'
            )
        return self


def judge(metrics, thresholds, comparison=None, max_loss=0.02):
    """Hold metrics against thresholds, and against the last blessed model.

    All thresholds must hold. And no compared figure may be worse than the last blessed model's by more than `max_loss`
    for sure, that is, by the whole interval of the difference: at 95 %, a model that loses just so much is refused once
    in 40 times for each figure, and one that loses nothing less often. What is worse by less, or not for sure, is told
    and does not refuse.

    Args:
        metrics: of `evaluation.metrics.evaluate`.
        thresholds: a sequence of `Threshold`.
        comparison: rows of `evaluation.comparison.compare`, or None where no model was blessed before.
        max_loss: how much worse than the last blessed model is borne, in the figures' own unit.

    Returns:
        (blessed, list of sentences): without a threshold nothing is blessed.
    """
    if not thresholds:
        return False, ["no threshold is set (components.Evaluator.thresholds), so nothing can be blessed"]
    verdicts = [_reach(threshold, figure_of(metrics, threshold)) for threshold in thresholds]
    verdicts += [_keep(row, max_loss) for row in comparison or ()]
    return all(passed for passed, _ in verdicts), [sentence for _, sentence in verdicts]


def figure_of(metrics, threshold):
    """The figure that a threshold is about: {"value", "low", "high", "reason"}."""
    group = metrics[threshold.level]["all"]
    if threshold.dataset != "all":
        group = metrics[threshold.level]["datasets"].get(threshold.dataset)
        if group and threshold.method:
            group = group["methods"].get(threshold.method)
    if group is None:
        reason = "the test split holds no such data set or method"
        return {"value": None, "low": None, "high": None, "reason": reason}
    return group[threshold.score][threshold.metric]


def _reach(threshold, figure):
    """(whether the figure reaches the threshold, a sentence)."""
    low_is_good = threshold.metric in LOW_IS_GOOD
    bound, held = threshold.max if low_is_good else threshold.min, figure["value"]
    about = _subject(threshold.dataset, threshold.method, threshold.level, threshold.metric, threshold.score)
    if held is None:
        return False, f"{about} cannot be computed ({figure['reason']}); {bound} is asked for"
    about += f" {held:.4f}"
    if threshold.on == "interval":
        held = figure["high" if low_is_good else "low"]
        if held is None:
            return False, f"{about} has no interval ({figure['reason']}); one that reaches {bound} is asked for"
        about += f" with an interval {'up to' if low_is_good else 'from'} {held:.4f}"
    passed = held <= bound if low_is_good else held >= bound
    words = ("at most", "above") if low_is_good else ("at least", "below")
    return passed, f"{about} is {words[not passed]} {bound}"


def _keep(row, max_loss):
    """(whether a figure keeps what the last blessed model had reached, a sentence)."""
    about = _subject(row["dataset"], row["method"], row["level"], row["key"], row["score"])
    if row["difference"] is None:
        return True, f"{about} cannot be compared with the last blessed model's ({row['reason']})"
    left_out = f", without {row['left_out']} faces that only one of them scored" if row["left_out"] else ""
    about += (
        f" {row['ours']:.4f} against the last blessed model's {row['last']:.4f}{left_out}: {row['difference']:+.4f}"
    )
    sign = -1 if row["key"] in LOW_IS_GOOD else 1
    worse = sign * row["difference"] < 0
    if row["low"] is None:
        return True, f"{about}, {'worse' if worse else 'not worse'}; how surely is not known ({row['reason']})"
    about += f" ({row['low']:+.4f} to {row['high']:+.4f})"
    if max(sign * row["low"], sign * row["high"]) < -max_loss:
        return False, f"{about}, worse by more than {max_loss} for sure"
    return True, f"{about}, {f'worse, but not by more than {max_loss} for sure' if worse else 'not worse'}"


def _subject(dataset, method, level, key, score):
    """A figure in words: `ffpp df video AUC`."""
    return " ".join(filter(None, (dataset, method, level, NAMES[key], f"by {score}" if score != "logit" else None)))
