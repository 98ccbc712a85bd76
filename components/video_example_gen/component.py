"""VideoExampleGen: its spec and parameters."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from artifacts.manifest import SPLITS, read_manifest
from commands.parameters import Parameters
from components.base import Component, Context
from components.video_example_gen import adapters
from components.video_example_gen.dataset_files import walk


class SplitFractions(BaseModel):
    """How a data set without official splits is divided."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: float = Field(0.8, ge=0, description="share of training videos")
    val: float = Field(0.1, ge=0, description="share of validation videos")
    test: float = Field(0.1, ge=0, description="share of test videos")

    @model_validator(mode="after")
    def _sum(self) -> Self:
        total = self.train + self.val + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + val + test is {total:g}; it must be 1")
        return self


class VideoExampleGenParameters(Parameters):
    """Parameters of VideoExampleGen."""

    datasets: Annotated[list[adapters.DatasetConfig], Field(min_length=1)] = Field(
        description="The data sets, each with a type, a name and a root: "
        '[{"type": "folder", "name": "mine", "root": "videos"}]'
    )
    split_fractions: SplitFractions = Field(
        SplitFractions(), description="Shares of the splits for data sets without official ones."
    )
    seed: int = Field(0, description="Seed of the division of data sets without official splits.")
    allow_missing: bool = Field(True, description="Continue if videos that a data set's lists name are missing.")

    @field_validator("datasets")
    @classmethod
    def _names(cls, datasets: list[adapters.DatasetConfig]) -> list[adapters.DatasetConfig]:
        first: dict[str, int] = {}
        for index, dataset in enumerate(datasets):
            if first.setdefault(dataset.name, index) != index:
                raise ValueError(f'{first[dataset.name]} and {index} are both called "{dataset.name}"; rename one')
        return datasets


def sources(parameters: VideoExampleGenParameters) -> str:
    """Return a fingerprint of all files that the listings depend on: paths, sizes and times, not contents."""
    digest = hashlib.blake2b(digest_size=16)
    for config in parameters.datasets:
        for source in config.sources():
            digest.update(f"{config.name}\n{source}\n".encode(errors="surrogatepass"))
            for path, status in _statuses(source):
                line = f"{os.path.relpath(path, source)}\t{status.st_size}\t{status.st_mtime_ns}\n"
                digest.update(line.encode(errors="surrogatepass"))
    return digest.hexdigest()


def still_holds(outputs: Mapping[str, str]) -> str | None:
    """Return which video of the manifests is gone, or None (`sources` does not see those of a generated data set)."""
    for split in SPLITS:
        for video in read_manifest(outputs["videos"], split):
            if not os.path.isfile(video.uri):
                return f"{video.uri} is gone"
    return None


def _statuses(source: str) -> Iterator[tuple[str, os.stat_result]]:
    if os.path.isdir(source):
        for entry in walk(source):
            yield entry.path, entry.stat()
    elif os.path.exists(source):
        yield source, os.stat(source)


def execute(context: Context) -> dict[str, int]:
    """List the videos of all data sets; see `components.video_example_gen.executor`."""
    from components.video_example_gen import executor  # imports SciPy

    return executor.execute(context)


COMPONENT = Component(
    name="VideoExampleGen",
    module="components.video_example_gen.component",
    summary="List the videos of one or more data sets, with labels, people and splits.",
    inputs={},
    outputs={"videos": "Videos"},
    parameters=VideoExampleGenParameters,
    execute=execute,
    late_imports=("scipy", "cv2", "av", "skimage", "matplotlib"),
    sources=sources,
    still_holds=still_holds,
)
