"""Whether a model's figures reach the thresholds, and do not fall behind those of the last blessed model."""

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from commands.parameters import Parameters
from evaluation.results import ComparisonRow, FigureValue, Group, LevelFigures, Metrics
from evaluation.vocabulary import FIGURES, SCORES, FigureKey, Level, ScoreName


class Threshold(Parameters):
    """A figure that a model must reach to be blessed: at least `min`, or at most `max` where low is good."""

    metric: FigureKey = Field("auc", description="Which figure.")
    level: Level = Field("video", description="Frames or videos.")
    dataset: str = Field("all", description="A data set's name, or `all` for all of them together.")
    method: str | None = Field(None, description="A manipulation method of that data set, against its reals.")
    score: ScoreName = Field("logit", description="The score that the figure is computed from.")
    min: float | None = Field(None, ge=0, le=1, description="The lowest value that passes, where high is good.")
    max: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The highest value that passes, where low is good: "
        f"{', '.join(sorted(key for key, figure in FIGURES.items() if figure.low_is_good))}.",
    )
    on: Literal["value", "interval"] = Field(
        "value", description="What must reach the bound: the figure, or its whole interval, that is, its worse end."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.method is not None and self.dataset == "all":
            raise ValueError(f"method {self.method!r} needs a dataset: each is tested against its own reals")
        figure = FIGURES[self.metric]
        wanted, other, good = ("max", "min", "low") if figure.low_is_good else ("min", "max", "high")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise ValueError(f"{good} values of {self.metric} are good: give {wanted}, not {other}")
        if figure.basis == "probability" and not SCORES[self.score].has_probability:
            raise ValueError(
                f"{self.metric} is a figure of probabilities, and {self.score} is not a probability; "
                'take "score": "logit", or another metric'
            )
        return self


def bless(
    metrics: Metrics,
    thresholds: Sequence[Threshold],
    comparison: Sequence[ComparisonRow] | None = None,
    max_drop: float = 0.02,
) -> tuple[bool, list[str]]:
    """Decide whether a model is blessed.

    All thresholds must hold. And no compared figure may certainly be worse than the last blessed model's by more than
    `max_drop`, that is, with the whole interval of the difference: at 95 %, a model that drops by exactly that much is
    refused once in 40 times for each figure, and one that does not drop less often. A figure that is worse by less, or
    not certainly, is reported and does not refuse the blessing.

    Args:
        metrics: of `evaluation.metrics.evaluate`.
        thresholds: without any, nothing is blessed.
        comparison: of `evaluation.comparison.compare`, or None where no model was blessed before.
        max_drop: how much worse than the last blessed model is tolerated, in the figures' own unit.

    Returns:
        (whether the model is blessed, one sentence for each threshold and each compared figure).
    """
    if not thresholds:
        return False, ["no threshold is set (components.Evaluator.thresholds), so nothing can be blessed"]
    checks = [_check_threshold(threshold, figure_of(metrics, threshold)) for threshold in thresholds]
    checks += [_check_drop(row, max_drop) for row in comparison or ()]
    return all(passed for passed, _ in checks), [sentence for _, sentence in checks]


def figure_of(metrics: Metrics, threshold: Threshold) -> FigureValue:
    """Return the figure that a threshold is about."""
    group = _group_of(metrics[threshold.level], threshold)
    if group is None:
        reason = "the test split holds no such data set or method"
        return {"value": None, "low": None, "high": None, "reason": reason}
    return group[threshold.score][threshold.metric]


def _group_of(level: LevelFigures, threshold: Threshold) -> Group | None:
    if threshold.dataset == "all":
        return level["all"]
    dataset = level["datasets"].get(threshold.dataset)
    if dataset is None or threshold.method is None:
        return dataset
    return dataset["methods"].get(threshold.method)


def _check_threshold(threshold: Threshold, figure: FigureValue) -> tuple[bool, str]:
    """Return (whether the figure reaches the threshold, a sentence)."""
    low_is_good = FIGURES[threshold.metric].low_is_good
    bound, reached = threshold.max if low_is_good else threshold.min, figure["value"]
    assert bound is not None  # `Threshold` requires it
    about = _subject(threshold.dataset, threshold.method, threshold.level, threshold.metric, threshold.score)
    if reached is None:
        return False, f"{about} cannot be computed ({figure['reason']}); {bound} is required"
    about += f" {reached:.4f}"
    if threshold.on == "interval":
        reached = figure["high"] if low_is_good else figure["low"]
        if reached is None:
            return False, f"{about} has no interval ({figure['reason']}); one that reaches {bound} is required"
        about += f" with an interval {'up to' if low_is_good else 'from'} {reached:.4f}"
    if low_is_good:
        passed = reached <= bound
        return passed, f"{about} is {'at most' if passed else 'above'} {bound}"
    passed = reached >= bound
    return passed, f"{about} is {'at least' if passed else 'below'} {bound}"


def _check_drop(row: ComparisonRow, max_drop: float) -> tuple[bool, str]:
    """Return (whether a figure keeps what the last blessed model reached, a sentence)."""
    about = _subject(row["dataset"], row["method"], row["level"], row["key"], row["score"])
    if row["difference"] is None:
        return True, f"{about} cannot be compared with the last blessed model's ({row['reason']})"
    left_out = f", without {row['left_out']} faces that only one of them scored" if row["left_out"] else ""
    about += (
        f" {row['ours']:.4f} against the last blessed model's {row['last']:.4f}{left_out}: {row['difference']:+.4f}"
    )
    sign = -1 if FIGURES[row["key"]].low_is_good else 1
    worse = sign * row["difference"] < 0
    if row["low"] is None or row["high"] is None:
        return True, f"{about}, {'worse' if worse else 'not worse'}; how certainly is not known ({row['reason']})"
    about += f" ({row['low']:+.4f} to {row['high']:+.4f})"
    if max(sign * row["low"], sign * row["high"]) < -max_drop:
        return False, f"{about}, certainly worse by more than {max_drop}"
    return True, f"{about}, {f'worse, but not certainly by more than {max_drop}' if worse else 'not worse'}"


def _subject(dataset: str, method: str | None, level: Level, key: FigureKey, score: ScoreName) -> str:
    """Name a figure in words: `ffpp df video AUC`."""
    by = f"by {score}" if score != "logit" else None
    return " ".join(word for word in (dataset, method, level, FIGURES[key].name, by) if word)
