"""Resolve a component's inputs, look in the cache, execute, publish."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifacts.digests import artifact_digest
from artifacts.layout import artifact_dir, outline, staging_dir
from artifacts.writing import remove_partial
from components.base import Component, Context
from pipeline import fingerprint
from pipeline.metadata import Artifact, Execution, MetadataStore, Published
from pipeline.wiring import Node


@dataclass(frozen=True)
class Decision:
    """Whether an execution is reused.

    Attributes:
        cached: the earlier execution, or None for a miss.
        reason: why, in words.
        key: the cache key.
        parts: what the key is made of.
        inputs: input key -> artifact, as they were at the time of the decision.
    """

    cached: Execution | None
    reason: str
    key: str
    parts: dict[str, Any]
    inputs: dict[str, Artifact]


class Launcher:
    """Runs nodes one by one and remembers their outputs.

    Args:
        store: the lineage.
        root: the pipeline root.
        run: the run's id in the store; None only to decide without launching.
        beam_args: of the engine.
        no_cache: execute even where an execution could be reused.

    Attributes:
        outputs: (component, output key) -> artifact of what ran or was reused so far.
    """

    def __init__(
        self, store: MetadataStore, root: str, run: int | None, beam_args: tuple[str, ...], no_cache: bool = False
    ) -> None:
        self.store, self.root, self.run = store, root, run
        self.beam_args, self.no_cache = beam_args, no_cache
        self.outputs: dict[tuple[str, str], Artifact] = {}

    def decide(self, node: Node) -> Decision:
        """Find out whether the node's work was done before; nothing is changed."""
        component = node.component
        inputs = {key: self.outputs[output.source] for key, output in node.inputs.items()}
        found = {key: resolver.find(self.store, inputs) for key, resolver in node.resolve.items()}
        inputs |= {key: artifact for key, artifact in found.items() if artifact}
        digests = {key: artifact.digest for key, artifact in inputs.items()}
        parts = fingerprint.key_parts(component, node.parameters, digests)
        key = fingerprint.cache_key(component, parts)
        cached, reason = self._look_up(component, key, parts)
        for name, artifact in found.items():
            reason += f"; {name}: {os.path.relpath(artifact.uri, self.store.root) if artifact else 'none yet'}"
        return Decision(cached, reason, key, parts, inputs)

    def _look_up(self, component: Component, key: str, parts: Mapping[str, Any]) -> tuple[Execution | None, str]:
        """The execution that can be reused, or None, and why."""
        if self.no_cache:
            return None, "the cache is off (--no_cache)"
        same = self.store.last_complete(component.name, key)
        if same is None:
            last = self.store.last_complete(component.name)
            return None, fingerprint.difference(last.key_parts, parts) if last else "never run before"
        gone = self._no_longer_holds(component, same)
        if gone:
            return None, f"execution {same.id} did the same, but {gone}"
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(same.finished))
        return same, f"same inputs, parameters and code as execution {same.id} of {when}"

    def _no_longer_holds(self, component: Component, execution: Execution) -> str | None:
        """Why a complete execution cannot be reused, or None."""
        artifacts = self.store.artifacts(execution.id, "OUTPUT")
        for key, artifact in artifacts.items():
            if not os.path.isdir(artifact.uri):
                return f"its output {key} is gone"
            if outline(artifact.uri) != (artifact.files, artifact.bytes):
                return f"files of its output {key} have changed since"
        if component.still_holds is None:
            return None
        return component.still_holds({key: artifact.uri for key, artifact in artifacts.items()})

    def launch(self, node: Node, decision: Decision) -> Execution:
        """Reuse or execute; afterwards the node's outputs are there for the next nodes."""
        component = node.component
        if decision.cached:
            self.reuse(component, decision.cached)
            return decision.cached
        inputs = decision.inputs
        execution = self.store.start_execution(component.name, decision.key, decision.parts, inputs)
        try:
            staged = self._stage(component, decision.key)
            context = Context({key: a.uri for key, a in inputs.items()}, staged, node.parameters, self.beam_args)
            properties = component.run(context)
            self._publish(component, execution, staged, properties)
            shutil.rmtree(staging_dir(self.root, component.name, decision.key), ignore_errors=True)
        except BaseException as error:
            self.store.fail(execution, f"{type(error).__name__}: {error}")
            raise
        self._use(component, execution, cached=False)
        return self.store.execution(execution)

    def reuse(self, component: Component, execution: Execution) -> None:
        """Take an earlier execution's outputs as this run's."""
        self._use(component, execution.id, cached=True)

    def _use(self, component: Component, execution: int, cached: bool) -> None:
        assert self.run is not None, "a launcher without a run only decides"
        self.store.associate(self.run, execution, cached)
        for key, artifact in self.store.artifacts(execution, "OUTPUT").items():
            self.outputs[component.name, key] = artifact

    def _stage(self, component: Component, key: str) -> dict[str, str]:
        """Folders to work in; those of an interrupted attempt at the same work if the component can resume it."""
        folder = staging_dir(self.root, component.name, key)
        if os.path.isdir(folder) and component.resumable and not self.no_cache:
            print(f"{component.name}: continues with what an interrupted run left", flush=True)
            remove_partial(folder)  # a killed process could not tidy up, and this must not be published
        else:
            shutil.rmtree(folder, ignore_errors=True)
        staged = {name: os.path.join(folder, name) for name in component.outputs}
        for path in staged.values():
            os.makedirs(path, exist_ok=True)
        return staged

    def _publish(
        self, component: Component, execution: int, staged: Mapping[str, str], properties: Mapping[str, Any]
    ) -> None:
        """Move the outputs to their places, then make them live in one transaction."""
        rows: dict[str, Published] = {}
        moved: list[str] = []
        try:
            for key, folder in staged.items():
                digest, (files, size) = artifact_digest(folder), outline(folder)
                target = artifact_dir(self.root, component.name, key, execution)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.rename(folder, target)
                moved.append(target)
                rows[key] = Published(component.outputs[key], target, digest, files, size)
            self.store.finish(execution, rows, properties)
        except BaseException:
            for target in moved:
                shutil.rmtree(target, ignore_errors=True)
            raise


def sweep(store: MetadataStore, root: str, components: Sequence[Component]) -> None:
    """Undo what a killed run left: its executions count as failed, and half-published folders are removed."""
    for execution, name in store.running():
        for component in components:
            if component.name == name:
                for key in component.outputs:
                    shutil.rmtree(artifact_dir(root, name, key, execution), ignore_errors=True)
        store.fail(execution, "the run was killed")
