"""The scores of a file's faces, joined into its verdict as the Evaluator joins them."""

import datetime
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from artifacts.visible import as_text
from evaluation.results import Temperature
from evaluation.video_scores import divisor, videos_of
from model.saved_model import Calibration, temperature_of, why_not_calibrated
from serving.verdict.doubt import doubt_of, is_surely_a_face
from serving.verdict.finding import Found
from serving.verdict.outcomes import CANNOT_JUDGE, FAKE, NOT_JUDGED, REAL, UNSURE, Outcome, decide
from serving.verdict.scores import SCORES, FaceScores
from serving.verdict.statement import percent, statement, why_doubtful
from serving.verdict.uncertainty import interval
from serving.verdict.verdict_json import FaceVerdict, FrameScore, ModelDescription, Verdict
from serving.verdict.verdict_options import VerdictOptions

SEVERAL_FACES = (
    "The file's probability is that of its highest face. The model was calibrated on videos with one face each, and "
    "the highest of several is high by chance more often: for each face the probability holds, for "
    "the file it tends to be too high."
)
UNDECODABLE = "undecodable_frame"  # of a reject: nobody knows whether a face is in it
SUSPECT = "Doubtful face {} looks fake ({}), but no verdict rests on it: {}."


def now() -> str:
    """The time in UTC, as ISO 8601 writes it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


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
    rows = _Rows(found, scores, options, calibration, judges=model["not_judged"] is None)
    faces = tuple(rows.face(track) for track in sorted({example.track for example in found.examples}))
    assessed = [face for face in faces if not face.doubtful]
    outcome, joined, bounds = rows.together(assessed)
    suspects = rows.suspects(faces)
    suspect = next((face for face in suspects if _may_decide(face)), None)
    decisive: FaceVerdict | None
    if suspect is not None and outcome == REAL:
        faces = tuple(suspect if face.track == suspect.track else face for face in faces)
        assessed = [face for face in faces if face.fake_probability is not None]
        _, joined, bounds = rows.together(assessed)
        outcome, decisive = UNSURE, suspect
    else:
        deciding = [face for face in assessed if face.verdict == outcome]
        decisive = max(deciding, key=lambda face: face.logit, default=None)
    problem = why_not_calibrated(calibration, options.video_rule, options.faces)
    whole_file = next((reject for reject in found.rejects if reject.scope == "video"), None)
    reason = None
    if decisive is None:
        reason = whole_file.reason if whole_file else faces[0].reason
    elif decisive.doubtful:
        reason = decisive.reason
    verdict = Verdict(
        file=as_text(found.file),
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
        doubtful=sum(face.doubtful for face in faces),
        faces=faces,
        notes=_notes(found, assessed, calibration, suspects if outcome != FAKE else [], options),
        info=found.info,
        judged_at=now(),
        model={**model, "calibrated": problem is None, "calibration_problem": problem},
        parameters=options.model_dump(),
    )
    return replace(verdict, statement=statement(verdict, whole_file.detail if whole_file else ""))


def _notes(
    found: Found,
    assessed: Sequence[FaceVerdict],
    calibration: Calibration | None,
    suspects: Sequence[FaceVerdict],
    options: VerdictOptions,
) -> dict[str, str]:
    """What else users should know: reason -> sentence; `suspects` are doubtful faces that look fake."""
    notes = {reject.reason: reject.detail for reject in found.rejects if reject.scope in ("note", "part")}
    left = [face for face in suspects if all(face.track != other.track for other in assessed)]
    if left:
        notes["doubtful_face"] = " ".join(
            SUSPECT.format(number, percent(probability), why_doubtful(face, found.wanted, options.min_face))
            for face in left
            for number, probability in ((face.track + 1, face.fake_probability or 0.0),)
        )
    several = sum(not face.doubtful for face in assessed) > 1
    if several and calibration is not None and calibration.get("several_faces") == 0:
        notes["several_faces"] = SEVERAL_FACES
    return notes


def _may_decide(face: FaceVerdict) -> bool:
    """Whether a doubtful face may make a verdict unsure: only one that is surely a face, and is just seen briefly."""
    return face.reason == "too_few_frames" and is_surely_a_face(face.frames)


class _Rows:
    """The faces of one file as rows of predictions, and what the rows of some tracks amount to."""

    def __init__(
        self, found: Found, scores: FaceScores, options: VerdictOptions, calibration: Calibration | None, judges: bool
    ) -> None:
        self._found, self._options, self._judges = found, options, judges
        self._scores = {name: getattr(scores, name) for name in SCORES}
        self._track = np.array([example.track for example in found.examples], np.int32)
        self._index = np.array([example.frame_index for example in found.examples], np.int32)
        self._temperature: Temperature | None = temperature_of(calibration, options.video_rule, options.faces)
        if self._temperature and found.kind != "video":  # a single picture is calibrated like a single frame
            self._temperature["video"] = self._temperature["frame"]
        self._spread = calibration.get("spread") if calibration else None
        self._examined = _examined(found)

    def outcome(self, probability: float, bounds: tuple[float, float] | None) -> Outcome:
        """The outcome for what was assessed."""
        return decide(probability, bounds, self._options.threshold) if self._judges else NOT_JUDGED

    def together(self, faces: Sequence[FaceVerdict]) -> tuple[Outcome, dict[str, float], tuple[float, float] | None]:
        """The outcome of some assessed faces, their joined scores, and the interval of their probability."""
        if not faces:
            return CANNOT_JUDGE, {}, None
        joined = self.joined([face.track for face in faces])
        bounds = _interval_of_the_highest(faces)
        return self.outcome(joined["fake_probability"], bounds), joined, bounds

    def suspects(self, faces: Sequence[FaceVerdict]) -> list[FaceVerdict]:
        """The doubtful faces that would be called fake, assessed and called unsure; the most like a fake first."""
        suspects = []
        for face in faces:
            if not face.doubtful:
                continue
            probability, bounds = self._assess(face.track)
            if self.outcome(probability, bounds) == FAKE:
                suspects.append(replace(face, verdict=UNSURE, fake_probability=probability, interval=bounds))
        return sorted(suspects, key=lambda face: -face.logit)

    def _assess(self, track: int) -> tuple[float, tuple[float, float] | None]:
        """The probability of one track and its interval."""
        rows = np.flatnonzero(self._track == track)
        rows = rows[np.argsort(self._index[rows], kind="stable")]
        joined = self.joined([track])
        return joined["fake_probability"], self._interval(self._scores["logit"][rows], joined["logit"])

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
        reason = doubt_of(frames, size, self._examined, self._found.kind, self._options)
        joined = self.joined([track])
        probability = bounds = None
        outcome: Outcome = CANNOT_JUDGE
        if reason is None:
            probability, bounds = self._assess(track)
            outcome = self.outcome(probability, bounds)
        return FaceVerdict(
            track=track,
            verdict=outcome,
            fake_probability=probability,
            interval=bounds,
            logit=joined["logit"],
            center_similarity=joined["center_similarity"],
            doubtful=reason is not None,
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

    def _interval(self, logits: np.ndarray, joined: float) -> tuple[float, float] | None:
        """The interval of the mean logit, moved to where the video rule's logit lies; `logits` is float32 [n]."""
        values = np.asarray(logits, np.float64)
        temperature = divisor(self._options.video_rule, self._temperature)
        return interval(values + (joined - values.mean()), temperature, self._spread)


def _examined(found: Found) -> list[int]:
    """Rising indices of the frames that were searched for faces."""
    searched = {reject.frame for reject in found.rejects if reject.scope == "frame" and reject.reason != UNDECODABLE}
    return sorted({example.frame_index for example in found.examples} | {k for k in searched if k is not None})


def _interval_of_the_highest(faces: Sequence[FaceVerdict]) -> tuple[float, float] | None:
    """Bound the highest of their probabilities: it lies between the highest lower and the highest upper bound."""
    if all(face.interval is None for face in faces):
        return None
    low, high = zip(*(face.interval or (face.fake_probability,) * 2 for face in faces), strict=True)
    return max(low), max(high)


def _count_frames(faces: Sequence[FaceVerdict]) -> int:
    """In how many frames at least one of the faces is seen."""
    return len({frame.index for face in faces for frame in face.frames})
