"""Settings of an extraction; the same for real and fake."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from artifacts.crop_size import CROP_SIZE
from commands.parameters import Parameters
from faces.detector import MIN_FACE_SIZES

CROP_MARGIN = 1.3


def _is_a_step_of_the_pyramid(value: float) -> float:
    if value not in MIN_FACE_SIZES:
        raise ValueError(f"must be one of {', '.join(f'{size:g}' for size in MIN_FACE_SIZES)}")
    return value


MinFaceSize = Annotated[float, AfterValidator(_is_a_step_of_the_pyramid)]


class ExtractionSettings(Parameters):
    """How faces are extracted from one video."""

    frames: PositiveInt = Field(32, description="Frames per video, evenly spaced over the whole of it.")
    faces: Literal["main", "all"] = Field(
        "main", description="main: the most prominent person of a video; all: everyone, each with a track id."
    )
    min_face_size: MinFaceSize = Field(
        39.8,
        description="Smallest face to look for, pixels: 20, 28.2, 39.8, 56.1 or 79.1. Larger is faster. "
        "A video without a single face of that size is searched again from 20 pixels up.",
    )
    detect_every: PositiveInt = Field(
        1,
        description="Search the whole of every k-th chosen frame; of the frames between, search only around the last "
        "faces. 8 is about twice as fast; boxes then differ by some pixels.",
    )
    crop_margin: float = Field(
        CROP_MARGIN, gt=0.5, le=4, description="How much larger the area in a crop is than the ArcFace template's face."
    )
    crop_lift: float = Field(
        0.0,
        ge=-0.5,
        le=0.5,
        description="How far the face stands above the template's place in a crop, as a share of the crop's side: "
        "above 0, a crop shows more chin and less forehead.",
    )
    crop_size: int = Field(CROP_SIZE, ge=32, le=1024, description="Side of a crop, pixels. Models take 256.")
    image_format: Literal["webp", "png"] = Field(
        "webp", description="How crops are stored, without loss either way: webp is smaller, png is read everywhere."
    )
    decode_time_limit: PositiveFloat = Field(
        300.0, description="Seconds that decoding one video may take; a video that takes longer is rejected."
    )
