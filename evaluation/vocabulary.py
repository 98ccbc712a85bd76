"""The words of the evaluation, each written once: levels, scores, figures, video rules and policies.

Imports no library, so that configs and command lines can use it at no cost. The `Literal` types are for annotations and
config fields; the tuples and dictionaries hold the same words with what they mean. The video rules are those of
`artifacts.video_rules`, because a model's calibration has a temperature for each.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from artifacts.video_rules import VIDEO_RULES as VIDEO_RULES
from artifacts.video_rules import VideoRule as VideoRule
from model.saved_model import Readout as Readout

# --- Levels: what one row of the figures stands for.
Level = Literal["frame", "video"]
LEVELS: tuple[Level, ...] = get_args(Level)
VIDEO_FIRST: tuple[Level, ...] = ("video", "frame")  # the order of tables and of the report

# --- Scores: the outputs of a model that tell fakes from reals.
ScoreName = Literal["logit", "center_similarity"]


@dataclass(frozen=True)
class Score:
    """One output of the model by which fakes can be told from reals.

    Attributes:
        sign: 1 where a high score speaks for a fake, -1 where it speaks for a real.
        title: the score in words.
        axis: label of an axis that shows the score.
        has_probability: whether the model also gives it as a probability.
    """

    sign: Literal[1, -1]
    title: str
    axis: str
    has_probability: bool


SCORES: dict[ScoreName, Score] = {
    "logit": Score(1, "the logit", "logit, fake minus real", has_probability=True),
    "center_similarity": Score(
        -1, "similarity to the real centre", "similarity to the real centre", has_probability=False
    ),
}

# --- Read-outs: what a model's logit is, as its calibration states it.
READOUTS: dict[Readout, str] = {
    "classifier": "The logit is that of the trained classifier.",
    "class_means": "The logit is a class-mean read-out of the embedding: the recipe trains no classifier.",
    "logistic": "The logit is a logistic regression on the embedding: the recipe trains no classifier.",
}

# --- Figures: what is computed from scores and labels. `evaluation.figures` defines each of them exactly.
FigureKey = Literal[
    "acc", "acc_val", "balanced_acc", "balanced_acc_val", "auc", "ap", "eer", "tpr_1", "tpr_01", "brier", "ece"
]
FIGURE_KEYS: tuple[FigureKey, ...] = get_args(FigureKey)
BINS = 15  # equal-width bins of the fake probability: of the calibration error and of the reliability diagram


@dataclass(frozen=True)
class Figure:
    """A figure in words, and what it is computed from.

    Attributes:
        name: in a sentence.
        head: at the head of a table's column.
        meaning: a sentence for readers of the report.
        basis: what it needs of the rows: their probabilities, a threshold fixed on validation, or only their order.
        low_is_good: whether less is better.
    """

    name: str
    head: str
    meaning: str
    basis: Literal["probability", "threshold", "ranking"]
    low_is_good: bool = False


FIGURES: dict[FigureKey, Figure] = {
    "acc": Figure("ACC", "ACC", "Share of correct calls at a fake probability of 0.5.", "probability"),
    "acc_val": Figure(
        "ACC at the validation threshold",
        "ACC val",
        "Share of correct calls at the threshold fixed on the validation split.",
        "threshold",
    ),
    "balanced_acc": Figure(
        "balanced accuracy",
        "Bal.",
        "Balanced accuracy at 0.5: the mean of the shares of reals and of fakes called correctly.",
        "probability",
    ),
    "balanced_acc_val": Figure(
        "balanced accuracy at the validation threshold",
        "Bal. val",
        "Balanced accuracy at the threshold fixed on the validation split.",
        "threshold",
    ),
    "auc": Figure("AUC", "AUC", "Area under the ROC curve: how often a fake scores higher than a real.", "ranking"),
    "ap": Figure("average precision", "AP", "Average precision, with fakes as positives.", "ranking"),
    "eer": Figure(
        "EER",
        "EER",
        "Equal error rate: the share of reals called fake where it equals the share of fakes called real.",
        "ranking",
        low_is_good=True,
    ),
    "tpr_1": Figure("TPR at 1 % FPR", "TPR 1%", "Share of fakes found while 1 % of reals are called fake.", "ranking"),
    "tpr_01": Figure(
        "TPR at 0.1 % FPR", "TPR 0.1%", "Share of fakes found while 0.1 % of reals are called fake.", "ranking"
    ),
    "brier": Figure(
        "Brier score", "Brier", "Mean squared error of the fake probability.", "probability", low_is_good=True
    ),
    "ece": Figure(
        "calibration error",
        "ECE",
        f"Expected calibration error over {BINS} equal-width bins of the fake probability.",
        "probability",
        low_is_good=True,
    ),
}
AUC_FIRST: tuple[FigureKey, ...] = ("auc", *(key for key in FIGURE_KEYS if key != "auc"))  # the order in the report


def figures_of(basis: str) -> tuple[FigureKey, ...]:
    """Return the keys of the figures with this basis, in the order of `FIGURE_KEYS`."""
    return tuple(key for key, figure in FIGURES.items() if figure.basis == basis)


# --- No-face policies: what a listed video without a face counts as at video level.
NoFacePolicy = Literal["left_out", "real", "fake"]
NO_FACE_POLICIES: dict[NoFacePolicy, str] = {
    "left_out": "Videos without a face are left out of the figures.",
    "real": "At video level, a video without a face counts as called real.",
    "fake": "At video level, a video without a face counts as called fake.",
}

# --- Outcomes: what became of a listed video in the extraction of faces.
Outcome = Literal["with_face", "no_face", "undecoded"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

# --- The robustness sweep: changes of what the model sees, each in several severities; 0 is unchanged.
ChangeName = Literal["jpeg", "blur", "noise", "downscale", "brightness", "h264", "h265", "vp9", "messenger"]
SEVERITIES = (1, 2, 3, 4, 5)  # of the changes of crops
Changed = Literal["crops", "films"]


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        unit: of the strengths.
        strengths: for severity 1, 2, ...
        of: what is changed: the crops, as `evaluation.robustness` does, or the films that they are cut from, as
            `faces.reencoding` does.
    """

    unit: str
    strengths: tuple[float, ...]
    of: Changed = "crops"


# The strengths are those of two common benchmarks. Hendrycks and Dietterich, "Benchmarking
# Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019), ImageNet-C: JPEG, brightness. Jiang et
# al., "DeeperForensics-1.0" (CVPR 2020), whose perturbations later detectors are compared by: blur, noise, downscale.
# Films: H.264 at the rate factors of FaceForensics++ (Rössler et al., ICCV 2019), c23 and c40; H.265 and VP9 at their
# encoders' usual factors for about the quality of c23, and well beyond; a messenger's small films at low bitrates.
CHANGES: dict[ChangeName, Change] = {
    "jpeg": Change("quality", (25, 18, 15, 10, 7)),
    "blur": Change("pixels", (7, 9, 13, 17, 21)),
    "noise": Change("variance", (0.001, 0.002, 0.005, 0.01, 0.05)),
    "downscale": Change("times", (2, 3, 4, 5, 6)),
    "brightness": Change("added", (0.1, 0.2, 0.3, 0.4, 0.5)),
    "h264": Change("crf", (23, 40), "films"),
    "h265": Change("crf", (28, 42), "films"),
    "vp9": Change("crf", (32, 52), "films"),
    "messenger": Change("lines", (480, 240), "films"),
}
