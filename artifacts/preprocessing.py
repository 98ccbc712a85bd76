"""From a clip to crops and back to one score: what a model must be given and used with as in its training."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from artifacts import layout
from artifacts.crop_size import CROP_SIZE
from artifacts.errors import InputError
from artifacts.regular_files import read_json
from artifacts.video_rules import VideoRule
from artifacts.writing import write_json

MIN_FACE_SIZES = (20, 28.2, 39.8, 56.1, 79.1)  # pixels: from where the face detector's pyramid may begin


def _is_searched_for(size: float) -> float:
    if size not in MIN_FACE_SIZES:
        raise ValueError(f"must be one of {MIN_FACE_SIZES}")
    return size


@dataclass(frozen=True)
class Preprocessing:
    """How faces are found and cut out, and how their scores are joined.

    Attributes:
        crop_margin: how much larger the area in a crop is than the template's face; see `faces.alignment.template`.
        crop_lift: how far the face stands above the template's place, as a share of the crop's side.
        crop_size: side of a crop, pixels.
        min_face_size: the smallest face that is searched for, pixels.
        detect_every: the whole of every k-th frame is searched.
        video_rule: how the scores of a clip's frames are joined; the recipe's choice.
        min_face: the smallest face on which a verdict of the model can be relied on, pixels.
        ready_crops: some or all faces came as crops that were cut elsewhere, so that their geometry is unknown.
    """

    crop_margin: Annotated[float, Field(gt=0.5, le=4, allow_inf_nan=False)] = 1.3
    crop_lift: Annotated[float, Field(ge=-0.5, le=0.5, allow_inf_nan=False)] = 0.0
    crop_size: Annotated[int, Field(ge=32, le=1024)] = CROP_SIZE
    min_face_size: Annotated[float, AfterValidator(_is_searched_for)] = 39.8
    detect_every: Annotated[int, Field(ge=1)] = 1
    video_rule: VideoRule = "mean_logit"
    min_face: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 32.0
    ready_crops: bool = False

    GEOMETRY: ClassVar = ("crop_margin", "crop_lift", "crop_size")

    @property
    def geometry(self) -> dict[str, float]:
        """What decides where a face lies in its crop."""
        return {name: getattr(self, name) for name in self.GEOMETRY}

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON holds them."""
        return asdict(self)

    @classmethod
    def of_dict(cls, given: Mapping[str, Any]) -> "Preprocessing":
        """The fields of a JSON object; unknown ones are ignored, missing ones are those of before they existed."""
        return cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})


def read_of_examples(folder: str) -> Preprocessing | None:
    """Read how the faces of an `examples` folder were made; None if its manifest does not say, or there is none.

    Raises:
        InputError: the manifest cannot be read.
    """
    path = os.path.join(folder, layout.MANIFEST)
    given = _read(path).get("preprocessing") if os.path.exists(path) else None
    return _checked(given, path) if given else None


def read(path: str) -> Preprocessing | None:
    """Read the file that `write` wrote; None if there is none.

    Raises:
        InputError: it is damaged or cannot be read, or has a key or a value that it cannot have; names it.
    """
    if not os.path.exists(path):
        return None
    given = _read(path)
    unknown = sorted(given.keys() - {field.name for field in fields(Preprocessing)})
    if unknown:
        raise InputError(f"{path}: {', '.join(unknown)[:200]}: unknown key. Copy the file again")
    return _checked(given, path)


def write(preprocessing: Preprocessing, path: str) -> None:
    """Write the fields as JSON; folders are made."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_json(path, preprocessing.as_dict())


def _read(path: str) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: damaged (not a JSON object)")
    return found


def _checked(given: Any, path: str) -> Preprocessing:
    """Return the fields of a file; a value of another type is an error that names it."""
    try:
        text = json.dumps(Preprocessing.of_dict(given).as_dict())  # pydantic takes dataclasses strictly from JSON only
        return TypeAdapter(Preprocessing).validate_json(text, strict=True)
    except (ValidationError, TypeError) as error:
        field = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else "preprocessing"
        raise InputError(f"{path}: {field}: not a value that it can have. Copy the file again") from error


def require_same_geometry(
    faces: Preprocessing | None, faces_of: str, model: Preprocessing | None, model_of: str
) -> None:
    """Make sure that a model is given crops as it learnt from.

    What does not say how it was cut, and crops that were cut elsewhere, cannot be compared and pass.

    Args:
        faces: how the faces were made.
        faces_of: names them in the error.
        model: how those were made from which the model learnt.
        model_of: names it in the error.

    Raises:
        InputError: the crops lie otherwise; names both sides and what differs.
    """
    if faces is None or model is None or faces.geometry == model.geometry:
        return
    differing = [name for name in Preprocessing.GEOMETRY if getattr(faces, name) != getattr(model, name)]
    pairs = [(name, getattr(faces, name), getattr(model, name)) for name in differing]
    told = ", ".join(f"their {name} is {theirs:g}, the model's {own:g}" for name, theirs, own in pairs)
    cure = " ".join(f"--{name}={getattr(model, name):g}" for name in differing)
    raise InputError(
        f"{faces_of}: these faces are cut otherwise than those from which {model_of} learnt ({told}), so its scores "
        f"would mean little. Extract them again, with {cure}"
    )
