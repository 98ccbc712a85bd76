"""Inputs that no component of the run gives: they are found in the lineage."""

import os
from dataclasses import dataclass

from artifacts.layout import outline


@dataclass(frozen=True)
class LastBlessed:
    """The model that was blessed last, other than the one that is judged now.

    The complete executions of the component that judges are looked through in the order in which runs used them, a
    cached one at its last use, the newest first. The first counts that blessed a model of other content than the one
    judged now, if that model still lies there as it was recorded. There is none in the first run.

    A model's own blessings never change what it is held against, so running it again finds the same one and stays
    cached. Blessings of others do: after A was blessed, and then B, A is held against B, which is new work; B, run once
    more, against A, as it was before, which is not.

    Attributes:
        component: that judges.
        input: its input key of the model.
        verdict: its output key of the folder that holds BLESSED or NOT_BLESSED.
    """

    component: str
    input: str
    verdict: str

    def find(self, store, inputs):
        """The `Artifact` of that model, or None.

        Args:
            store: the `MetadataStore`.
            inputs: input key -> `Artifact` of the node's other inputs; the model judged now is among them.
        """
        for execution in store.last_used(self.component):
            model = store.artifacts(execution.id, "INPUT")[self.input]
            verdict = store.artifacts(execution.id, "OUTPUT")[self.verdict]
            blessed = os.path.exists(os.path.join(verdict.uri, "BLESSED"))
            there = outline(model.uri) == (model.files, model.bytes)
            if blessed and there and model.digest != inputs[self.input].digest:
                return model
        return None
