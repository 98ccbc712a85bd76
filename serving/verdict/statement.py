"""A verdict in plain words."""

import statistics

from serving.verdict.verdict import CANNOT_JUDGE, FAKE, UNSURE

WORDS = {FAKE: "likely fake", UNSURE: "unsure", CANNOT_JUDGE: "cannot judge", "real": "likely real"}
PICTURES = ("image", "crop")


def statement(verdict, detail=""):
    """One or two sentences on a `Verdict`.

    Args:
        detail: why nothing came of the file as a whole, as extraction says it.
    """
    if verdict.verdict == CANNOT_JUDGE:
        return f"Cannot judge: {why_not(verdict, detail)}."
    face = verdict.decisive
    probability = percent(face.fake_probability)
    bounds = ""
    if face.interval:
        bounds = f" (95 % interval {from_to(face.interval)})"
    who = f"face {verdict.face + 1}" if len(verdict.faces) > 1 else "the face"
    if verdict.face < len(verdict.faces) > 1:  # of a face that nothing could be cut out of the number is left out
        who += f" of {len(verdict.faces)}"
    first = f"{WORDS[verdict.verdict].capitalize()}: {who} is fake with a probability of {probability}{bounds}"
    if verdict.kind in PICTURES:
        return f"{first}."
    return f"{first}, judged on {verdict.judged} of {verdict.wanted} frames."


def why_not(verdict, detail=""):
    """Why a file cannot be judged, without a full stop."""
    if verdict.reason == "no_face":
        if verdict.kind in PICTURES:
            return "no face was found in the picture"
        return f"no face was found in any of the {verdict.wanted} frames that were looked at"
    if verdict.reason == "too_small":
        return f"the faces are too small ({verdict.faces[0].size:.0f} pixels)"
    if verdict.reason == "doubtful_face":
        return f"the detector doubts that what it found is a face (it is {percent(_score(verdict.faces[0]))} sure)"
    if verdict.reason == "too_few_frames":
        most = max(len(face.frames) for face in verdict.faces)
        return f"too few frames show a face ({most} of the {verdict.wanted} that were looked at)"
    return detail or str(verdict.reason).replace("_", " ")


def _score(face):
    return statistics.median(frame.detector_score for frame in face.frames)


def percent(probability):
    """A probability as people read it; never a 0 or 100 that it is not."""
    if 0 < probability < 0.001:
        return "below 0.1 %"
    if 0.999 < probability < 1:
        return "above 99.9 %"
    return f"{100 * probability:.1f} %"


def from_to(interval):
    """An interval of probabilities as people read it; once where both ends read the same."""
    return " to ".join(dict.fromkeys(map(percent, interval)))
