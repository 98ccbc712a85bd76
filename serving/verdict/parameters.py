"""What can be chosen of a verdict."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from commands.parameters import Parameters
from evaluation.video_scores import RULES
from faces.settings import FaceExampleGenParameters, MinFaceSize


class JudgeParameters(Parameters):
    """Parameters of a verdict; those of `FaceExampleGenParameters` have its meaning, and all but `faces` its defaults."""

    frames: PositiveInt = Field(32, description="Frames of a video to look at, evenly spaced over the whole of it.")
    faces: Literal["main", "all"] = Field(
        "all", description="all: everyone who is seen; main: the most prominent person only."
    )
    min_face_size: MinFaceSize = Field(
        39.8, description="Least face to look for, pixels: 20, 28.2, 39.8, 56.1 or 79.1."
    )
    detect_every: PositiveInt = Field(
        1,
        description="Search the whole of every k-th frame, of the others the surroundings of the last faces: 8 is faster.",
    )
    decode_time_limit: PositiveFloat = Field(300.0, description="Seconds that one file may take to decode.")
    least_face: float = Field(32.0, ge=0, description="Faces smaller than this, in pixels, are shown but not judged.")
    least_score: float = Field(
        0.88, ge=0, le=1, description="Where the detector is less sure that it is a face, it is shown but not judged."
    )
    least_frames: PositiveInt = Field(
        4, description="Someone who is seen in fewer of a video's frames is shown but not judged."
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="Fake probability from which on a face is called fake.")
    video_rule: Literal[RULES] = Field("mean_logit", description="How the frames of a face are joined to one score.")

    def extraction(self):
        """The same choices for `faces.extraction`."""
        shared = FaceExampleGenParameters.model_fields.keys() & JudgeParameters.model_fields.keys()
        return FaceExampleGenParameters(**{name: getattr(self, name) for name in shared})
