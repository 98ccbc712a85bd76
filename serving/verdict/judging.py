"""From the faces of one file to its verdict: scores by a model, joined as the evaluator joins them."""

from dataclasses import replace

import numpy as np
import tensorflow as tf

from artifacts.errors import InputError
from artifacts.face_examples import FaceExample
from evaluation.video_scores import videos_of
from model.input_pipeline import load_crop
from model.served import ServedModel
from serving.verdict.finding import Found
from serving.verdict.parameters import JudgeParameters
from serving.verdict.statement import statement
from serving.verdict.uncertainty import interval
from serving.verdict.verdict import CANNOT_JUDGE, FaceVerdict, FrameScore, Verdict, decide

BATCH = 32  # faces per forward pass


def crops_of(examples: list[FaceExample]):
    """The crops as a model takes them: uint8 [n, 256, 256, 3]."""
    crops = [load_crop(tf.constant(example.image)).numpy() for example in examples]
    return np.stack(crops) if crops else np.zeros((0, 256, 256, 3), np.uint8)


def score(predict, examples, progress=None):
    """Judge faces in batches.

    Args:
        predict: such as `ServedModel.predict`.
        examples: `FaceExample`s.
        progress: called with (faces done, faces in all); may raise to give up.

    Returns:
        `logit`, `fake_probability`, `center_similarity`, each float32 [n].

    Raises:
        InputError: the model gives what is no number.
    """
    names = ("logit", "fake_probability", "center_similarity")
    parts = {name: [np.zeros(0, np.float32)] for name in names}
    for start in range(0, len(examples), BATCH):
        answers = predict(crops_of(examples[start : start + BATCH]))
        for name in names:
            parts[name].append(answers[name])
        if progress:
            progress(min(start + BATCH, len(examples)), len(examples))
    scores = {name: np.concatenate(part) for name, part in parts.items()}
    odd = [name for name in names if not np.isfinite(scores[name]).all()]
    if odd:
        raise InputError(f"the model's {' and '.join(odd)} is not finite: its training diverged. Use another model")
    return scores


def describe(model: ServedModel, name="model"):
    """What a verdict tells of its model; see `Verdict.model`."""
    return {
        "name": name,
        "version": model.version,
        "digest": model.digest,
        "calibrated": bool(model.calibration) and model.calibration.get("reason") is None,
        "card": model.card,
    }


def conclude(found: Found, scores, parameters: JudgeParameters, calibration=None, model=None):
    """Say what is to be said of a file.

    Args:
        found: of a `FaceFinder`.
        scores: of `score`, of `found.examples`.
        parameters: as the finder had them.
        calibration: of the model, as `model.calibration.calibrate` returned it; None for temperatures of 1.
        model: of `describe`.
    """
    join = _Joining(found, scores, parameters, calibration or {})
    tracks = sorted({example.track for example in found.examples})
    faces = tuple(join.face(track) for track in tracks)
    judged = [face.track for face in faces if face.reason is None]
    whole = join.joined(judged) if judged else {}
    frames = {track: {frame.index for frame in face.frames} for track, face in zip(tracks, faces, strict=True)}
    bounds = _of_the_highest([face for face in faces if face.reason is None])
    said = decide(whole["fake_probability"], bounds, parameters.threshold) if judged else CANNOT_JUDGE
    decisive = max((f for f in faces if f.reason is None and f.verdict == said), key=lambda f: f.logit, default=None)
    verdict = Verdict(
        file=found.file,
        kind=found.kind,
        verdict=said,
        fake_probability=whole.get("fake_probability"),
        interval=bounds,
        logit=whole.get("logit"),
        center_similarity=whole.get("center_similarity"),
        face=decisive.track if decisive else None,
        threshold=parameters.threshold,
        reason=None if decisive else _why_not(found, faces),
        statement="",
        wanted=found.wanted,
        with_face=len(set().union(*frames.values())),
        judged=len(set().union(*(frames[track] for track in judged))),
        faces=faces,
        notes={reject.reason: reject.detail for reject in found.rejects if reject.scope in ("note", "part")},
        info=found.info,
        model=model or {},
    )
    whole_file = next((reject.detail for reject in found.rejects if reject.scope == "video"), "")
    return replace(verdict, statement=statement(verdict, whole_file))


