"""One file after the other, from its path to its verdict."""

import os

import numpy as np

from faces.decoder import NO_LIMITS
from faces.extraction import Reject
from serving.verdict import judging
from serving.verdict.finding import FaceFinder, Found
from serving.verdict.parameters import JudgeParameters

MOST_HEAT_MAPS = 64  # of one file


class Judge:
    """Judges files by one model.

    Args:
        model: a `ServedModel`.
        parameters: `JudgeParameters`.
        limits: what a file may hold.
        name: of the model.

    A context manager. Use it from one thread.
    """

    def __init__(self, model, parameters=None, limits=NO_LIMITS, name="model"):
        self.model, self.parameters = model, parameters or JudgeParameters()
        self.of_model = judging.describe(model, name)
        self._finder = FaceFinder(self.parameters, limits)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._finder.close()

    def judge_all(self, paths, *, kind="auto", watch=None, keep_frames=False):
        """Yield (`Verdict`, `Found`) for each file, in order; the next one is decoded meanwhile.

        A file that something unforeseen happens to is one that cannot be judged, and the others go on.

        Args:
            paths: of the files.
            kind: see `FaceFinder.find_all`.
            watch: called with (stage, done, of how many) as it goes on; may raise to give up.
            keep_frames: keep small copies of the frames.

        Raises:
            InputError: the model gives what is no number.
        """
        watch = watch or (lambda *_: None)
        left = list(paths)
        while left:
            finding = self._find(tuple(left), kind, watch, keep_frames)
            while left:
                try:
                    found = next(finding)
                except Exception as error:
                    found, finding = self._failed(left[0], error), iter(())
                    left.pop(0)
                    yield self.conclude(found, watch), found
                    break
                left.pop(0)
                yield self.conclude(found, watch), found

    def _find(self, paths, kind, watch, keep_frames):
        # Without a name of its own a file such as "12:30.mp4" would be taken for the address of something else.
        return self._finder.find_all(
            [os.path.abspath(path) for path in paths],
            kind=kind,
            names=paths,
            progress=lambda done, most: watch("finding faces", done, most),
            keep_frames=keep_frames,
        )

    def conclude(self, found, watch=lambda *_: None):
        """The `Verdict` of what was found."""
        scores = judging.score(self.model.predict, found.examples, lambda *of: watch("judging", *of))
        return judging.conclude(found, scores, self.parameters, self.model.calibration, self.of_model)

    def heat_maps(self, found, watch=lambda *_: None):
        """Where the model looked: {(track, frame index): float32 [256, 256]}, of at most `MOST_HEAT_MAPS` faces.

        Empty where the model is too old to tell.
        """
        chosen, maps = chosen_for_heat(found.examples), {}
        for start in range(0, len(chosen), judging.BATCH):
            examples = chosen[start : start + judging.BATCH]
            heat = self.model.heat_maps(judging.crops_of(examples))
            if heat is None:
                break
            maps |= {(e.track, e.frame_index): h for e, h in zip(examples, heat, strict=True)}
            watch("drawing", start + len(examples), len(chosen))
        return maps

    @staticmethod
    def _failed(path, error):
        words = f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no more is known'])[0]}"
        reject = Reject(path, path, "", "", 0, "", "video", "failed", f"something unforeseen happened ({words})")
        return Found(path, None, [], [reject], 0, {})


def chosen_for_heat(examples):
    """Which faces of a file have heat maps: all, or `MOST_HEAT_MAPS` of them, evenly spaced."""
    count = len(examples)
    return [examples[k] for k in np.unique(np.linspace(0, count - 1, min(count, MOST_HEAT_MAPS)).round().astype(int))]
