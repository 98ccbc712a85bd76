"""Resolve a component's inputs, look in the cache, execute, publish."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from artifacts.digests import joint_digest, note_files
from artifacts.errors import InputError
from artifacts.layout import outline
from components.base import Component, Context
from pipeline import fingerprint, integrity
from pipeline.metadata import Artifact, Execution, MetadataStore, Published
from pipeline.staging import Staging, targets
from pipeline.wiring import Node

KILLED = "the run was killed"  # the reason in the lineage for executions that never ended


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
        verify: read the whole content of what is reused, also where no file's size or time has changed.

    Attributes:
        outputs: (component, output key) -> artifact of what ran or was reused so far.
    """

    def __init__(
        self,
        store: MetadataStore,
        root: str,
        run: int | None,
        beam_args: tuple[str, ...],
        no_cache: bool = False,
        verify: bool = False,
    ) -> None:
        self.store, self.root, self.run = store, root, run
        self.beam_args, self.no_cache, self.verify = beam_args, no_cache, verify
        self.outputs: dict[tuple[str, str], Artifact] = {}

    def decide(self, node: Node) -> Decision:
        """Find out whether the node's work was done before; nothing is changed."""
        component = node.component
        inputs = {key: self.outputs[output.source] for key, output in node.inputs.items()}
        found = {key: resolver.find(self.store, inputs, self.problem) for key, resolver in node.resolve.items()}
        inputs |= {key: artifact for key, artifact in found.items() if artifact}
        digests = {key: artifact.digest for key, artifact in inputs.items()}
        parts = fingerprint.key_parts(component, node.parameters, digests)
        key = fingerprint.cache_key(component, parts)
        cached, reason = self._look_up(component, key, parts)
        for name, artifact in found.items():
            reason += f"; {name}: {os.path.relpath(artifact.uri, self.store.root) if artifact else 'none yet'}"
        return Decision(cached, reason, key, parts, inputs)

    def problem(self, artifact: Artifact) -> str | None:
        """Say what happened to an artifact since it was made; None if it is whole. See `integrity.problem`."""
        return integrity.problem(self.store, artifact, self.verify, renew=self.run is not None)

    def _look_up(self, component: Component, key: str, parts: Mapping[str, Any]) -> tuple[Execution | None, str]:
        """The execution that can be reused, or None, and why."""
        if self.no_cache:
            return None, "the cache is off (--no_cache)"
        same = self.store.last_complete(component.name, key)
        if same is None:
            tried = self.store.unfinished(component.name, key)
            if tried:
                return None, f"execution {tried.id}, of the same work, {_end_of(tried)}"
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
            damage = self.problem(artifact)
            if damage:
                return f"its output {key} {damage}"
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
            staging = Staging(self.root, component, decision.key)
            properties = None if self.no_cache else staging.finished()
            if properties is None:
                staging.prepare(fresh=self.no_cache)
                folders = {key: artifact.uri for key, artifact in inputs.items()}
                properties = component.run(Context(folders, staging.outputs, node.parameters, self.beam_args))
            else:
                print(f"{component.name}: an earlier run has done this work; it is published now", flush=True)
            self._publish(component, execution, staging, properties)
        except BaseException as error:
            with contextlib.suppress(InputError):  # the lineage itself cannot be written: `sweep` will find it
                if self.store.execution(execution).state == "RUNNING":
                    self.store.fail(execution, f"{type(error).__name__}: {error}")
            raise
        staging.remove()
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

    def _publish(self, component: Component, execution: int, staging: Staging, properties: Mapping[str, Any]) -> None:
        """Move the outputs to their places, then make them live in one transaction; what fails moves them back."""
        notes = {key: tuple(note_files(folder)) for key, folder in staging.outputs.items()}
        digests = {key: joint_digest(of_output) for key, of_output in notes.items()}
        staging.finish(digests, properties)
        places = targets(self.root, component, execution)
        rows: dict[str, Published] = {}
        try:
            for key, folder in staging.outputs.items():
                files, size = outline(folder)
                os.makedirs(os.path.dirname(places[key]), exist_ok=True)
                os.rename(folder, places[key])
                rows[key] = Published(component.outputs[key], places[key], digests[key], files, size, notes[key])
            self.store.finish(execution, rows, properties)
        except BaseException:
            if not self._is_recorded(execution):
                staging.take_back(places)
            raise

    def _is_recorded(self, execution: int) -> bool:
        """Whether an execution's outputs are live: a signal may come right after they became so."""
        try:
            return self.store.execution(execution).state == "COMPLETE"
        except InputError:  # the next run's `sweep` takes them back if they are not
            return True


def _end_of(execution: Execution) -> str:
    """Say how an execution ended that was not completed."""
    error = str(execution.properties.get("error", KILLED))
    stopped = error == KILLED or "KeyboardInterrupt" in error or error.startswith("Interrupted")  # Beam wraps it
    return "was interrupted" if stopped else "failed"


def sweep(store: MetadataStore, root: str, components: Sequence[Component]) -> None:
    """Undo what a killed run left: its executions count as failed, and half-published folders go back to staging."""
    known = {component.name: component for component in components}
    for execution, name in store.running():
        if name in known:
            staging = Staging(root, known[name], store.execution(execution).cache_key)
            staging.take_back(targets(root, known[name], execution))
        store.fail(execution, KILLED)
