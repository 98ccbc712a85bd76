"""What is to be drawn on a copy of a file: boxes with labels, and the caption at the bottom."""

from typing import TypedDict

from serving.verdict.outcomes import FAKE, NOT_JUDGED, WORDS, Outcome
from serving.verdict.statement import examined, from_to, percent, why_not
from serving.verdict.verdict_json import FaceVerdict, Verdict

# What is written at a doubtful face; any other one may be no face.
DOUBTS = {"too_small": "too small", "too_few_frames": "too few frames"}


class TrackPlan(TypedDict):
    """One person, followed through the file.

    Attributes:
        verdict: on the face.
        doubtful: whether it may be no face, see `doubt`.
        label: text at the box.
        short_labels: shorter ones, the longest first, for where there is no room.
        times: seconds, rising, of the examined frames that show this person.
        boxes: x, y, width, height in pixels, in each of those frames.
    """

    verdict: Outcome
    doubtful: bool
    label: str
    short_labels: list[str]
    times: list[float]
    boxes: list[tuple[float, ...]]


class DrawingPlan(TypedDict):
    """What is to be drawn on one file.

    Attributes:
        kind: "video", "image" or "crop".
        verdict: on the file; it colours the caption.
        step: seconds between two examined frames.
        captions: the caption in several lengths, the longest first.
        origins: which model judged, and when, in several lengths, the longest first.
        tracks: everyone who was seen, the most prominent first.
    """

    kind: str
    verdict: Outcome
    step: float
    captions: list[str]
    origins: list[str]
    tracks: list[TrackPlan]


def plan_of(verdict: Verdict) -> DrawingPlan:
    """The plan for a file that could be opened."""
    assert verdict.kind is not None
    tracks: list[TrackPlan] = []
    for face in verdict.faces:
        label, *short_labels = _labels(face, len(verdict.faces) > 1)
        tracks.append(
            {
                "verdict": face.verdict,
                "doubtful": face.doubtful,
                "label": label,
                "short_labels": short_labels,
                "times": [frame.timestamp for frame in face.frames],
                "boxes": [frame.box for frame in face.frames],
            }
        )
    return {
        "kind": verdict.kind,
        "verdict": verdict.verdict,
        "step": verdict.info.get("seconds", 0.0) / max(verdict.wanted, 1),
        "captions": captions_of(verdict),
        "origins": origins_of(verdict),
        "tracks": tracks,
    }


def captions_of(verdict: Verdict) -> list[str]:
    """The caption in several lengths, the longest first."""
    words = WORDS[verdict.verdict].capitalize()
    face = verdict.decisive
    if face is None or face.fake_probability is None:
        return [f"{words}: {why_not(verdict)}", words]
    if verdict.verdict == NOT_JUDGED:
        score = f"score {percent(face.fake_probability)}"
        return [f"{words}: this model {verdict.model['not_judged']}; {score}", f"{words}; {score}", words]
    short = f"{words}: fake probability {percent(face.fake_probability)}"
    if face.doubtful:
        only = f"{words}: only a doubtful face looks fake, {percent(face.fake_probability)}"
        return [only, f"{words}: a doubtful face, {percent(face.fake_probability)}", short]
    captions = [short]
    if face.interval is not None:
        captions.insert(0, f"{short} ({from_to(face.interval)})")
    if seen := examined(verdict, face):
        captions.insert(0, f"{captions[0]}, {seen}")
    if verdict.doubtful:
        captions.insert(0, f"{captions[0]}; {verdict.doubtful} doubtful face{'s' * (verdict.doubtful > 1)} not counted")
    return captions


def origins_of(verdict: Verdict) -> list[str]:
    """Which model judged the file, and when, in several lengths, the longest first."""
    day, _, time = verdict.judged_at.removesuffix("+00:00").partition("T")
    digest = str(verdict.model.get("digest", ""))
    return [
        f"judged by {verdict.model['name']} {digest} on {day} at {time} UTC",
        f"{verdict.model['name']} {digest[:8]}, {day} {time} UTC",
        f"{digest[:8]}, {day}",
    ]


def _labels(face: FaceVerdict, several: bool) -> list[str]:
    """What stands at a face, in several lengths, the longest first."""
    number, score = f"{face.track + 1}", ""
    if face.fake_probability is not None:
        score = _whole_percent(face.fake_probability)
    if face.doubtful:
        name = f"doubtful {number}" if several else "doubtful"
        said = f"fake {score}" if score else DOUBTS.get(str(face.reason), "may be no face")
        return [f"{name}: {said}", name, f"{number}?"]
    words = WORDS[face.verdict]
    long = f"{words}, {'' if face.verdict == FAKE else 'score ' if face.verdict == NOT_JUDGED else 'fake '}{score}"
    if not several:
        return [long, words, score]
    return [f"face {number}: {long}", f"{number}: {words}", f"{number}: {score}", number]


def _whole_percent(probability: float) -> str:
    """A probability in whole per cent; never 0 or 100 % unless it is."""
    if probability < 0.01 or probability > 0.99:
        return percent(probability)
    return f"{100 * probability:.0f} %"
