"""Options of a verdict."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from artifacts.crop_size import CROP_SIZE
from artifacts.preprocessing import Preprocessing
from commands.parameters import Parameters
from evaluation.vocabulary import VideoRule
from faces.settings import CROP_MARGIN, ExtractionSettings, MinFaceSize

# Former names of options -> their names.
RENAMED = {"least_face": "min_face", "least_score": "min_score", "least_frames": "min_frames"}

MODELS_OWN = "Not given: the model's own."  # ends the description of what a model may bring with it


class VerdictOptions(Parameters):
    """Options of a verdict.

    Those that `ExtractionSettings` has, too, mean the same there, and all but `faces` have its defaults. What is not
    given and belongs to a model's preprocessing is the model's; see `for_model`.
    """

    frames: PositiveInt = Field(32, description="Frames of a video to examine, evenly spaced over the whole of it.")
    faces: Literal["main", "all"] = Field(
        "all", description="all: everyone who is seen; main: the most prominent person only."
    )
    min_face_size: MinFaceSize = Field(
        39.8,
        description="Smallest face to search for, pixels: 20, 28.2, 39.8, 56.1 or 79.1. By default "
        f"that with which the model's training faces were found. {MODELS_OWN}",
    )
    detect_every: PositiveInt = Field(
        1,
        description="Search the whole of every k-th frame, and of the others only around the last faces: 8 is faster. "
        f"{MODELS_OWN}",
    )
    decode_time_limit: PositiveFloat = Field(300.0, description="Seconds that decoding one file may take.")
    min_face: float = Field(
        32.0,
        ge=0,
        description="Faces smaller than this, in pixels, are doubtful: they are shown, but no verdict rests on "
        f"them. {MODELS_OWN}",
    )
    min_score: float = Field(
        0.88, ge=0, le=1, description="Faces of which the detector is less sure than this are doubtful, too."
    )
    min_steady: float = Field(
        0.75,
        ge=0,
        le=1,
        description="Faces of a video that are found in a smaller share of the frames between their first and their "
        "last are doubtful, too, where the detector is less sure of them than 0.98.",
    )
    min_frames: PositiveInt = Field(
        4, description="Faces that are seen in fewer frames of a video than this are doubtful, too."
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="Fake probability from which on a face is called fake.")
    video_rule: VideoRule = Field(
        "mean_logit",
        description=f"How the scores of a face in all frames are joined into one. {MODELS_OWN}",
    )

    def for_model(self, preprocessing: Preprocessing | None) -> "ModelOptions":
        """Complete the options by what a model was trained with: crops are always cut as the model's were.

        Args:
            preprocessing: of the model; None if it does not say, which takes the defaults.
        """
        how = preprocessing or Preprocessing()
        own = {name: value for name, value in how.as_dict().items() if name in ModelOptions.model_fields}
        return ModelOptions(**{**own, **self.model_dump(exclude_unset=True), **how.geometry})

    def extraction(self) -> ExtractionSettings:
        """The same options for `faces.extraction`."""
        shared = ExtractionSettings.model_fields.keys() & type(self).model_fields.keys()
        return ExtractionSettings(**{name: getattr(self, name) for name in shared})


class ModelOptions(VerdictOptions):
    """Options of a verdict by a certain model: where a face lies in its crop is the model's choice, not the user's."""

    crop_margin: float = Field(CROP_MARGIN, description="How much larger a crop is than the template's face.")
    crop_lift: float = Field(
        0.0, description="How far the face stands above the template's place, a share of the side."
    )
    crop_size: int = Field(CROP_SIZE, description="Side of a crop, pixels.")
