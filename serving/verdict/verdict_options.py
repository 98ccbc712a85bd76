"""Options of a verdict."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from commands.parameters import Parameters
from evaluation.vocabulary import VideoRule
from faces.settings import ExtractionSettings, MinFaceSize

# Former names of options -> their names.
RENAMED = {"least_face": "min_face", "least_score": "min_score", "least_frames": "min_frames"}


class VerdictOptions(Parameters):
    """Options of a verdict.

    Those that `ExtractionSettings` has, too, mean the same there, and all but `faces` have its defaults.
    """

    frames: PositiveInt = Field(32, description="Frames of a video to examine, evenly spaced over the whole of it.")
    faces: Literal["main", "all"] = Field(
        "all", description="all: everyone who is seen; main: the most prominent person only."
    )
    min_face_size: MinFaceSize = Field(
        39.8, description="Smallest face to search for, pixels: 20, 28.2, 39.8, 56.1 or 79.1."
    )
    detect_every: PositiveInt = Field(
        1,
        description="Search the whole of every k-th frame, and of the others only around the last faces: 8 is faster.",
    )
    decode_time_limit: PositiveFloat = Field(300.0, description="Seconds that decoding one file may take.")
    min_face: float = Field(32.0, ge=0, description="Faces smaller than this, in pixels, are shown but not assessed.")
    min_score: float = Field(
        0.88, ge=0, le=1, description="Faces of which the detector is less sure than this are shown but not assessed."
    )
    min_frames: PositiveInt = Field(
        4, description="People who are seen in fewer frames of a video than this are shown but not assessed."
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="Fake probability from which on a face is called fake.")
    video_rule: VideoRule = Field(
        "mean_logit", description="How the scores of a face in all frames are joined into one."
    )

    def extraction(self) -> ExtractionSettings:
        """The same options for `faces.extraction`."""
        shared = ExtractionSettings.model_fields.keys() & VerdictOptions.model_fields.keys()
        return ExtractionSettings(**{name: getattr(self, name) for name in shared})
