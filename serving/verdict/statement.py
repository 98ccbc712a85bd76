"""A verdict in plain words."""

import statistics

from serving.verdict.outcomes import WORDS
from serving.verdict.verdict_json import FaceVerdict, Verdict

PICTURES = ("image", "crop")


def statement(verdict: Verdict, detail: str = "") -> str:
    """One or two sentences on a file.

    Args:
        verdict: on the file; its own statement does not matter.
        detail: why extraction found nothing in the file as a whole.
    """
    face = verdict.decisive
    if face is None or face.fake_probability is None:
        return f"Cannot judge: {why_not(verdict, detail)}."
    bounds = f" (95 % interval {from_to(face.interval)})" if face.interval else ""
    who = "the face"
    if len(verdict.faces) > 1:
        who = f"face {face.track + 1}"
        if face.track < len(verdict.faces):  # not so if nothing could be cut out of another face
            who += f" of {len(verdict.faces)}"
    words = WORDS[verdict.verdict].capitalize()
    first = f"{words}: {who} is fake with a probability of {percent(face.fake_probability)}{bounds}"
    if verdict.kind in PICTURES:
        return f"{first}."
    return f"{first}, based on {verdict.judged} of {verdict.wanted} frames."


def why_not(verdict: Verdict, detail: str = "") -> str:
    """Why a file cannot be assessed, without a full stop; `detail` as in `statement`."""
    if verdict.reason == "no_face":
        if verdict.kind in PICTURES:
            return "no face was found in the picture"
        return f"no face was found in any of the {verdict.wanted} examined frames"
    if verdict.reason == "too_small":
        return f"the faces are too small ({verdict.faces[0].size:.0f} pixels)"
    if verdict.reason == "doubtful_face":
        sure = percent(_detector_score(verdict.faces[0]))
        return f"the detector doubts that what it found is a face (it is {sure} sure)"
    if verdict.reason == "too_few_frames":
        most = max(len(face.frames) for face in verdict.faces)
        return f"too few frames show a face ({most} of the {verdict.wanted} examined)"
    return detail or str(verdict.reason).replace("_", " ")


def _detector_score(face: FaceVerdict) -> float:
    return statistics.median(frame.detector_score for frame in face.frames)


def percent(probability: float) -> str:
    """A probability as people read it; never 0 or 100 % unless it is."""
    if 0 < probability < 0.001:
        return "below 0.1 %"
    if 0.999 < probability < 1:
        return "above 99.9 %"
    return f"{100 * probability:.1f} %"


def from_to(interval: tuple[float, float]) -> str:
    """An interval of probabilities as people read it; a single figure if both ends read the same."""
    return " to ".join(dict.fromkeys(map(percent, interval)))