class _Joining:
    """Rows of one file, as the evaluator has them, and what comes of some of its tracks."""

    def __init__(self, found, scores, parameters, calibration):
        self.found, self.scores, self.parameters = found, scores, parameters
        self.track = np.array([example.track for example in found.examples], np.int32)
        level = "video" if found.kind == "video" else "frame"  # a single frame is calibrated as such
        self.temperature = float(calibration.get(level, 1.0))
        self.frame_temperature = float(calibration.get("frame", 1.0))
        self.spread = calibration.get("spread")

    def joined(self, tracks):
        """`logit`, `fake_probability`, `center_similarity` of some tracks together."""
        rows = np.flatnonzero(np.isin(self.track, list(tracks)))
        same = np.full(len(rows), "", object)
        columns = {name: values[rows] for name, values in self.scores.items()}
        columns |= {"video_id": same, "dataset": same, "method": same, "label": np.zeros(len(rows), np.int8)}
        columns["track"] = self.track[rows]
        columns["frame_index"] = np.array([self.found.examples[row].frame_index for row in rows], np.int32)
        temperature = {"frame": self.frame_temperature, "video": self.temperature}
        video = videos_of(columns, self.parameters.video_rule, temperature)
        return {name: float(video[name][0]) for name in ("logit", "fake_probability", "center_similarity")}

    def face(self, track):
        """The `FaceVerdict` of one track."""
        rows = sorted(np.flatnonzero(self.track == track), key=lambda row: self.found.examples[row].frame_index)
        frames = tuple(self._frame(row) for row in rows)
        size = float(np.median([max(frame.box[2:]) for frame in frames]))
        reason = self._why_not(frames, size)
        joined = self.joined([track])
        probability = bounds = None
        verdict = CANNOT_JUDGE
        if not reason:
            probability, bounds = (
                joined["fake_probability"],
                self._interval(self.scores["logit"][rows], joined["logit"]),
            )
            verdict = decide(probability, bounds, self.parameters.threshold)
        of_model = joined["logit"], joined["center_similarity"]
        return FaceVerdict(track, verdict, probability, bounds, *of_model, reason, size, frames)

    def _frame(self, row):
        example = self.found.examples[row]
        return FrameScore(
            example.frame_index,
            float(example.timestamp),
            tuple(float(side) for side in example.box),
            1.0 if example.score is None else float(example.score),
            *(float(self.scores[name][row]) for name in ("logit", "fake_probability", "center_similarity")),
        )

    def _why_not(self, frames, size):
        if self.found.kind != "crop" and size < self.parameters.least_face:
            return "too_small"
        if np.median([frame.detector_score for frame in frames]) < self.parameters.least_score:
            return "doubtful_face"
        if self.found.kind == "video" and len(frames) < self.parameters.least_frames:
            return "too_few_frames"
        return None

    def _interval(self, logits, joined):
        """The interval of the mean logit, moved to where another rule's score lies."""
        logits = np.asarray(logits, np.float64)
        return interval(logits + (joined - logits.mean()), self.temperature, self.spread)


def _of_the_highest(faces):
    """Bound the highest of their probabilities: it lies between the highest lower and the highest upper bound."""
    if all(face.interval is None for face in faces):
        return None
    low, high = zip(*(face.interval or (face.fake_probability,) * 2 for face in faces), strict=True)
    return max(low), max(high)


def _why_not(found, faces):
    """Why a file is not judged: what became of it as a whole, else of its most prominent face."""
    whole = [reject.reason for reject in found.rejects if reject.scope == "video"]
    return whole[0] if whole else faces[0].reason
