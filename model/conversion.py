"""A published detector as a model of this project: weights, preprocessing, calibration and card."""

import hashlib
import os
import time
from typing import NamedTuple

from commands.quiet import import_tensorflow

import_tensorflow()

from artifacts import layout  # noqa: E402
from artifacts.preprocessing import Preprocessing  # noqa: E402
from artifacts.writing import write_json  # noqa: E402
from model import published_detectors, saved_model  # noqa: E402
from model.calibration import uncalibrated  # noqa: E402
from model.detector import DeepfakeDetector  # noqa: E402
from model.recipes import get_recipe  # noqa: E402
from model.training import save_model  # noqa: E402


class Published(NamedTuple):
    """What is known of published weights.

    Attributes:
        recipe: whose network it is.
        changes: of the recipe's fields.
        crop_margin, crop_lift: that cut faces as the authors did, see `artifacts.preprocessing.Preprocessing`.
        authors: who trained it, and the licence.
    """

    recipe: str
    changes: dict[str, object]
    crop_margin: float
    crop_lift: float
    authors: str


# MesoNet's square has 1.3 * 2.2 times the larger of the distances between the eyes and from eyes to mouth, around the
# middle between eyes and mouth: in this project's template 1.04 times the face's square, and .14 of the side lower.
_MESONET = "Afchar, Nozick, Yamagishi and Echizen (MesoNet, 2018; Apache-2.0)"
KINDS = {
    "meso4": Published("meso4", {}, 1.04, 0.14, _MESONET),
    "mesoinception4": Published("mesoinception4", {}, 1.04, 0.14, _MESONET),
    "capsule_v1": Published(
        "capsule",
        {"name": "capsule_v1", "backbone": "capsule_v1", "image_size": 128},
        1.0,
        0.0,
        "Nguyen, Yamagishi and Echizen (Capsule-Forensics, first version, 2018; BSD-3-Clause)",
    ),
}


def convert(path: str, kind: str, folder: str, vgg: str | None = None) -> None:
    """Write the `model` folder of published weights.

    Args:
        path: of the weights.
        kind: of `KINDS`.
        folder: of the model, as a training writes it.
        vgg: torchvision's VGG19, for capsule_v1.

    Raises:
        InputError: a file is damaged, or of another network.
    """
    about = KINDS[kind]
    recipe = get_recipe(about.recipe, **about.changes)
    detector = DeepfakeDetector(recipe)
    if vgg is not None:
        published_detectors.load_capsule_v1(detector, path, vgg)
    else:
        published_detectors.load_mesonet(detector, path)
    preprocessing = Preprocessing(crop_margin=about.crop_margin, crop_lift=about.crop_lift)
    calibration = uncalibrated(detector, "its authors published no calibration")
    save_model(detector, calibration, folder, preprocessing)
    write_json(os.path.join(folder, layout.RECIPE), recipe.model_dump(), indent=2)
    saved_model.write_card(_card(path, kind, detector, preprocessing), layout.serving_model(folder))


def _card(path: str, kind: str, detector: DeepfakeDetector, preprocessing: Preprocessing) -> dict[str, object]:
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    recipe = detector.recipe.model_dump()
    return {
        "name": kind,
        "origin": f"{KINDS[kind].authors}; converted from {os.path.basename(path)}, SHA-256 {digest}",
        "recipe": {key: value for key, value in recipe.items() if key != "name"},
        "trained_on": [],
        "tested_on": [],
        "preprocessing": preprocessing.as_dict(),
        "caveats": [
            "These weights were trained by others, on faces that are not known here. Their test figures are not this "
            "project's"
        ],
        "date": time.strftime("%Y-%m-%d"),
    }
