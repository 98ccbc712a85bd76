"""What may stand in the files beside a model: checked when they are read, before anything is judged by them.

A calibration with a negative temperature turns fakes into reals, and one with text in place of a number would fail only
after hours of judging.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from artifacts.errors import InputError
from artifacts.regular_files import read_json
from artifacts.video_rules import VIDEO_RULES, VideoRule
from commands.problems import phrase

BOUNDS = (0.05, 20.0)  # of a temperature
CURE = "Copy it again from where the model was trained"

_Temperature = Annotated[float, Field(ge=BOUNDS[0], le=BOUNDS[1])]
_NotNegative = Annotated[float, Field(ge=0)]
_Count = Annotated[int, Field(ge=0)]


class _Exact(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Fitted(_Exact):
    temperature: _Temperature
    nll_before: _NotNegative | None
    nll_after: _NotNegative | None
    reason: str | None


class _Fits(_Exact):
    frame: _Fitted
    main: dict[VideoRule, _Fitted]
    all: dict[VideoRule, _Fitted]

    @model_validator(mode="after")
    def _complete(self) -> "_Fits":
        for name, fits in (("main", self.main), ("all", self.all)):
            missing = [rule for rule in VIDEO_RULES if rule not in fits]
            if missing:
                raise ValueError(f"{name} has no {' and no '.join(missing)}")
        return self


class CalibrationFile(_Exact):
    """`calibration.json`; for the fields see `model.saved_model.Calibration`."""

    readout: Literal["classifier", "class_means", "logistic"] | None = None
    frame: _Temperature
    video: _Temperature
    fits: _Fits | None = None
    faces: _Count = 0
    videos: _Count = 0
    several_faces: _Count = 0
    spread: _NotNegative | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> "CalibrationFile":
        if self.fits is not None:
            pairs = ((self.frame, self.fits.frame), (self.video, self.fits.all["mean_logit"]))
            if any(alone != fit.temperature for alone, fit in pairs):
                raise ValueError("frame and video are other temperatures than those of fits")
        return self


class _Loose(BaseModel):
    """Part of a card: what is there has the right type; more may be there, and anything may be missing."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Figure(_Loose):
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class _Trained(_Loose):
    dataset: str | None = None
    method: str | None = None
    label: Literal[0, 1] | None = None
    videos: _Count | None = None
    faces: _Count | None = None


class _Tested(_Loose):
    dataset: str | None = None
    method: str | None = None
    level: str | None = None
    real: _Count | None = None
    fake: _Count | None = None
    auc: _Figure | None = None
    acc: _Figure | None = None
    eer: _Figure | None = None
    tpr_1: _Figure | None = None
    brier: _Figure | None = None
    ece: _Figure | None = None


class CardFile(_Loose):
    """`model_card.json`; for the fields see `components.pusher.model_card.make_card`."""

    name: str | None = None
    origin: str | None = None
    recipe: dict[str, Any] | None = None
    trained_on: list[_Trained] | None = None
    calibration: dict[str, Any] | None = None
    logit: str | None = None
    preprocessing: dict[str, Any] | None = None
    tested_on: list[_Tested] | None = None
    caveats: dict[str, str] | list[str] | str | None = None
    date: str | None = None


def read_checked(path: str, form: type[BaseModel]) -> dict[str, Any]:
    """Read a JSON object beside a model.

    Args:
        path: of the file.
        form: `CalibrationFile` or `CardFile`.

    Raises:
        InputError: it cannot be read, or a field is missing, unknown, or has a value that it cannot have; names each.
    """
    found = read_json(path, CURE)
    if not isinstance(found, dict):
        raise InputError(f"{path}: damaged (not a JSON object). {CURE}")
    try:
        form.model_validate(found)
    except ValidationError as error:
        problems = "; ".join(dict.fromkeys(_problem(problem) for problem in error.errors()))
        raise InputError(f"{path}: {problems}. {CURE}") from error
    return found


def _problem(problem: Any) -> str:
    where = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    if problem["type"] in ("missing", "value_error"):
        return f"{where}: {phrase(problem)}".removeprefix(": ")
    return f"{where}: {phrase(problem)}, not {str(problem['input'])[:40]!r}"
