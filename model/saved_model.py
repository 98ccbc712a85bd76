"""SavedModels of this project on disk: finding one, its digest, and what travels with it."""

import hashlib
import os
import shutil
from typing import Any, Literal, NotRequired, TypedDict, cast

from artifacts import layout, preprocessing
from artifacts.errors import InputError
from artifacts.preprocessing import Preprocessing
from artifacts.regular_files import require_regular
from artifacts.video_rules import Faces, VideoRule
from artifacts.visible import require_text
from artifacts.writing import write_json
from model.side_files import CalibrationFile, CardFile, read_checked

SERVED = ("fake_probability", "logit", "center_similarity", "embedding")  # the outputs of `serving_default` and `crops`

CALIBRATION_ASSET = os.path.join(layout.EXTRA_ASSETS, layout.CALIBRATION)
PREPROCESSING_ASSET = os.path.join(layout.EXTRA_ASSETS, layout.PREPROCESSING)
CARD_ASSET = os.path.join(layout.EXTRA_ASSETS, layout.MODEL_CARD)


# What a model's logit is: of the classifier, or of `model.readout` where the recipe trains none.
Readout = Literal["classifier", "class_means", "logistic"]


class Temperature(TypedDict):
    """What the logits of frames and of videos are divided by to give calibrated probabilities.

    `video` is for one video rule; None where the model has none for that rule.
    """

    frame: float
    video: float | None


class FittedTemperature(TypedDict):
    """A temperature, and how it was fitted; see `model.calibration.Fit`."""

    temperature: float
    nll_before: float | None
    nll_after: float | None
    reason: str | None


class Fits(TypedDict):
    """The temperatures of single faces, and by video rule those of videos.

    `main` is of the most prominent person of each video, `all` of the highest of all persons.
    """

    frame: FittedTemperature
    main: dict[VideoRule, FittedTemperature]
    all: dict[VideoRule, FittedTemperature]


class Calibration(TypedDict):
    """How sure a model's logits are, as fitted on the validation split; see `model.calibration`.

    Attributes:
        readout: what the logit is; unknown of models that were trained before this field existed.
        frame: the temperature by which a face's logit is divided; 1 if none was fitted.
        video: that of a video's logit by the rule "mean_logit". Models of before `fits` have no other.
        fits: these and the temperatures of the other rules, as they were fitted.
        faces, videos: on how many they were fitted.
        several_faces: how many of these videos show more than one person.
        spread: standard deviation of a face's logit among the faces of one video; None if no video has two.
        reason: None, or what was odd about the fits.
    """

    readout: NotRequired[Readout]
    frame: float
    video: float
    fits: NotRequired[Fits]
    faces: NotRequired[int]
    videos: NotRequired[int]
    several_faces: NotRequired[int]
    spread: NotRequired[float | None]
    reason: str | None


def temperature_of(calibration: Calibration | None, rule: VideoRule, faces: Faces = "all") -> Temperature | None:
    """Return a model's temperatures for a video rule; None if it is not calibrated at all.

    Args:
        calibration: of the model; one of before `fits` has a temperature for "mean_logit" only.
        rule: how a video's frames are joined.
        faces: whose frames they are.
    """
    if calibration is None:
        return None
    if "fits" in calibration:
        return {"frame": calibration["frame"], "video": calibration["fits"][faces][rule]["temperature"]}
    return {"frame": calibration["frame"], "video": calibration["video"] if rule == "mean_logit" else None}


def why_not_calibrated(calibration: Calibration | None, rule: VideoRule, faces: Faces = "all") -> str | None:
    """Return why the probabilities of videos by a rule are not calibrated; None if they are. Arguments as above."""
    if calibration is None:
        return "the model has no calibration"
    if "fits" in calibration:
        return calibration["fits"]["frame"]["reason"] or calibration["fits"][faces][rule]["reason"]
    if rule != "mean_logit":
        return f"the model was calibrated for the video rule mean_logit only, not for {rule}; train it again for that"
    return calibration.get("reason")


