"""The scores of a file's faces, joined into its verdict as the Evaluator joins them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.results import Temperature
from evaluation.video_scores import divisor, videos_of
from model.saved_model import Calibration, temperature_of, why_not_calibrated
from serving.verdict.finding import Found
from serving.verdict.outcomes import CANNOT_JUDGE, Outcome, decide
from serving.verdict.scores import SCORES, FaceScores
from serving.verdict.statement import statement
from serving.verdict.uncertainty import interval
from serving.verdict.verdict_json import FaceVerdict, FrameScore, ModelDescription, Verdict
from serving.verdict.verdict_options import VerdictOptions

SEVERAL_FACES = (
    "The file's probability is that of its highest face. The model was calibrated on videos with one face each, and "
    "the highest of several is high by chance more often: for each face the probability holds, for "
    "the file it tends to be too high."
)


def verdict_of(
    found: Found,
    scores: FaceScores,
    options: VerdictOptions,
    calibration: Calibration | None,
    model: ModelDescription,
) -> Verdict:
    """Join the scores of all faces of a file into its verdict.

    Args:
        found: the faces.
        scores: of `found.examples`, one for each.
        options: as the faces were found with.
        calibration: of the model, None for temperatures of 1.
        model: what the verdict tells about the model; whether it is calibrated is found here, for the options' rule.
    """
    rows = _Rows(found, scores, options, calibration)
    faces = tuple(rows.face(track) for track in sorted({example.track for example in found.examples}))
    assessed = [face for face in faces if face.reason is None]
    outcome: Outcome = CANNOT_JUDGE
    joined: dict[str, float] = {}
    bounds = None
    if assessed:
        joined = rows.joined([face.track for face in assessed])
        bounds = _interval_of_the_highest(assessed)
        outcome = decide(joined["fake_probability"], bounds, options.threshold)
    deciding = [face for face in assessed if face.verdict == outcome]
    decisive = max(deciding, key=lambda face: face.logit, default=None)
    problem = why_not_calibrated(calibration, options.video_rule, options.faces)
    whole_file = next((reject for reject in found.rejects if reject.scope == "video"), None)
    reason = None
    if decisive is None:
        reason = whole_file.reason if whole_file else faces[0].reason
    verdict = Verdict(
        file=found.file,
        kind=found.kind,
        verdict=outcome,
        fake_probability=joined.get("fake_probability"),
        interval=bounds,
        logit=joined.get("logit"),
        center_similarity=joined.get("center_similarity"),
        face=decisive.track if decisive else None,
        threshold=options.threshold,
        reason=reason,
        statement="",
        wanted=found.wanted,
        with_face=_count_frames(faces),
        judged=_count_frames(assessed),
        faces=faces,
        notes=_notes(found, len(assessed), calibration),
        info=found.info,
        model={**model, "calibrated": problem is None, "calibration_problem": problem},
    )
    return replace(verdict, statement=statement(verdict, whole_file.detail if whole_file else ""))


def _notes(found: Found, assessed: int, calibration: Calibration | None) -> dict[str, str]:
    """What else users should know: reason -> sentence."""
    notes = {reject.reason: reject.detail for reject in found.rejects if reject.scope in ("note", "part")}
    if assessed > 1 and calibration is not None and calibration.get("several_faces") == 0:
        notes["several_faces"] = SEVERAL_FACES
    return notes


class _Rows:
    """The faces of one file as rows of predictions, and what the rows of some tracks amount to."""

    def __init__(
        self, found: Found, scores: FaceScores, options: VerdictOptions, calibration: Calibration | None
    ) -> None:
        self._found, self._options = found, options
        self._scores = {name: getattr(scores, name) for name in SCORES}
        self._track = np.array([example.track for example in found.examples], np.int32)
        self._index = np.array([example.frame_index for example in found.examples], np.int32)
        self._temperature: Temperature | None = temperature_of(calibration, options.video_rule, options.faces)
        if self._temperature and found.kind != "video":  # a single picture is calibrated like a single frame
            self._temperature["video"] = self._temperature["frame"]
        self._spread = calibration.get("spread") if calibration else None

    def joined(self, tracks: Sequence[int]) -> dict[str, float]:
        """`logit`, `fake_probability` and `center_similarity` of some tracks together."""
        rows = np.flatnonzero(np.isin(self._track, tracks))
        no_name = np.full(len(rows), "", object)
        columns = {name: values[rows] for name, values in self._scores.items()}
        columns |= {"video_id": no_name, "dataset": no_name, "method": no_name, "label": np.zeros(len(rows), np.int8)}
        columns |= {"track": self._track[rows], "frame_index": self._index[rows]}
        video = videos_of(columns, self._options.video_rule, self._temperature)
        return {name: float(video[name][0]) for name in SCORES}

    def face(self, track: int) -> FaceVerdict:
        """The verdict on one track."""
        rows = np.flatnonzero(self._track == track)
        rows = rows[np.argsort(self._index[rows], kind="stable")]
        frames = tuple(self._frame(int(row)) for row in rows)
        size = float(np.median([max(frame.box[2:]) for frame in frames]))
        reason = self._why_not(frames, size)
        joined = self.joined([track])
        probability = bounds = None
        outcome: Outcome = CANNOT_JUDGE
        if reason is None:
            probability = joined["fake_probability"]
            bounds = self._interval(self._scores["logit"][rows], joined["logit"])
            outcome = decide(probability, bounds, self._options.threshold)
        return FaceVerdict(
            track=track,
            verdict=outcome,
            fake_probability=probability,
            interval=bounds,
            logit=joined["logit"],
            center_similarity=joined["center_similarity"],
            reason=reason,
            size=size,
            frames=frames,
        )

    def _frame(self, row: int) -> FrameScore:
        example = self._found.examples[row]
        return FrameScore(
            index=example.frame_index,
            timestamp=float(example.timestamp),
            box=tuple(float(side) for side in example.box),
            detector_score=1.0 if example.score is None else float(example.score),
            **{name: float(values[row]) for name, values in self._scores.items()},
        )

    def _why_not(self, frames: Sequence[FrameScore], size: float) -> str | None:
        """Why a face is not assessed, or None."""
        if self._found.kind != "crop" and size < self._options.min_face:
            return "too_small"
        if np.median([frame.detector_score for frame in frames]) < self._options.min_score:
            return "doubtful_face"
        if self._found.kind == "video" and len(frames) < self._options.min_frames:
            return "too_few_frames"
        return None

    def _interval(self, logits: np.ndarray, joined: float) -> tuple[float, float] | None:
        """The interval of the mean logit, moved to where the video rule's logit lies; `logits` is float32 [n]."""
        values = np.asarray(logits, np.float64)
        temperature = divisor(self._options.video_rule, self._temperature)
        return interval(values + (joined - values.mean()), temperature, self._spread)


def _interval_of_the_highest(faces: Sequence[FaceVerdict]) -> tuple[float, float] | None:
    """Bound the highest of their probabilities: it lies between the highest lower and the highest upper bound."""
    if all(face.interval is None for face in faces):
        return None
    low, high = zip(*(face.interval or (face.fake_probability,) * 2 for face in faces), strict=True)
    return max(low), max(high)


def _count_frames(faces: Sequence[FaceVerdict]) -> int:
    """In how many frames at least one of the faces is seen."""
    return len({frame.index for face in faces for frame in face.frames})
