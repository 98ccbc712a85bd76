"""A training that has gone wrong for good: a term of the loss, a weight or a score is NaN or infinite."""

import math
from collections.abc import Callable, Mapping

import keras
import numpy as np

from artifacts.errors import InputError
from model import checkpoints

TERMS = ("cross_entropy", "triplet", "weight_center", "loss")  # in the order in which they are named


class Diverged(InputError):
    """The training cannot go on from here; nothing that is not finite is saved."""


class Watch:
    """Ends a training as soon as something is not finite.

    Args:
        run_dir: the run's folder, where the last finite state is.
        learning_rate: returns that of the next step.
    """

    def __init__(self, run_dir: str, learning_rate: Callable[[], float]) -> None:
        self.run_dir, self.learning_rate = run_dir, learning_rate
        self.finite: dict[str, float] = {}  # the last figures that were

    def check_terms(self, step: int, figures: Mapping[str, float]) -> None:
        """Check the running means of a step, and remember them.

        Args:
            step: how many steps were taken.
            figures: means of the training's figures since they were reset; a mean stays NaN from the first NaN on.

        Raises:
            Diverged: one of them is NaN or infinite.
        """
        wrong = [name for name, value in figures.items() if not math.isfinite(value)]
        if wrong:
            named = [name for name in TERMS if name in wrong] or wrong
            raise self.diverged(step, f"{', '.join(f'{name} is {figures[name]}' for name in named)}")
        self.finite = dict(figures)

    def check_weights(self, step: int, model: keras.Model) -> None:
        """Check the weights before they are saved: those of a step whose loss was the last finite one may not be.

        Raises:
            Diverged: one of them is NaN or infinite.
        """
        for variable in model.weights:
            if not np.isfinite(keras.ops.convert_to_numpy(variable)).all():
                raise self.diverged(step, f"the weights {variable.path} are not finite")

    def diverged(self, step: int, what: str) -> Diverged:
        """Return the error that says what happened when, and what to do."""
        before = ", ".join(f"{name} {self.finite[name]:.4g}" for name in reversed(TERMS) if name in self.finite)
        try:
            found = checkpoints.load_state(self.run_dir)
        except InputError:  # damaged since: there is none to start from
            found = None
        cure = f"Train in another folder with a lower learning_rate (it was {self.learning_rate():.4g})"
        if found:
            state, weights = found
            cure += (
                f", from the start or from the last finite state (step {state['step']}): initial_weights={weights}. "
                "The same training in this folder would go on from that state to the same end"
            )
        else:
            cure += "; no state was saved yet"
        return Diverged(
            f"training diverged at step {step}: {what}. "
            + (f"Means before it: {before}. " if before else "")
            + f"Nothing was exported. {cure}"
        )
