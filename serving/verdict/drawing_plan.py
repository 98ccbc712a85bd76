"""What is to be drawn on a copy of a file: boxes with labels, and the caption at the bottom."""

from typing import TypedDict

from serving.verdict.outcomes import REAL, UNSURE, WORDS, Outcome
from serving.verdict.statement import from_to, percent, why_not
from serving.verdict.verdict_json import FaceVerdict, Verdict


class TrackPlan(TypedDict):
    """One person, followed through the file.

    Attributes:
        verdict: on the face.
        label: text at the box.
        times: seconds, rising, of the examined frames that show this person.
        boxes: x, y, width, height in pixels, in each of those frames.
    """

    verdict: Outcome
    label: str
    times: list[float]
    boxes: list[tuple[float, ...]]


class DrawingPlan(TypedDict):
    """What is to be drawn on one file.

    Attributes:
        kind: "video", "image" or "crop".
        verdict: on the file; it colours the caption.
        step: seconds between two examined frames.
        captions: the caption in several lengths, the longest first.
        tracks: everyone who was seen, the most prominent first.
    """

    kind: str
    verdict: Outcome
    step: float
    captions: list[str]
    tracks: list[TrackPlan]


def plan_of(verdict: Verdict) -> DrawingPlan:
    """The plan for a file that could be opened."""
    assert verdict.kind is not None
    several = len(verdict.faces) > 1
    tracks: list[TrackPlan] = [
        {
            "verdict": face.verdict,
            "label": (f"face {face.track + 1}: " if several else "") + _label(face),
            "times": [frame.timestamp for frame in face.frames],
            "boxes": [frame.box for frame in face.frames],
        }
        for face in verdict.faces
    ]
    return {
        "kind": verdict.kind,
        "verdict": verdict.verdict,
        "step": verdict.info.get("seconds", 0.0) / max(verdict.wanted, 1),
        "captions": captions_of(verdict),
        "tracks": tracks,
    }


def captions_of(verdict: Verdict) -> list[str]:
    """The caption in several lengths, the longest first."""
    words = WORDS[verdict.verdict].capitalize()
    face = verdict.decisive
    if face is None or face.fake_probability is None:
        return [f"{words}: {why_not(verdict)}", words]
    short = f"{words}: fake {percent(face.fake_probability)}"
    if face.interval is None:
        return [short]
    middle = f"{short} ({from_to(face.interval)})"
    return [f"{middle}, {verdict.judged} of {verdict.wanted} frames assessed", middle, short]


def _label(face: FaceVerdict) -> str:
    if face.fake_probability is None:
        return str(face.reason).replace("_", " ")
    before = {REAL: "real, ", UNSURE: "unsure, "}.get(face.verdict, "")
    return f"{before}fake {_whole_percent(face.fake_probability)}"


def _whole_percent(probability: float) -> str:
    """A probability in whole per cent; never 0 or 100 % unless it is."""
    if probability < 0.01 or probability > 0.99:
        return percent(probability)
    return f"{100 * probability:.0f} %"
