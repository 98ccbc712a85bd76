"""The schema: what the face examples of a project are expected to be."""

import os

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from artifacts.errors import InputError
from commands.problems import phrase

DEFAULT_SCHEMA = os.path.join(os.path.dirname(__file__), "schema.json")


class Schema(BaseModel):
    """What the face examples of a project are expected to be: the content of a file that a person has reviewed."""

    model_config = ConfigDict(extra="forbid")

    crop_size: str = Field(description="height x width of every crop")
    image_formats: list[str] = Field(description="lossless image formats")
    min_videos_per_class: dict[str, int] = Field(description="split -> videos with a face that each class needs")
    required_splits: list[str] = Field(description="splits that must not be empty")
    max_video_reject_rate: float = Field(ge=0, le=1, description="share of a data set's videos that may give no face")
    max_detection_rate_difference: float = Field(
        ge=0, le=1, description="largest difference between real and fake in the share of frames with a face"
    )
    min_frames_for_rates: int = Field(ge=0, description="frames of each class below which rates are not compared")
    max_outcome_difference: float = Field(
        ge=0, le=1, description="largest difference between real and fake in how often a reject or note occurs"
    )
    min_videos_for_outcomes: int = Field(ge=0, description="videos of each class below which outcomes are not compared")
    mean_pixel_range: tuple[float, float] = Field(description="range of a group's mean pixel, on a scale of 0 to 255")
    max_flat_crop_rate: float = Field(ge=0, le=1, description="share of crops that may have a single colour")


def load_schema(path: str) -> Schema:
    """Read a schema file.

    Raises:
        InputError: it cannot be read, or a field of it is wrong; names file and field.
    """
    try:
        with open(path) as stream:
            return Schema.model_validate_json(stream.read())
    except OSError as error:
        raise InputError(f"schema_file: {path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        where = f"schema_file: {path}: is not UTF-8 (byte {error.start})"
        raise InputError(f"{where}. The packaged example is {DEFAULT_SCHEMA}") from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        raise InputError(f"{path}: {field}: {phrase(problem)}. The packaged example is {DEFAULT_SCHEMA}") from error
