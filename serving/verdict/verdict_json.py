"""The JSON that `predict --json` writes, field by field.

The document is a `VerdictsJson`. Its `files` are `Verdict`s, whose `faces` are `FaceVerdict`s, whose `frames` are
`FrameScore`s. The server answers with a `Verdict`, too; `view.verdict_view` adds the pictures.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from typing_extensions import TypedDict  # pydantic, which describes these types to clients, needs it up to Python 3.11

from artifacts.visible import as_text
from commands.parser import version
from model.saved_model import Readout
from serving.verdict.outcomes import Outcome
from serving.verdict.own_outputs import PROGRAM

Json = dict[str, Any]  # a JSON object


class ModelDescription(TypedDict):
    """What verdicts tell about the model.

    Attributes:
        name: of the model: of its folder, or of the folder with its versions.
        version: its number in a model server's folder; null elsewhere.
        digest: of its graph and weights; the same digest means the same model.
        calibrated: whether its probabilities, by the verdict's video rule, were calibrated on a validation split.
        calibration_problem: why they were not; null if they were.
        readout: what its logit is: "classifier"; "class_means" or "logistic" if no classifier is trained; null if not
            known.
        preprocessing: how the faces were made from which it learnt, see `artifacts.preprocessing`; null if it does not
            say, and then the defaults are taken.
        not_judged: why its scores are not put into words, see `reliance.why_not_judged`; null if they are.
        card: what it was trained and tested on, see `components.pusher`; any part of it may be missing. Null if it has
            none.
    """

    name: str
    version: int | None
    digest: str
    calibrated: bool
    calibration_problem: str | None
    readout: Readout | None
    preprocessing: Json | None
    not_judged: str | None
    card: Json | None


class FileInfo(TypedDict, total=False):
    """What is known about a file; fields are missing where it cannot be opened.

    Attributes:
        sha256: of all its bytes, 64 hex digits.
        bytes: its size.
        width, height: of a frame, pixels.
        frames: in the whole file.
        seconds: duration.
    """

    sha256: str
    bytes: int
    width: int
    height: int
    frames: int
    seconds: float


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
    box: tuple[float, ...]
    detector_score: float
    logit: float
    fake_probability: float
    center_similarity: float


@dataclass(frozen=True)
class FaceVerdict:
    """One person, followed through the file.

    Attributes:
        track: number of the person, from 0, the most prominent one first.
        verdict: "fake", "real", "unsure" (the threshold is near or lies within the interval), "cannot_judge" (the
            reason is in the file) or "not_judged" (it is in the model, see `ModelDescription`; the scores are there).
        fake_probability: calibrated; null for "cannot_judge", which the `logit` outlives.
        interval: [low, high], the 95 % interval of the probability; null for "cannot_judge" or if it is not known.
        logit: of all frames, joined by the video rule; fake minus real.
        center_similarity: to the centre of the real training faces, joined likewise.
        doubtful: whether it may be no face, or shows too little of one, see `doubt`. Its verdict is "cannot_judge", but
            "unsure", with probability and interval, if it alone looks fake and all other faces look real.
        reason: why it is doubtful: "too_small", "doubtful_face" (the detector is not sure of it), "unsteady_face" or
            "too_few_frames"; else null.
        size: median of the longer sides of the boxes, pixels.
        frames: in their order, also for "cannot_judge".
    """

    track: int
    verdict: Outcome
    fake_probability: float | None
    interval: tuple[float, float] | None
    logit: float
    center_similarity: float
    doubtful: bool
    reason: str | None
    size: float
    frames: tuple[FrameScore, ...]


@dataclass(frozen=True)
class Verdict:
    """One file.

    Attributes:
        file: its name as the user gave it.
        kind: "video", "image" or "crop"; null if it cannot be read.
        verdict: like that of a face. A file is "fake" as soon as one of its faces is.
        fake_probability, logit: the highest among the assessed faces; a doubtful one is assessed only if it decides.
        interval: [low, high], the 95 % interval of that highest probability.
        center_similarity: the lowest among the assessed faces.
        face: the track that decides: among those with the file's verdict, the one that looks most like a fake.
        threshold: the probability from which on a face is called fake.
        reason: why the verdict is "cannot_judge": the reason of the most prominent face, "no_face", or why the file
            cannot be decoded, such as "not_a_video" (see `faces.decoder.DecodeError`). Why the face that decides is
            doubtful, where the verdict is "unsure" for that. Else null.
        statement: the verdict in one or two sentences.
        wanted: number of frames to examine.
        with_face: number of those in which a face was found.
        judged: number of those in which a face was assessed.
        doubtful: how many of `faces` are doubtful.
        faces: everyone who was seen, the most prominent first.
        notes: what else the user should know, reason -> sentence; for instance "damaged_file" or "hdr".
        info: digest, size and length of the file.
        judged_at: when, in UTC, as in "2026-11-26T18:30:05+00:00".
        model: in the document of `predict --json` it stands once, beside `files`.
        parameters: the options that the verdict was reached with, see `verdict_options.ModelOptions`; they stand there
            once, too.
    """

    file: str
    kind: str | None
    verdict: Outcome
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
    doubtful: int
    faces: tuple[FaceVerdict, ...]
    notes: dict[str, str]
    info: FileInfo
    judged_at: str
    model: ModelDescription
    parameters: Json

    @property
    def decisive(self) -> FaceVerdict | None:
        """The face that decides, or None."""
        return next((face for face in self.faces if face.track == self.face), None)

    def as_dict(self) -> Json:
        """The verdict as JSON holds it."""
        return asdict(self)


class VerdictsJson(TypedDict):
    """The whole document.

    Attributes:
        made_by: "deepfake-predict": by it, and by being first, an earlier output is known from other files.
        version: of this package.
        files: a `Verdict` for each examined file, without `model` and `parameters`.
        model: see `ModelDescription`.
        caveats: sentences on what a verdict of this model does not tell.
        parameters: the options of the verdicts, those in force, see `verdict_options.ModelOptions`.
        passed_over: names of the other files in the folders and among the matches of the patterns, which by their
            suffix are no videos or pictures, or are drawn copies of an earlier run.
        problems: sentences on arguments that gave no file.
        interrupted: whether the command was stopped before the last file.
        not_examined: names of the files on which there is no verdict, since the command was stopped.
        not_drawn: names of the files that have a verdict, but not the drawn copy that was asked for.
    """

    made_by: str
    version: str
    files: list[Json]
    model: ModelDescription
    caveats: list[str]
    parameters: Json
    passed_over: list[str]
    problems: list[str]
    interrupted: bool
    not_examined: list[str]
    not_drawn: list[str]


def verdicts_json(
    verdicts: Sequence[Verdict],
    *,
    caveats: list[str],
    passed_over: Sequence[str] = (),
    problems: Sequence[str] = (),
    interrupted: bool = False,
    not_examined: Sequence[str] = (),
    not_drawn: Sequence[str] = (),
) -> VerdictsJson:
    """The document about some verdicts of one model, at least one; for the arguments see `VerdictsJson`."""
    files = [verdict.as_dict() for verdict in verdicts]
    for file in files:
        del file["model"], file["parameters"]
    return {
        "made_by": PROGRAM,
        "version": version(),
        "files": files,
        "model": verdicts[0].model,
        "caveats": caveats,
        "parameters": verdicts[0].parameters,
        "passed_over": [as_text(name) for name in passed_over],
        "problems": [as_text(problem) for problem in problems],
        "interrupted": interrupted,
        "not_examined": [as_text(name) for name in not_examined],
        "not_drawn": [as_text(name) for name in not_drawn],
    }
