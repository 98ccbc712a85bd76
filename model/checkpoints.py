"""Checkpoints of a training: the best weights, and the states from which an interrupted run resumes."""

import json
import os
import re
from typing import NotRequired, TypedDict, cast

import h5py
import keras

from artifacts import layout
from artifacts.digests import file_digest
from artifacts.errors import InputError
from artifacts.writing import remove_partial, whole, write_json, write_text
from model.validation import Row

FOLDER = "checkpoints"  # in a run's folder
SUFFIX = ".weights.h5"
KEPT = 2  # states: should the newest be damaged, the training goes on from the one before
EARLIER = "state.json"  # the only state's name in earlier versions
STATE_FIELDS = {"step": int, "history": list, "sums": dict, "summed": int, "examples": str}


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
    """Write weights whole or not at all: parameters, statistics, the centre, and the optimizer's variables.

    Raises:
        InputError: they cannot be written.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with whole(path, durable=True) as temporary:
        model.save_weights(temporary)


def check_weights(path: str) -> None:
    """Make sure that a file of weights is a whole HDF5 file.

    Raises:
        InputError: it is missing, cut or damaged.
    """
    try:
        with h5py.File(path) as file:
            file.visititems(lambda name, item: None)
    except (OSError, RuntimeError, KeyError) as error:  # all of them are h5py's
        reason = "is missing" if not os.path.exists(path) else f"damaged ({_first_line(error)})"
        raise InputError(f"{path}: {reason}") from None


def save_state(model: keras.Model, run_dir: str, state: State) -> None:
    """Write the weights, then the state with their digest, then remove all older states but the last one.

    Raises:
        InputError: they cannot be written.
        ValueError: a figure is NaN or infinite, which JSON cannot express.
    """
    name = f"state-{state['step']}{SUFFIX}"
    folder = os.path.join(run_dir, FOLDER)
    weights = os.path.join(folder, name)
    json.dumps(state, allow_nan=False)  # before any file is replaced
    save_weights(model, weights)
    of_file = {"weights": name, "bytes": os.path.getsize(weights), "digest": file_digest(weights)}
    write_json(os.path.join(folder, f"state-{state['step']}.json"), {**state, **of_file}, indent=None, durable=True)
    _remove_older(folder)


def _remove_older(folder: str) -> None:
    """Remove the files of all but the newest two states, and what killed processes left."""
    kept = {f"state-{step}" for step in _steps(folder)[:KEPT]}
    for name in os.listdir(folder):
        if name.startswith("state-") and name.removesuffix(SUFFIX).removesuffix(".json") not in kept:
            os.remove(os.path.join(folder, name))
    if os.path.exists(os.path.join(folder, EARLIER)):
        os.remove(os.path.join(folder, EARLIER))
    remove_partial(folder)


def _steps(folder: str) -> list[int]:
    """The steps of the states in a folder by their names, newest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = (re.fullmatch(r"state-(\d+)\.json", name) for name in names)
    return sorted((int(match[1]) for match in found if match), reverse=True)


def save_history(run_dir: str, history: list[Row]) -> None:
    """Write a line of JSON per validation.

    Raises:
        ValueError: a figure is NaN or infinite, which JSON cannot express.
    """
    lines = (json.dumps(row, allow_nan=False) + "\n" for row in history)
    write_text(os.path.join(run_dir, layout.HISTORY), "".join(lines))


def load_state(run_dir: str) -> tuple[State, str] | None:
    """Return the (state, path of its weights) of an interrupted training: the newest that is whole.

    A newer one that is damaged is named on standard output. NaN and infinite figures, which earlier versions wrote, are
    None in the state.

    Returns:
        None if no state was saved yet.

    Raises:
        InputError: there are states, and none is whole; names each file, what is wrong with it, and the cure.
    """
    folder = os.path.join(run_dir, FOLDER)
    names = [f"state-{step}.json" for step in _steps(folder)]
    if os.path.exists(os.path.join(folder, EARLIER)):  # written by an earlier version: the only one there, or damaged
        names.append(EARLIER)
    broken: list[str] = []
    for name in names:
        try:
            found = _read_state(os.path.join(folder, name))
        except InputError as error:
            broken.append(str(error))
            continue
        step = found[0]["step"]
        for problem in broken:
            print(f"{problem}; going on from the state of step {step}, which is whole", flush=True)
        return found
    if broken:
        problems = "\n".join(broken)
        raise InputError(
            f"{problems}\n{run_dir}: holds no state of its training that is whole. Delete this folder to train from "
            "the start, or restore one of these files"
        )
    return None


def _read_state(path: str) -> tuple[State, str]:
    """Read a state, and make sure that its weights are those that were written.

    Raises:
        InputError: one of the two files is damaged.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream, parse_constant=lambda _: None)
        weights = os.path.join(os.path.dirname(path), found.pop("weights"))
        noted = found.pop("bytes", None), found.pop("digest", None)
        absent = STATE_FIELDS.keys() - found.keys()
        if absent:
            raise ValueError(f"no {', '.join(sorted(absent))}")
        wrong = [name for name, kind in STATE_FIELDS.items() if not isinstance(found[name], kind)]
        wrong += ["history"] * any(not isinstance(row, dict) for row in found["history"])
        if wrong or not all(isinstance(total, int | float) for total in found["sums"].values()):
            raise ValueError(f"{(wrong or ['sums'])[0]} has another type")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: a damaged training state ({_first_line(error)})") from None
    if noted == (None, None):  # written by an earlier version
        check_weights(weights)
    elif not os.path.exists(weights) or noted != (os.path.getsize(weights), file_digest(weights)):
        what = "differs from what was written" if os.path.exists(weights) else "is missing"
        raise InputError(f"{weights}: {what}: damaged weights of a training state")
    return cast(State, found), weights


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
