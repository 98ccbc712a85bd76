"""The types of what an evaluation finds: the contents of `metrics.json`. Imports no library."""

from typing import NotRequired, TypedDict

from evaluation.vocabulary import ChangeName, FigureKey, Level, NoFacePolicy, ScoreName, VideoRule
from model.saved_model import Readout
from model.saved_model import Temperature as Temperature


class FigureValue(TypedDict):
    """One figure: its value and the ends of its interval, each None where there is none, and the reason for that."""

    value: float | None
    low: float | None
    high: float | None
    reason: str | None


ScoreFigures = dict[FigureKey, FigureValue]


class Coverage(TypedDict):
    """Numbers of videos: listed by the data sets, decoded, with a face, and counted in the figures."""

    listed: int
    decoded: int
    with_face: int
    judged: int


class Group(TypedDict):
    """The figures of some rows: everything, a data set, or a method's fakes and the reals of its data set.

    Attributes:
        real, fake: numbers of rows.
        resamples: how many the intervals come from.
        logit, center_similarity: the figures by each score.
        coverage: None where the list of videos is not known.
    """

    real: int
    fake: int
    resamples: int
    logit: ScoreFigures
    center_similarity: ScoreFigures
    coverage: Coverage | None


class DatasetGroup(Group):
    """The figures of a data set, and those of each of its methods."""

    methods: dict[str, Group]


class LevelFigures(TypedDict):
    """The figures at frame or at video level: of everything, and by data set."""

    all: Group
    datasets: dict[str, DatasetGroup]


class Bootstrap(TypedDict):
    """How the intervals were made: resamples asked for, the fewest made for a group, and the confidence level."""

    resamples: int
    fewest: int
    level: float
    unit: str
    seed: int


class Thresholds(TypedDict):
    """Thresholds fixed on the validation split, by level and score; `reason` says why one is missing."""

    frame: dict[ScoreName, float | None]
    video: dict[ScoreName, float | None]
    reason: str | None


class ComparisonRow(TypedDict):
    """One figure of this model and of the last blessed one on the same faces.

    Attributes:
        dataset, method, level, key, score: which figure; `dataset` may be "all", `method` is None for all fakes.
        ours, last: the two models' values.
        difference, low, high: ours - last, and the ends of its interval.
        reason: why one of these is None.
        left_out: number of faces that only one of the models scored.
    """

    dataset: str
    method: str | None
    level: Level
    key: FigureKey
    score: ScoreName
    ours: float | None
    last: float | None
    difference: float | None
    low: float | None
    high: float | None
    reason: str | None
    left_out: int


class AucMatrix(TypedDict):
    """The AUC of several models on several data sets: one list per model with one entry per data set."""

    models: list[str]
    datasets: list[str]
    level: Level
    auc: list[list[float | None]]
    low: list[list[float | None]]
    high: list[list[float | None]]
    reason: list[list[str | None]]


class RobustnessRow(TypedDict):
    """The AUC on one data set after a change of what the model sees.

    Attributes:
        change, severity: which change; severity 0 is unchanged and has no strength.
        strength, unit: what the severity means.
        dataset, method: whose AUC; `method` is None for all fakes of the data set.
        real, fake: numbers of videos.
        frame_auc, video_auc: None where there is none.
        reason: why there is none.
    """

    change: ChangeName
    severity: int
    strength: float | None
    unit: str
    dataset: str
    method: str | None
    real: int
    fake: int
    frame_auc: float | None
    video_auc: float | None
    reason: str | None


LeftOut = dict[str, dict[str, int]]  # data set -> why films could not be coded again -> how many of the chosen ones


class Metrics(TypedDict):
    """Everything that an evaluation found, as `metrics.json` holds it.

    `evaluation.metrics.evaluate` returns it up to `video`; the Evaluator adds the rest. `readout` says what the model's
    logit is, None where that is not known.
    """

    video_rule: VideoRule
    no_face: NoFacePolicy
    bootstrap: Bootstrap
    thresholds: Thresholds
    temperature: Temperature | None
    frame: LevelFigures
    video: LevelFigures
    readout: NotRequired[Readout | None]
    split: NotRequired[str]
    caveats: NotRequired[dict[str, str]]
    comparison: NotRequired[list[ComparisonRow]]
    matrix: NotRequired[AucMatrix]
    robustness: NotRequired[list[RobustnessRow]]
    left_out: NotRequired[LeftOut]


def matrix_cells(matrix: AucMatrix, model: int) -> list[FigureValue]:
    """Return a model's row of the matrix: one figure per data set."""
    parts = (matrix[name][model] for name in ("auc", "low", "high", "reason"))
    return [
        {"value": auc, "low": low, "high": high, "reason": reason}
        for auc, low, high, reason in zip(*parts, strict=True)
    ]
