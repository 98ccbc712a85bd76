"""Where the model looked: heat maps of a file's faces, computed when somebody asks for them."""

import time
from collections.abc import Sequence

import numpy as np

from artifacts.face_examples import FaceExample
from serving.verdict import scores
from serving.verdict.stages import DRAWING, StageProgress, no_progress

MOST_HEAT_MAPS = 64  # per file

FaceKey = tuple[int, int]  # (track, frame index)


class HeatMaps:
    """Heat maps of the faces of one file, at most `MOST_HEAT_MAPS` of them, evenly spaced.

    They are computed batch by batch, and only the last batch is kept.

    Args:
        examples: the faces.
        make: of the model.
        progress: called before each batch; between two calls of `get` it may raise an exception to give up.
        deadline: of the work on the file, by `time.monotonic`. Once half of the time until then is over, no further
            heat maps are computed. None: all of them are.
    """

    def __init__(
        self,
        examples: Sequence[FaceExample],
        make: scores.MakeHeatMaps,
        progress: StageProgress = no_progress,
        deadline: float | None = None,
    ) -> None:
        self._make, self._progress = make, progress
        self._waiting = sorted(_evenly_spaced(examples), key=_key)
        self._total = len(self._waiting)
        self._batch: dict[FaceKey, np.ndarray] = {}
        self._until = None if deadline is None else (time.monotonic() + deadline) / 2

    def get(self, key: FaceKey) -> np.ndarray | None:
        """The heat map of a face, float32 [256, 256] within 0..1; None if it has none. Call it with rising keys."""
        if key not in self._batch and key in map(_key, self._waiting):
            self._progress(DRAWING, self._total - len(self._waiting), self._total)
            self._next_batch()
        return self._batch.get(key)

    def _next_batch(self) -> None:
        examples, self._waiting = self._waiting[: scores.BATCH], self._waiting[scores.BATCH :]
        self._batch = {}
        late = self._until is not None and time.monotonic() >= self._until
        maps = None if late else self._make(scores.crops_of(examples))
        if maps is None:
            self._waiting = []
        else:
            self._batch = dict(zip(map(_key, examples), maps, strict=True))


def _key(example: FaceExample) -> FaceKey:
    return example.track, example.frame_index


def _evenly_spaced(examples: Sequence[FaceExample]) -> list[FaceExample]:
    count = len(examples)
    chosen = np.linspace(0, count - 1, min(count, MOST_HEAT_MAPS)).round().astype(int)
    return [examples[place] for place in np.unique(chosen)]
