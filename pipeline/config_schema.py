"""The typed model of `pipeline_config.json`; contradictions between its parts are refused here."""

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from commands.parameters import Parameters
from components.evaluator.component import EvaluatorParameters
from components.example_validator.component import ExampleValidatorParameters
from components.face_example_gen.component import FaceExampleGenParameters
from components.infra_validator.component import InfraValidatorParameters
from components.pusher.component import PusherParameters
from components.statistics_gen.component import StatisticsGenParameters
from components.trainer.component import TrainerParameters
from components.video_example_gen.component import VideoExampleGenParameters


class Engine(Parameters):
    """Where the Beam components run. Never part of a cache key."""

    runner: Literal["in_process", "multi_process", "beam"] = Field(
        "in_process",
        description="in_process: here; multi_process: several processes on this machine; beam: any runner.",
    )
    workers: PositiveInt = Field(1, description="Processes of multi_process.")
    beam_args: tuple[str, ...] = Field(
        (), description="Beam's own arguments for runner beam, e.g. --runner=FlinkRunner."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.beam_args and self.runner != "beam":
            raise ValueError(f'beam_args are given, but runner is "{self.runner}"; set runner to "beam"')
        named = [a.removeprefix("--runner=") for a in self.beam_args if a.startswith("--runner=")]
        if self.runner == "beam" and not any(named):
            raise ValueError('runner "beam" needs beam_args that name a runner, e.g. ["--runner=FlinkRunner", ...]')
        if any(name.split(".")[-1] == "DirectRunner" for name in named):
            raise ValueError(
                "beam_args name DirectRunner, which picks another engine from machine to machine and downloads one "
                'where it can; set runner to "in_process" or "multi_process", or name another runner'
            )
        if self.workers > 1 and self.runner != "multi_process":
            raise ValueError(f'workers is {self.workers}, but runner is "{self.runner}"; set runner to "multi_process"')
        return self


class Components(Parameters):
    """Parameters of each component, by its name."""

    VideoExampleGen: VideoExampleGenParameters
    FaceExampleGen: FaceExampleGenParameters = FaceExampleGenParameters()
    StatisticsGen: StatisticsGenParameters = StatisticsGenParameters()
    ExampleValidator: ExampleValidatorParameters = ExampleValidatorParameters()
    Trainer: TrainerParameters = TrainerParameters()
    Evaluator: EvaluatorParameters = EvaluatorParameters()
    InfraValidator: InfraValidatorParameters = InfraValidatorParameters()
    Pusher: PusherParameters


class PipelineConfig(Parameters):
    """One run, from data sets to a served model. Relative paths start at the config file's folder."""

    editor_schema: str | None = Field(None, alias="$schema", description="For editors; not read.")
    pipeline_name: str = Field(pattern=r"^[\w.-]+$", description="Name of the pipeline in the lineage.")
    pipeline_root: str = Field(min_length=1, description="Folder of all artifacts, the cache and the lineage.")
    engine: Engine = Engine()
    components: Components

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_dataset_names()
        self._check_evaluator()
        return self

    def _check_dataset_names(self) -> None:
        for number, dataset in enumerate(self.components.VideoExampleGen.datasets):
            if dataset.name == "all":
                raise ValueError(
                    f'components.VideoExampleGen.datasets.{number}.name: "all" stands for all data sets together; '
                    "give another name"
                )

    def _check_evaluator(self) -> None:
        datasets = {dataset.name: dataset for dataset in self.components.VideoExampleGen.datasets}
        known = ", ".join(sorted(datasets))
        for name in self.components.Evaluator.caveats:
            if name not in datasets:
                raise ValueError(
                    f"components.Evaluator.caveats.{name}: is not a data set of this config; it can be {known}"
                )
        for number, threshold in enumerate(self.components.Evaluator.thresholds):
            where = f"components.Evaluator.thresholds.{number}"
            if threshold.dataset not in datasets.keys() | {"all"}:
                raise ValueError(
                    f"{where}.dataset: {threshold.dataset!r} is not a data set of this config; it can be all, {known}"
                )
            methods = getattr(datasets.get(threshold.dataset), "methods", None)
            if threshold.method and methods and threshold.method not in methods:
                raise ValueError(
                    f"{where}.method: {threshold.method!r} is not among the methods of data set {threshold.dataset!r}; "
                    f"it can be {', '.join(methods)}"
                )
