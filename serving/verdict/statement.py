"""A verdict in plain words."""

from serving.verdict.doubt import detector_score
from serving.verdict.outcomes import NOT_JUDGED, WORDS
from serving.verdict.verdict_json import FaceVerdict, Verdict

PICTURES = ("image", "crop")
DOUBTED = {  # why what was found is doubted, where the statement is about nothing else
    "doubtful_face": "the detector doubts that what it found is a face (it is {} sure)",
    "unsteady_face": "the detector is {} sure that what it found is a face, and often loses it, as happens with "
    "backgrounds",
}


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
    seen = examined(verdict, face)
    based = f", based on {seen}" if seen else ""
    probability = percent(face.fake_probability)
    if face.doubtful:
        why = why_doubtful(face, verdict.wanted, verdict.parameters["min_face"])
        return (
            f"Unsure: only a doubtful face ({face.track + 1}) looks fake, with a probability of {probability}{bounds}"
            f"{based}; {why}. Without it the file would be likely real."
        )
    who = _who(verdict, face)
    if verdict.verdict == NOT_JUDGED:
        why = f"Not judged: this model {verdict.model['not_judged']}."
        said = f"{why} Its bare score for {who} is a fake probability of {probability}{bounds}{based}."
    else:
        words = WORDS[verdict.verdict].capitalize()
        said = f"{words}: {who} is fake with a probability of {probability}{bounds}{based}."
    return said + _others(verdict.doubtful)


def examined(verdict: Verdict, face: FaceVerdict | None) -> str:
    """In how many of the frames that were examined a face is seen, and how many the clip has; "" for a picture.

    Args:
        verdict: on the file.
        face: the one that decides; None if nothing is assessed.
    """
    if verdict.kind in PICTURES or not verdict.wanted:
        return ""
    text = f"{len(face.frames) if face else 0} of {verdict.wanted} frames examined"
    total = verdict.info.get("frames")
    if not total:
        return text
    return (
        f"{text}, all that the clip has"
        if total <= verdict.wanted
        else f"{text}, evenly spaced over the clip's {total:,}"
    )


def _who(verdict: Verdict, face: FaceVerdict) -> str:
    """The face that decides, told from the others."""
    sure = len(verdict.faces) - verdict.doubtful
    if sure == 1:
        return "the face"
    # Numbers count doubtful faces, too, and those of which nothing could be cut out.
    of = f" of {sure}" if not verdict.doubtful and face.track < sure else ""
    return f"face {face.track + 1}{of}"


def _others(doubtful: int) -> str:
    if not doubtful:
        return ""
    if doubtful == 1:
        return " There is also 1 doubtful face, which is not counted."
    return f" There are also {doubtful} doubtful faces, which are not counted."


def why_doubtful(face: FaceVerdict, wanted: int, least: float) -> str:
    """Why a face is doubtful, as a clause with its size.

    Args:
        face: the doubtful one.
        wanted: number of frames examined.
        least: pixels, from which on a face is large enough; see `VerdictOptions.min_face`.
    """
    size, sure = f"{face.size:.0f} pixels", percent(detector_score(face.frames))
    if face.reason == "too_small":
        return f"it is {size} large, and less than {least:g} are too small (--min_face)"
    if face.reason == "too_few_frames":
        return f"it is seen in {len(face.frames)} of {wanted} frames, too few ({size})"
    if face.reason == "unsteady_face":
        return f"it may be no face: the detector is {sure} sure, and often loses it, as with backgrounds ({size})"
    return f"it may be no face: the detector is only {sure} sure ({size})"


def why_not(verdict: Verdict, detail: str = "") -> str:
    """Why a file cannot be assessed, without a full stop; `detail` as in `statement`."""
    if verdict.reason == "no_face":
        if verdict.kind in PICTURES:
            return "no face was found in the picture"
        return f"no face was found in any of the {verdict.wanted} examined frames"
    if verdict.reason == "too_small":
        least = verdict.parameters["min_face"]
        largest = f"{max(face.size for face in verdict.faces if face.reason == 'too_small'):.0f} pixels"
        if len(verdict.faces) == 1:
            return f"the face is too small ({largest}; --min_face asks for {least:g})"
        return f"the faces are too small (the largest has {largest}; --min_face asks for {least:g})"
    if verdict.reason in DOUBTED:
        return DOUBTED[verdict.reason].format(percent(detector_score(verdict.faces[0].frames)))
    if verdict.reason == "too_few_frames":
        most = max(len(face.frames) for face in verdict.faces)
        least = verdict.parameters["min_frames"]
        return f"too few frames show a face ({most} of the {verdict.wanted} examined; --min_frames asks for {least})"
    return detail or str(verdict.reason).replace("_", " ")


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
