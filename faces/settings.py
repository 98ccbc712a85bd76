"""What can be chosen of an extraction; the same for real and fake."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from commands.parameters import Parameters
from faces.detector import MIN_FACE_SIZES

CROP_SIZE = 256
CROP_MARGIN = 1.3


def _keeps_the_pyramid(value):
    if value not in MIN_FACE_SIZES:
        raise ValueError(f"must be one of {', '.join(f'{size:g}' for size in MIN_FACE_SIZES)}")
    return value


MinFaceSize = Annotated[float, AfterValidator(_keeps_the_pyramid)]


class FaceExampleGenParameters(Parameters):
    """Parameters of FaceExampleGen."""

    frames: PositiveInt = Field(32, description="Frames per video, evenly spaced over the whole of it.")
    shards: PositiveInt = Field(
        16, description="TFRecord files per split; also the most workers that can share a split."
    )
    faces: Literal["main", "all"] = Field(
        "main", description="main: the most prominent person of a video; all: everyone, each with a track id."
    )
    min_face_size: MinFaceSize = Field(
        39.8,
        description="Least face to look for, pixels: 20, 28.2, 39.8, 56.1 or 79.1. Larger is faster. A video in which no "
        "frame shows one is looked at again from 20 pixels on.",
    )
    detect_every: PositiveInt = Field(
        1,
        description="Search the whole of every k-th chosen frame, and of those between only the surroundings of the faces "
        "seen last. 8 is about twice as fast; boxes then differ by some pixels.",
    )
    crop_margin: float = Field(
        CROP_MARGIN, gt=0.5, le=4, description="How much more than the ArcFace template's face a crop shows."
    )
    crop_size: int = Field(CROP_SIZE, ge=32, le=1024, description="Side of a crop, pixels. Models take 256.")
    image_format: Literal["webp", "png"] = Field(
        "webp", description="How crops are stored, without loss either way: webp is smaller, png is read everywhere."
    )
    decode_time_limit: PositiveFloat = Field(
        300.0, description="Seconds that one video may take to decode; longer, and it is a reject."
    )
