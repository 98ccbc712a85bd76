"""Evaluator: the spec."""

import os
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from commands.parameters import Parameters
from components.base import Component, Context
from evaluation.blessing import Threshold


class EvaluatorParameters(Parameters):
    """Parameters of Evaluator."""

    thresholds: tuple[Threshold, ...] = Field((), description="All must hold for the blessing; none means no blessing.")
    max_loss: float = Field(
        0.02, ge=0, le=1, description="How much worse than the last blessed model is borne, of the thresholds' figures."
    )
    video_rule: Literal["mean_logit", "median_logit", "mean_probability", "max_logit"] = Field(
        "mean_logit", description="How a video's frames are joined to one score."
    )
    no_face: Literal["left_out", "real", "fake"] = Field(
        "left_out", description="What a video without a face counts as, at video level."
    )
    resamples: int = Field(1000, ge=2, description="Resamples of videos for the 95 % intervals.")
    seed: NonNegativeInt = Field(0, description="Of the resamples, and of what is drawn for the report.")
    robustness: tuple[Literal["jpeg", "blur", "noise", "downscale", "brightness"], ...] = Field(
        (), description="Changes of the faces to sweep over, five severities each; each takes five more evaluations."
    )
    robustness_videos: PositiveInt | None = Field(
        100, description="Videos of each data set and label that the sweep takes; null takes all."
    )
    name: str = Field("this model", description="What the model is called beside others.")
    models: dict[str, str] = Field(
        {}, description="Name -> folder of other models to judge on the same faces, for the matrix and the embeddings."
    )
    embeddings: NonNegativeInt = Field(
        2000, description="Faces whose embeddings go into the report and TensorBoard's projector; 0 leaves them out."
    )
    panels: NonNegativeInt = Field(
        4, description="Heat maps of hits, and as many of the worst mistakes, per data set; 0 leaves them out."
    )
    batch_size: PositiveInt = Field(32, description="Faces per forward pass.")
    caveats: dict[str, str] = Field({}, description="Data set -> a sentence to print with its figures.")

    @field_validator("models")
    @classmethod
    def _models_are_there(cls, models):
        for name, folder in models.items():
            if not os.path.isdir(folder):
                raise ValueError(f"{name}: {folder}: no such folder; name one that Trainer wrote")
        return models


def execute(context: Context):
    """Evaluate on the test split; see `components.evaluator.executor`."""
    from components.evaluator import executor  # imports TensorFlow, scikit-learn and matplotlib

    return executor.execute(context)


def _digests(parameters):
    """The other models' contents, as far as names and sizes tell."""
    found = []
    for name, folder in sorted(parameters.models.items()):
        for parent, _, files in sorted(os.walk(folder)):
            paths = (os.path.join(parent, file) for file in sorted(files))
            found += [(name, os.path.relpath(path, folder), *_stat(path)) for path in paths]
    return repr(found)


def _stat(path):
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns


COMPONENT = Component(
    name="Evaluator",
    module="components.evaluator.component",
    summary="Judge a model on the test split: exact figures with intervals per data set and method, a report, the blessing.",
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
    libraries=("tensorflow-cpu", "tensorflow", "scikit-learn", "scipy", "pyarrow", "matplotlib", "jinja2", "pillow"),
    resumable=True,
    uses_beam=True,
    sources=_digests,
)
