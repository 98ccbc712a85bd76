"""Every score of an evaluation, and how its figures are computed from them: all that the figures need.

The Evaluator makes a `Scores`, computes its figures from it by `evaluation.assembly.metrics_of`, and writes it with
`evaluation.scores_file`, so that others can compute the same figures again.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic import Field

from artifacts.predictions import Columns
from commands.parameters import Parameters
from evaluation.blessing import Threshold
from evaluation.metrics import ListedVideo
from evaluation.results import Temperature
from evaluation.vocabulary import CHANGES, Changed, ChangeName, NoFacePolicy, Readout, VideoRule

THIS, BASELINE = "this", "baseline"  # of models; others are `other(name)`
UNCHANGED: dict[Changed, str] = {"crops": "unchanged crops", "films": "unchanged films"}

Split = Literal["val", "test"]


def other(name: str) -> str:
    """Return what another model is called in a file of scores."""
    return f"other: {name}"


class Part(NamedTuple):
    """Which scores some rows hold.

    Attributes:
        model: `THIS`, `BASELINE` or `other(name)`.
        split: "val" or "test".
        change: "" for the faces of the split as they are; in the robustness sweep a change, or one of `UNCHANGED` for
            the faces of the same videos before the changes.
        severity: of the change; 0 where nothing is changed.
    """

    model: str
    split: Split
    change: str = ""
    severity: int = 0


class Temperatures(Parameters):
    """What a model's logits are divided by; see `model.saved_model.Temperature`."""

    frame: float = Field(gt=0, allow_inf_nan=False, description="Of frames.")
    video: float | None = Field(gt=0, allow_inf_nan=False, description="Of videos, by the video rule; null if none.")


class ScoredModel(Parameters):
    """A model whose scores these are."""

    name: str = Field(description="As in the report.")
    digest: str = Field(description="Of the SavedModel.")
    temperature: Temperatures | None = Field(description="Of its calibration; null if it has none.")


class HowScored(Parameters):
    """How the figures are computed from the scores, and where these come from.

    Thresholds are not among it: they are fixed on the rows of the split `val`, see `evaluation.figures.best_threshold`.
    """

    version: Literal[1] = Field(1, description="Of this form of file.")
    models: dict[str, ScoredModel] = Field(description="By what they are called in the rows.")
    readout: Readout | None = Field(None, description="What the logit is.")
    video_rule: VideoRule = Field("mean_logit", description="How a video's frames are joined.")
    no_face: NoFacePolicy = Field("left_out", description="What a video without a face counts as.")
    listed: bool = Field(False, description="Whether the rows name every video that the data sets list.")
    resamples: int = Field(1000, ge=0, description="Of the bootstrap.")
    seed: int = Field(0, ge=0, description="Of the bootstrap.")
    thresholds: tuple[Threshold, ...] = Field((), description="What the model must reach to be blessed.")
    max_drop: float = Field(0.02, ge=0, le=1, description="Tolerated drop against the last blessed model.")
    robustness: tuple[ChangeName, ...] = Field((), description="The changes of the robustness sweep.")
    left_out: dict[str, dict[str, int]] = Field(
        {}, description="Data set -> why films were not coded again in the sweep -> how many of the chosen ones."
    )
    caveats: dict[str, str] = Field({}, description="Data set -> a sentence to print with its figures.")
    lineage: tuple[dict[str, str], ...] = Field((), description="Where data and model come from: name and value.")
    reproduce: tuple[str, ...] = Field((), description="The command that made the scores, line by line.")

    def temperature(self, model: str) -> Temperature | None:
        """Return a model's temperatures as the figures take them."""
        found = self.models[model].temperature
        return None if found is None else {"frame": found.frame, "video": found.video}


@dataclass(frozen=True)
class Scores:
    """Every score of an evaluation.

    Attributes:
        how: the figures are computed, and where the scores come from.
        parts: the rows; see `evaluation.columns`. Those of `Part(THIS, "test")` must be among them.
        listed: every video that the data sets list in the test split; None if it is not known.
    """

    how: HowScored
    parts: dict[Part, Columns]
    listed: list[ListedVideo] | None = None

    def of_changes(self, changed: Changed) -> dict[tuple[ChangeName | None, int], Columns]:
        """Return the rows of a robustness sweep: by change and severity, and (None, 0) for what is unchanged."""
        result: dict[tuple[ChangeName | None, int], Columns] = {}
        for part, columns in self.parts.items():
            if part.change == UNCHANGED[changed]:
                result[None, 0] = columns
            name: Any = part.change
            if name in CHANGES and CHANGES[name].of == changed:
                result[name, part.severity] = columns
        return result
