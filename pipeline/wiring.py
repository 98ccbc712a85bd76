"""Nodes of the pipeline and the references between them, checked while the pipeline is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifacts.types import ArtifactType
from commands.parameters import Parameters
from components.base import Component
from pipeline.resolvers import LastBlessed


class WiringError(ValueError):
    """Two nodes do not fit together; the message names both ends."""


@dataclass(frozen=True)
class Output:
    """A reference to one output of a node: what `node.outputs[key]` returns.

    It may name an output that does not exist: only the node that takes it can report both ends.
    """

    component: Component
    key: str

    def __str__(self) -> str:
        return f"{self.component.name}.{self.key}"

    @property
    def source(self) -> tuple[str, str]:
        """(name of the component, output key): how the launcher finds the artifact."""
        return self.component.name, self.key


class Outputs:
    """The outputs of a node, by key."""

    def __init__(self, component: Component) -> None:
        self._component = component

    def __getitem__(self, key: str) -> Output:
        return Output(self._component, key)


class Node:
    """A component in the pipeline.

    Args:
        component: its spec.
        parameters: of this run.
        inputs: input key -> the output of an earlier node.
        after: nodes that must have succeeded, beside those that give inputs.
        resolve: optional input key -> what finds its artifact in the lineage.

    Raises:
        WiringError: an input that the component does not declare, one that is missing or given twice, an unknown
            output, or an output of another type.
        ValueError: parameters of another component.
    """

    def __init__(
        self,
        component: Component,
        parameters: Parameters,
        inputs: Mapping[str, Output] | None = None,
        *,
        after: Sequence["Node"] = (),
        resolve: Mapping[str, LastBlessed] | None = None,
    ) -> None:
        self.component, self.parameters, self.after = component, parameters, tuple(after)
        self.inputs, self.resolve = dict(inputs or {}), dict(resolve or {})
        self.outputs = Outputs(component)
        if not isinstance(parameters, component.parameters):
            raise ValueError(
                f"{component.name}: parameters must be {component.parameters.__name__}. "
                f"Received: {type(parameters).__name__}"
            )
        for key, output in self.inputs.items():
            self._check_input(key, output)
        for key, resolver in self.resolve.items():
            self._check_resolver(key, resolver)
        self._check_complete()

    def _check_input(self, key: str, output: Output) -> None:
        wanted = self._declared(key, str(output))
        given = output.component.outputs.get(output.key)
        if given is None:
            known = ", ".join(output.component.outputs) or "none"
            raise WiringError(
                f"{self.component.name}.{key} <- {output}: {output.component.name} has no output {output.key!r}; "
                f"its outputs are: {known}"
            )
        if given != wanted:
            raise WiringError(
                f"{self.component.name}.{key} <- {output}: the input takes {wanted}, the output is {given}"
            )

    def _check_resolver(self, key: str, resolver: LastBlessed) -> None:
        wanted = self._declared(key, str(resolver))
        if key in self.inputs:
            raise WiringError(f"{self.component.name}.{key}: given twice, by {self.inputs[key]} and by {resolver}")
        if resolver.type != wanted:
            raise WiringError(
                f"{self.component.name}.{key} <- {resolver}: the input takes {wanted}, it finds {resolver.type}"
            )
        if key not in self.component.optional_inputs:
            raise WiringError(
                f"{self.component.name}.{key} <- {resolver}: the first run finds none, so the input must be optional"
            )

    def _declared(self, key: str, source: str) -> ArtifactType:
        if key not in self.component.inputs:
            known = ", ".join(self.component.inputs) or "none"
            raise WiringError(
                f"{self.component.name}.{key} <- {source}: {self.component.name} declares no input {key!r}; "
                f"its inputs are: {known}"
            )
        return self.component.inputs[key]

    def _check_complete(self) -> None:
        given = {*self.inputs, *self.resolve, *self.component.optional_inputs}
        missing = [key for key in self.component.inputs if key not in given]
        if missing:
            kind = self.component.inputs[missing[0]]
            raise WiringError(
                f"{self.component.name}.{missing[0]}: nothing is connected to this input; "
                f"it takes an output of type {kind}"
            )


def check_order(nodes: Sequence[Node]) -> None:
    """Check that every node comes after those that it depends on.

    Raises:
        WiringError: a node comes before one that it depends on, or a component is there twice.
    """
    earlier: set[str] = set()
    for node in nodes:
        name = node.component.name
        if name in earlier:
            raise WiringError(f"{name}: is in the pipeline twice; the lineage knows components by their names")
        for key, output in node.inputs.items():
            if output.component.name not in earlier:
                raise WiringError(f"{name}.{key} <- {output}: {output.component.name} does not come before {name}")
        for other in node.after:
            if other.component.name not in earlier:
                raise WiringError(f"{name}: must come after {other.component.name}")
        earlier.add(name)
