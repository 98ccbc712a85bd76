"""Inputs that no component of the run gives: they are found in the lineage."""

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from artifacts.layout import BLESSED
from artifacts.types import ArtifactType
from components.base import Component
from pipeline import integrity
from pipeline.metadata import Artifact, MetadataStore


@dataclass(frozen=True)
class LastBlessed:
    """The model that was blessed last, other than the one being evaluated now.

    The complete executions of the evaluating component are searched in the order in which runs used them (a cached
    one at its last use), newest first. The first one counts that blessed a model with other content than the one
    evaluated now, if that model still lies there as it was recorded. The first run finds none.

    A model's own blessings never change what it is compared with, so running it again finds the same model and stays
    cached. Blessings of others do: after A was blessed, and then B, A is compared with B, which is new work; B, run
    once more, is compared with A, as before, which is not.

    Attributes:
        component: the one that evaluates.
        model: its input key of the model.
        blessing: its output key of the folder that holds BLESSED or NOT_BLESSED.

    Raises:
        ValueError: the component has no such input or output.
    """

    component: Component
    model: str
    blessing: str

    def __post_init__(self) -> None:
        if self.model not in self.component.inputs:
            raise ValueError(f"{self}: {self.component.name} declares no input {self.model!r}")
        if self.blessing not in self.component.outputs:
            raise ValueError(f"{self}: {self.component.name} has no output {self.blessing!r}")

    def __str__(self) -> str:
        return f"the last {self.component.name}.{self.model} with {self.component.name}.{self.blessing}"

    @property
    def type(self) -> ArtifactType:
        """The type of the artifact that it finds."""
        return self.component.inputs[self.model]

    def find(
        self,
        store: MetadataStore,
        inputs: Mapping[str, Artifact],
        problem: Callable[[Artifact], str | None] | None = None,
    ) -> Artifact | None:
        """Return the artifact of that model, or None.

        Args:
            store: the lineage.
            inputs: input key -> artifact of the node's other inputs; the model evaluated now is among them.
            problem: says what happened to an artifact since it was made, or None. Default: `integrity.problem`.
        """
        problem = problem or functools.partial(integrity.problem, store)
        for execution in store.last_used(self.component.name):
            model = store.artifacts(execution.id, "INPUT")[self.model]
            verdict = store.artifacts(execution.id, "OUTPUT")[self.blessing]
            blessed = os.path.exists(os.path.join(verdict.uri, BLESSED))
            if blessed and model.digest != inputs[self.model].digest:
                damage = problem(model)
                if damage is None:
                    return model
                print(f"{model.uri}: {damage}; an earlier blessed model is looked for", flush=True)
        return None
