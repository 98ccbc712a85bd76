"""What is said of one file: of each face, of the whole, and of how much of it was judged."""

from dataclasses import asdict, dataclass, field

FAKE, REAL, UNSURE, CANNOT_JUDGE = "fake", "real", "unsure", "cannot_judge"
# Why a face, or a whole file, is not judged; a file that cannot be decoded has the reason of `decoder.DecodeError`.
REASONS = ("no_face", "too_small", "doubtful_face", "too_few_frames")


@dataclass(frozen=True)
class FrameScore:
    """One face in one frame.

    Attributes:
        index: of the frame, from 0.
        timestamp: seconds after the first frame.
        box: x, y, width, height in pixels of the frame.
        detector_score: MTCNN's confidence that it is a face; 1 for a crop.
        logit, fake_probability, center_similarity: as the served model returns them; the probability is calibrated for
            single frames.
    """

    index: int
    timestamp: float
    box: tuple[float, float, float, float]
    detector_score: float
    logit: float
    fake_probability: float
    center_similarity: float


@dataclass(frozen=True)
class FaceVerdict:
    """One person, followed through the file.

    Attributes:
        track: from 0, by prominence.
        verdict: "fake", "real", "unsure" (the interval holds the threshold), or "cannot_judge".
        fake_probability: calibrated; None where it is not judged.
        interval: 95 %, (low, high), of the probability; None where it is not judged or cannot be known.
        logit: of all its frames, joined by the rule; fake minus real.
        center_similarity: to the centre of the real training faces, joined likewise.
        reason: of `REASONS`, or None.
        size: median of the longer sides of its boxes, pixels.
        frames: in their order; also those of a face that is not judged.
    """

    track: int
    verdict: str
    fake_probability: float | None
    interval: tuple[float, float] | None
    logit: float | None
    center_similarity: float | None
    reason: str | None
    size: float
    frames: tuple[FrameScore, ...]


@dataclass(frozen=True)
class Verdict:
    """One file.

    Attributes:
        file: its name as the user gave it.
        kind: "video", "image" or "crop"; None where it cannot be read.
        fake_probability, logit: the highest of those of its judged faces, since a file is fake if one of its faces is.
        center_similarity: the least of theirs.
        interval: 95 %, (low, high), of that highest probability.
        verdict: as of `FaceVerdict`, by them: "fake" as soon as one face is for sure.
        face: the track of the face that decides: of those with the file's verdict, the one that looks most like a fake.
        threshold: at which a probability is called fake.
        reason: why it cannot be judged, or None.
        statement: all of it in one or two sentences.
        wanted: how many frames were to be looked at.
        with_face: in how many of them a face was found.
        judged: in how many of them a face was judged.
        faces: everyone, the most prominent first.
        notes: what else should be known, reason -> sentence, e.g. "damaged_file", "hdr".
        info: `width`, `height`, `frames`, `seconds` of the file, as far as known.
        model: `name`, `version`, `digest`, `calibrated`, and `card`, what it was trained and tested on, or None.
    """

    file: str
    kind: str | None
    verdict: str
    fake_probability: float | None
    interval: tuple[float, float] | None
    logit: float | None
    center_similarity: float | None
    face: int | None
    threshold: float
    reason: str | None
    statement: str
    wanted: int
    with_face: int
    judged: int
    faces: tuple[FaceVerdict, ...]
    notes: dict = field(default_factory=dict)
    info: dict = field(default_factory=dict)
    model: dict = field(default_factory=dict)

    @property
    def decisive(self):
        """The `FaceVerdict` of the face that decides, or None."""
        return next((face for face in self.faces if face.track == self.face), None)

    def as_dict(self):
        """As JSON has it."""
        return asdict(self)


def decide(fake_probability, interval, threshold):
    """Call it fake or real, or neither where the interval holds the threshold."""
    if interval is not None and interval[0] < threshold <= interval[1]:
        return UNSURE
    return FAKE if fake_probability >= threshold else REAL
