"""Evaluator: the spec."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from artifacts.layout import files_below
from commands.parameters import Parameters
from components.base import Component, Context
from evaluation.blessing import Threshold
from evaluation.vocabulary import ChangeName, NoFacePolicy, VideoRule


class EvaluatorParameters(Parameters):
    """Parameters of Evaluator."""

    thresholds: tuple[Threshold, ...] = Field(
        (),
        description="All must hold for the model to be blessed; without any, no model is. For instance "
        '[{"dataset": "all", "level": "video", "metric": "auc", "min": 0.9}].',
    )
    max_drop: float = Field(
        0.02, ge=0, le=1, description="How far the thresholds' figures may drop below those of the last blessed model."
    )
    video_rule: VideoRule | None = Field(
        None, description="How a video's frames are joined to one score. Default: as the model was trained for."
    )
    no_face: NoFacePolicy = Field("left_out", description="What a video without a face counts as at video level.")
    resamples: int = Field(1000, ge=2, description="Bootstrap resamples of videos for the 95 % intervals.")
    seed: NonNegativeInt = Field(0, description="Seed of the resamples and of the faces drawn for the report.")
    robustness: tuple[ChangeName, ...] = Field(
        (),
        description="Changes to test: of the crops (jpeg, blur, noise, downscale, brightness; each takes five more "
        "evaluations), or of the films, which are coded again (h264, h265, vp9, messenger; minutes a film).",
    )
    robustness_videos: PositiveInt | None = Field(
        100, description="Videos of each data set and label used for changes of the crops; null takes all."
    )
    reencoding_videos: PositiveInt | None = Field(
        10, description="Films of each data set and method that are coded again; null takes all."
    )
    name: str = Field("this model", description="The model's name beside other models.")
    models: dict[str, str] = Field(
        {}, description="Name -> folder of other models to score on the same faces, for the matrix and the embeddings."
    )
    embeddings: NonNegativeInt = Field(
        2000, description="Faces whose embeddings go into the report and TensorBoard's projector; 0 leaves them out."
    )
    panels: NonNegativeInt = Field(
        4, description="Heat maps of hits, and as many of the worst mistakes, per data set; 0 leaves them out."
    )
    batch_size: PositiveInt = Field(32, description="Faces per forward pass.")
    caveats: dict[str, str] = Field(
        {},
        description="Data set -> a sentence to print with its figures; a model tested on such data alone gives no "
        "verdicts.",
    )

    @field_validator("models")
    @classmethod
    def _models_exist(cls, models: dict[str, str]) -> dict[str, str]:
        for name, folder in models.items():
            if not os.path.isdir(folder):
                raise ValueError(f"{name}: {folder}: no such folder; name one that Trainer wrote")
        return models


def execute(context: Context) -> Mapping[str, Any]:
    """Evaluate on the test split; see `components.evaluator.executor`."""
    from components.evaluator import executor  # imports TensorFlow, scikit-learn and matplotlib

    return executor.execute(context)


def _other_models(parameters: EvaluatorParameters) -> str:
    """Return a string that changes with the files of the other models, as far as names, sizes and times tell."""
    found = []
    for name, folder in sorted(parameters.models.items()):
        for path, size in files_below(folder):
            found.append((name, path, size, os.stat(os.path.join(folder, path)).st_mtime_ns))
    return repr(found)


COMPONENT = Component(
    name="Evaluator",
    module="components.evaluator.component",
    summary="Evaluate a model on the test split: exact figures with intervals per data set and method, a report, "
    "the blessing.",
    inputs={
        "examples": "Examples",
        "model": "Model",
        "videos": "Videos",
        "rejects": "Rejects",
        "baseline": "Model",
    },
    optional_inputs=("videos", "rejects", "baseline"),
    outputs={"predictions": "Predictions", "evaluation": "Evaluation", "blessing": "Blessing"},
    parameters=EvaluatorParameters,
    execute=execute,
    late_imports=("tensorflow", "apache_beam", "sklearn", "matplotlib"),
    libraries=(
        *("tensorflow-cpu", "tensorflow", "scikit-learn", "scipy", "pyarrow", "matplotlib", "jinja2", "pillow"),
        *("av", "opencv-python-headless", "scikit-image"),  # films coded again
    ),
    resumable=True,
    uses_beam=True,
    sources=_other_models,
)
