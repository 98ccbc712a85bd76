"""The card that travels with a SavedModel: what it was trained and tested on."""

import json
import os

EXTRA = "assets.extra"  # in a SavedModel: what travels with it; servers pass over that folder
ASSET = os.path.join(EXTRA, "model_card.json")


def read(saved_model):
    """Read the card of a SavedModel; None where there is none.

    Raises:
        ValueError: the file is damaged or cannot be read.
    """
    path = os.path.join(saved_model, ASSET)
    try:
        with open(path) as stream:
            return json.load(stream)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error}). Push the model again") from error


def write(card, saved_model):
    """Write a card, a dict that JSON can hold, into a SavedModel."""
    path = os.path.join(saved_model, ASSET)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as stream:
        json.dump(card, stream, indent=1, allow_nan=False)
