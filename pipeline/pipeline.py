"""The pipeline as a picture of the data's way."""

from dataclasses import dataclass, field

from commands.parameters import Parameters
from components.base import Component
from components.evaluator.component import COMPONENT as EVALUATOR
from components.example_validator.component import COMPONENT as EXAMPLE_VALIDATOR
from components.face_example_gen.component import COMPONENT as FACE_EXAMPLE_GEN
from components.infra_validator.component import COMPONENT as INFRA_VALIDATOR
from components.pusher.component import COMPONENT as PUSHER
from components.statistics_gen.component import COMPONENT as STATISTICS_GEN
from components.trainer.component import COMPONENT as TRAINER
from components.video_example_gen.component import COMPONENT as VIDEO_EXAMPLE_GEN
from pipeline.resolvers import LastBlessed

SAMPLE_CAVEAT = (
    "this is the embedded sample, made by this program from two photographs. Its figures show that every stage works; "
    "they mean nothing for real fakes"
)


@dataclass(frozen=True)
class Node:
    """A component in the pipeline.

    Attributes:
        component: its spec.
        parameters: of this run.
        inputs: input key -> (name of the component, its output key).
        after: names of components that must have succeeded, beside those that give inputs.
        resolve: optional input key -> what finds its artifact in the lineage.
    """

    component: Component
    parameters: Parameters
    inputs: dict[str, tuple[str, str]]
    after: tuple[str, ...] = ()
    resolve: dict[str, LastBlessed] = field(default_factory=dict)


def create_pipeline(config):
    """Return the `Node`s of a `PipelineConfig` in the order in which they run."""
    p = config.components
    videos = ("VideoExampleGen", "videos")
    examples, rejects = ("FaceExampleGen", "examples"), ("FaceExampleGen", "rejects")
    model = ("Trainer", "model")
    return [
        Node(VIDEO_EXAMPLE_GEN, p.VideoExampleGen, {}),
        Node(FACE_EXAMPLE_GEN, p.FaceExampleGen, {"videos": videos}),
        Node(STATISTICS_GEN, p.StatisticsGen, {"videos": videos, "examples": examples, "rejects": rejects}),
        Node(EXAMPLE_VALIDATOR, p.ExampleValidator, {"statistics": ("StatisticsGen", "statistics")}),
        Node(TRAINER, p.Trainer, {"examples": examples}, after=("ExampleValidator",)),
        Node(
            EVALUATOR,
            _with_caveats(config),
            {"examples": examples, "model": model, "videos": videos, "rejects": rejects},
            resolve={"baseline": LastBlessed("Evaluator", input="model", verdict="blessing")},
        ),
        Node(INFRA_VALIDATOR, p.InfraValidator, {"model": model}),
        Node(
            PUSHER,
            p.Pusher,
            {
                "model": model,
                "blessing": ("Evaluator", "blessing"),
                "infra_blessing": ("InfraValidator", "infra_blessing"),
                "statistics": ("StatisticsGen", "statistics"),
                "evaluation": ("Evaluator", "evaluation"),
            },
        ),
    ]


def _with_caveats(config):
    """The Evaluator's parameters, with what must be said of generated data."""
    samples = {d.name: SAMPLE_CAVEAT for d in config.components.VideoExampleGen.datasets if d.type == "sample"}
    parameters = config.components.Evaluator
    return parameters.model_copy(update={"caveats": samples | parameters.caveats})