def find_saved_model(folder: str | os.PathLike[str]) -> str:
    """Find the SavedModel that a folder stands for.

    Args:
        folder: a SavedModel, a `model` artifact that holds it in `Format-Serving/`, or the folder of a model server
            with its versions, of which the newest complete one is taken.

    Raises:
        InputError: there is none, the folder does not exist, or its name is not UTF-8.
    """
    folder = os.fspath(folder)
    require_text(folder, "model")
    newest = [path for _, path in layout.versions(folder)[:1]]
    for path in (folder, layout.serving_model(folder), *newest):
        if layout.is_saved_model(path):
            return path
    if not os.path.lexists(folder):
        raise InputError(
            f"{folder}: no such folder. Give the `model` folder of a training, or the folder of a model server"
        )
    raise InputError(
        f"{folder}: holds no SavedModel (no {layout.SAVED_MODEL} in it, in {layout.FORMAT_SERVING}/ or in a numbered "
        "version). Give the `model` folder of a training, or the folder of a model server"
    )


def digest(saved_model: str) -> str:
    """Return a digest of all that decides a SavedModel's verdicts: graph, weights, calibration, preprocessing.

    The model's card is left out: it is written when a model is pushed, and a pushed copy has the digest of its origin.

    Raises:
        InputError: what it holds is no regular file, such as a named pipe.
    """
    total = hashlib.blake2b(digest_size=16)
    for parent, folders, names in os.walk(saved_model):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            relative = os.path.relpath(path, saved_model)
            if relative == CARD_ASSET:
                continue
            require_regular(path)
            with open(path, "rb") as stream:
                of_file = hashlib.file_digest(stream, "sha256").hexdigest()
            total.update(f"{relative}\0{of_file}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def check_files(saved_model: str) -> str:
    """Check what travels with a SavedModel, without loading it; returns its digest.

    Raises:
        InputError: a file is damaged, no regular file, or holds a value that it cannot have.
    """
    read_calibration(saved_model)
    read_preprocessing(saved_model)
    read_card(saved_model)
    return digest(saved_model)


# --- what travels with it ---------------------------------------------------------------------------------------------
def write_calibration(calibration: Calibration, model_dir: str) -> None:
    """Write a calibration into a `model` folder, and once more into its SavedModel, which is also used alone."""
    for place in (layout.CALIBRATION, os.path.join(layout.FORMAT_SERVING, CALIBRATION_ASSET)):
        path = os.path.join(model_dir, place)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_json(path, calibration)


def read_calibration(folder: str) -> Calibration | None:
    """Read the calibration of a `model` folder, or of a SavedModel alone; None if there is none.

    Raises:
        InputError: the file is damaged or cannot be read, or a value is none that it can have.
    """
    for place in (layout.CALIBRATION, CALIBRATION_ASSET):
        path = os.path.join(folder, place)
        if os.path.exists(path):
            return cast(Calibration, read_checked(path, CalibrationFile))
    return None


def copy_assets(model_dir: str, folder: str) -> None:
    """Copy what a `model` folder keeps beside its model into another SavedModel of the same detector."""
    for name in (layout.CALIBRATION, layout.PREPROCESSING):
        source = os.path.join(model_dir, name)
        if os.path.exists(source):
            os.makedirs(os.path.join(folder, layout.EXTRA_ASSETS), exist_ok=True)
            shutil.copyfile(source, os.path.join(folder, layout.EXTRA_ASSETS, name))


def write_preprocessing(how: Preprocessing, model_dir: str) -> None:
    """Write how the faces of a training were made into a `model` folder, and once more into its SavedModel."""
    for place in (layout.PREPROCESSING, os.path.join(layout.FORMAT_SERVING, PREPROCESSING_ASSET)):
        preprocessing.write(how, os.path.join(model_dir, place))


def read_preprocessing(folder: str) -> Preprocessing | None:
    """Read how the faces were made from which a model learnt, of a `model` folder or of a SavedModel alone.

    Returns:
        None if the model does not say: it was trained before models did, or on examples without a manifest.

    Raises:
        InputError: the file is damaged or cannot be read.
    """
    for place in (layout.PREPROCESSING, PREPROCESSING_ASSET):
        found = preprocessing.read(os.path.join(folder, place))
        if found is not None:
            return found
    return None


def write_card(card: dict[str, Any], saved_model: str) -> None:
    """Write a model card, on what the model was trained and tested, into a SavedModel."""
    path = os.path.join(saved_model, CARD_ASSET)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_json(path, card)


def read_card(saved_model: str) -> dict[str, Any] | None:
    """Read the card of a SavedModel; None if there is none.

    Raises:
        InputError: the file is damaged or cannot be read.
    """
    path = os.path.join(saved_model, CARD_ASSET)
    if not os.path.exists(path):
        return None
    return read_checked(path, CardFile)
