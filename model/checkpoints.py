"""Checkpoints of a training: the best weights, and the state from which an interrupted run resumes."""

import json
import os
from typing import NotRequired, TypedDict

import keras

from artifacts import layout
from artifacts.writing import write_json, write_text
from model.validation import Row

FOLDER = "checkpoints"  # in a run's folder
SUFFIX = ".weights.h5"


class State(TypedDict):
    """What an interrupted training goes on from, beside its weights.

    Attributes:
        step: how many steps were taken.
        history: a row per validation.
        sums: sums of the training's figures over the steps since the last validation.
        summed: over how many steps.
        examples: digest of the training examples.
        replicas: on how many it was trained; earlier versions did not say.
    """

    step: int
    history: list[Row]
    sums: dict[str, float]
    summed: int
    examples: str
    replicas: NotRequired[int]


def best_weights(run_dir: str) -> str:
    """Return the path of the weights with the best validation."""
    return os.path.join(run_dir, FOLDER, "best" + SUFFIX)


def save_weights(model: keras.Model, path: str) -> None:
    """Write weights whole or not at all: parameters, statistics, the centre, and the optimizer's variables."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = path.removesuffix(SUFFIX) + ".partial" + SUFFIX  # Keras insists on the suffix
    model.save_weights(temporary)
    os.replace(temporary, path)


def save_state(model: keras.Model, run_dir: str, state: State) -> None:
    """Write the weights, then the state, which names them, then remove the weights of older states."""
    name = f"state-{state['step']}{SUFFIX}"
    folder = os.path.join(run_dir, FOLDER)
    save_weights(model, os.path.join(folder, name))
    write_json(os.path.join(folder, "state.json"), {**state, "weights": name}, indent=None)
    for other in os.listdir(folder):
        if other.startswith("state-") and other != name:
            os.remove(os.path.join(folder, other))


def save_history(run_dir: str, history: list[Row]) -> None:
    """Write a line of JSON per validation.

    Raises:
        ValueError: a figure is NaN or infinite, which JSON cannot express.
    """
    lines = (json.dumps(row, allow_nan=False) + "\n" for row in history)
    write_text(os.path.join(run_dir, layout.HISTORY), "".join(lines))


def load_state(run_dir: str) -> tuple[State, str] | None:
    """Return the (state, path of its weights) of an interrupted training; None if there is none.

    NaN and infinite figures, which earlier versions wrote, are None in it.
    """
    path = os.path.join(run_dir, FOLDER, "state.json")
    if not os.path.exists(path):
        return None
    with open(path) as stream:
        found = json.load(stream, parse_constant=lambda _: None)
    weights = os.path.join(run_dir, FOLDER, found.pop("weights"))
    return found, weights
