"""The stages of the work on one file, and the form of the callbacks that follow it."""

from collections.abc import Callable

FINDING, JUDGING, DRAWING = "finding faces", "judging", "drawing"

# Called with (stage, steps done, steps in all). It may raise an exception to give up.
StageProgress = Callable[[str, int, int], None]


def no_progress(stage: str, done: int, total: int) -> None:
    """The `StageProgress` of nobody."""
