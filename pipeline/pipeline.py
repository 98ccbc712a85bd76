"""The pipeline as a picture of the data's way."""

from components.evaluator.component import COMPONENT as EVALUATOR
from components.evaluator.component import EvaluatorParameters
from components.example_validator.component import COMPONENT as EXAMPLE_VALIDATOR
from components.face_example_gen.component import COMPONENT as FACE_EXAMPLE_GEN
from components.infra_validator.component import COMPONENT as INFRA_VALIDATOR
from components.pusher.component import COMPONENT as PUSHER
from components.statistics_gen.component import COMPONENT as STATISTICS_GEN
from components.trainer.component import COMPONENT as TRAINER
from components.video_example_gen.component import COMPONENT as VIDEO_EXAMPLE_GEN
from pipeline.config_schema import PipelineConfig
from pipeline.resolvers import LastBlessed
from pipeline.wiring import Node, check_order

SAMPLE_CAVEAT = (
    "this is the embedded sample, made by this program from two photographs. Its figures show that every stage works; "
    "they mean nothing for real fakes"
)


def create_pipeline(config: PipelineConfig, compare: bool = True) -> list[Node]:
    """Return the nodes of a pipeline in the order in which they run.

    Args:
        config: of the run.
        compare: the Evaluator compares with the last blessed model.

    Raises:
        WiringError: two components do not fit together; the message names both ends.
    """
    p = config.components
    videos = Node(VIDEO_EXAMPLE_GEN, p.VideoExampleGen)
    faces = Node(FACE_EXAMPLE_GEN, p.FaceExampleGen, {"videos": videos.outputs["videos"]})
    found = {"examples": faces.outputs["examples"], "rejects": faces.outputs["rejects"]}
    statistics = Node(STATISTICS_GEN, p.StatisticsGen, {"videos": videos.outputs["videos"], **found})
    validator = Node(EXAMPLE_VALIDATOR, p.ExampleValidator, {"statistics": statistics.outputs["statistics"]})
    trainer = Node(TRAINER, p.Trainer, {"examples": faces.outputs["examples"]}, after=[validator])
    evaluator = Node(
        EVALUATOR,
        _with_caveats(config),
        {"model": trainer.outputs["model"], "videos": videos.outputs["videos"], **found},
        resolve={"baseline": LastBlessed(EVALUATOR, model="model", blessing="blessing")} if compare else {},
    )
    infra_validator = Node(INFRA_VALIDATOR, p.InfraValidator, {"model": trainer.outputs["model"]})
    pusher = Node(
        PUSHER,
        p.Pusher,
        {
            "model": trainer.outputs["model"],
            "blessing": evaluator.outputs["blessing"],
            "infra_blessing": infra_validator.outputs["infra_blessing"],
            "statistics": statistics.outputs["statistics"],
            "evaluation": evaluator.outputs["evaluation"],
        },
    )
    nodes = [videos, faces, statistics, validator, trainer, evaluator, infra_validator, pusher]
    check_order(nodes)
    return nodes


def _with_caveats(config: PipelineConfig) -> EvaluatorParameters:
    """The Evaluator's parameters, with what must be said about generated data."""
    samples = {d.name: SAMPLE_CAVEAT for d in config.components.VideoExampleGen.datasets if d.type == "sample"}
    parameters = config.components.Evaluator
    return parameters.model_copy(update={"caveats": samples | parameters.caveats})
