"""From a file to its verdict, with heat maps and pictures if they are wanted: for the command and for the server."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from artifacts.rejects import Reject
from faces.decoder import NO_LIMITS, Limits
from serving.verdict.aggregation import verdict_of
from serving.verdict.finding import FaceFinder, Found
from serving.verdict.heat_maps import HeatMaps
from serving.verdict.input_files import Kind
from serving.verdict.scores import ScoringModel, score_faces
from serving.verdict.stages import StageProgress, no_progress
from serving.verdict.verdict_json import Verdict
from serving.verdict.verdict_options import VerdictOptions
from serving.verdict.view.verdict_view import PictureAddress, VerdictView, verdict_view


@dataclass(frozen=True)
class Assessment:
    """What came of one file.

    Attributes:
        verdict: the verdict.
        found: the faces and frames that it was made of.
        heat_maps: where the model looked; computed when they are asked for.
    """

    verdict: Verdict
    found: Found
    heat_maps: HeatMaps

    def view(self, address: PictureAddress | None = None) -> VerdictView:
        """The verdict with its pictures; see `verdict_view`."""
        return verdict_view(self.verdict, self.found, self.heat_maps, address)


class Assessor:
    """Finds and scores the faces of one file after the other.

    A context manager. Use it from one thread, except for `abort`.

    Args:
        options: of the verdicts.
        limits: what a file may hold.
    """

    def __init__(self, options: VerdictOptions | None = None, limits: Limits = NO_LIMITS) -> None:
        self.options = options or VerdictOptions()
        self._finder = FaceFinder(self.options, limits)

    def _prepare(self, model: ScoringModel) -> None:
        """Have the faces found and cut out as those from which the model learnt."""
        self._finder.choose(self.options.for_model(model.preprocessing))

    def __enter__(self) -> "Assessor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decoding processes; the next file starts new ones."""
        self._finder.close()

    def abort(self) -> None:
        """Kill the decoding of the file that is being read. May be called from any thread; see `FaceFinder.abort`."""
        self._finder.abort()

    def choose(self, options: VerdictOptions) -> None:
        """Use other options for the files to come."""
        self.options = options

    def find(
        self,
        path: str,
        model: ScoringModel,
        *,
        kind: Kind = "auto",
        name: str | None = None,
        progress: StageProgress = no_progress,
        keep_frames: bool = False,
    ) -> Found:
        """Find the faces of one file for a model; see `FaceFinder.find_all`."""
        self._prepare(model)
        return self._finder.find(path, kind=kind, name=name, progress=progress, keep_frames=keep_frames)

    def assess(
        self,
        found: Found,
        model: ScoringModel,
        *,
        progress: StageProgress = no_progress,
        deadline: float | None = None,
    ) -> Assessment:
        """Score the faces of one file and join the scores into a verdict.

        Args:
            found: the faces, found with the same options for the same model.
            model: gives the scores and the heat maps.
            progress: called after each batch of faces, and before each batch of heat maps.
            deadline: of the work on the file, by `time.monotonic`; see `HeatMaps`.

        Raises:
            InputError: a score is NaN or infinite.
        """
        scores = score_faces(model.predict, found.examples, progress)
        verdict = verdict_of(
            found, scores, self.options.for_model(model.preprocessing), model.calibration, model.description
        )
        return Assessment(verdict, found, HeatMaps(found.examples, model.heat_maps, progress, deadline))

    def assess_all(
        self,
        paths: Sequence[str],
        model: ScoringModel,
        *,
        kind: Kind = "auto",
        progress: StageProgress = no_progress,
        keep_frames: bool = False,
    ) -> Iterator[Assessment]:
        """Yield the `Assessment` of each file, in order; the next file is decoded meanwhile.

        A file for which the search for faces fails unexpectedly gets the verdict "cannot_judge", and the others go on.

        Args:
            paths: of the files; also their names in the verdicts.
            model: gives the scores and the heat maps.
            kind: of all files; see `FaceFinder.find_all`.
            progress: called as the work goes on.
            keep_frames: keep small copies of the frames, for the view.

        Raises:
            InputError: a score is NaN or infinite.
        """
        self._prepare(model)
        waiting = list(paths)
        finding = self._find_all(waiting, kind, progress, keep_frames)
        while waiting:
            path = waiting.pop(0)
            try:
                found = next(finding)
            except Exception as error:
                found = _failed(path, error)
                finding = self._find_all(waiting, kind, progress, keep_frames)
            yield self.assess(found, model, progress=progress)

    def _find_all(
        self, paths: Sequence[str], kind: Kind, progress: StageProgress, keep_frames: bool
    ) -> Iterator[Found]:
        # FFmpeg would take a relative path such as "12:30.mp4" for an address with a protocol.
        absolute = [os.path.abspath(path) for path in paths]
        return self._finder.find_all(absolute, kind=kind, names=list(paths), progress=progress, keep_frames=keep_frames)


def _failed(path: str, error: Exception) -> Found:
    lines = str(error).strip().splitlines() or ["no more is known"]
    detail = f"something unforeseen happened ({type(error).__name__}: {lines[0]})"
    reject = Reject(path, path, "", "", 0, "", "video", "failed", detail)
    return Found(path, None, [], [reject], 0, {})
