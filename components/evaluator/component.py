"""Evaluator: the spec and its executor."""

from typing import Literal

from pydantic import Field, model_validator

from components.base import Component, Context, Parameters


class Threshold(Parameters):
    """A figure that a model must reach to be blessed."""

    metric: Literal["acc", "auc"] = Field("auc", description="Which figure.")
    level: Literal["frame", "video"] = Field("video", description="Frames, or videos by their mean logit.")
    dataset: str = Field("all", description="A data set's name, or all of them together.")
    method: str | None = Field(None, description="A manipulation method of that data set, against its reals.")
    min: float = Field(ge=0, le=1, description="The least value that passes.")

    @model_validator(mode="after")
    def _method_has_dataset(self):
        if self.method is not None and self.dataset == "all":
            raise ValueError(f"method {self.method!r} needs a dataset: each is judged against its own reals")
        return self


class EvaluatorParameters(Parameters):
    """Parameters of Evaluator."""

    thresholds: tuple[Threshold, ...] = Field((), description="All must hold for the blessing; none means no blessing.")
    batch_size: int = Field(32, ge=1, description="Faces per forward pass.")
    caveats: dict[str, str] = Field({}, description="Data set -> a sentence to print with its figures.")


def execute(context: Context):
    """Evaluate on the test split; see `components.evaluator.executor`."""
    from components.evaluator import executor  # imports TensorFlow, scikit-learn and matplotlib

    return executor.execute(context)


COMPONENT = Component(
    name="Evaluator",
    module="components.evaluator.component",
    summary="Judge a model on the test split: ACC and AUC per data set and method, a report, and the blessing.",
    inputs={"examples": "Examples", "model": "Model"},
    outputs={"predictions": "Predictions", "evaluation": "Evaluation", "blessing": "Blessing"},
    parameters=EvaluatorParameters,
    execute=execute,
    libraries=("tensorflow-cpu", "tensorflow", "scikit-learn"),
)
