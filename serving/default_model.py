"""Which model is used if none is named: the one that was pushed here, else the detector that comes with the package."""

import os

from artifacts.layout import versions

PUSHED = "serving_model"  # in the working folder; where `make run` pushes a model
SHIPPED = os.path.join(os.path.dirname(__file__), "shipped_detector")
CHOICE = f"{PUSHED}/ if a model was pushed there, else the detector that comes with the package"
NOTE = (
    "using the detector that comes with the package (trained and tested on DFDC faces); --model names another, and "
    f"one in {PUSHED}/ would come first"
)


def name_of(path: str) -> str:
    """The name of a SavedModel: that of its folder, or of the folder with the versions."""
    path = os.path.abspath(path)
    name = os.path.basename(path)
    return os.path.basename(os.path.dirname(path)) if name.isdecimal() else name


def choose_model(named: str | None) -> tuple[str, str | None]:
    """Choose a model's folder.

    Args:
        named: by the user, or None.

    Returns:
        The folder, and a sentence if it is one that the user may not expect.
    """
    if named is not None:
        return named, None
    if versions(PUSHED):
        return PUSHED, None
    return SHIPPED, NOTE
