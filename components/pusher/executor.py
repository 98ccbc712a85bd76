"""Pusher: the executor."""

import errno
import os
import shutil
import time
from typing import Any

from artifacts import layout
from artifacts.errors import InputError
from artifacts.writing import partial_name, write_json
from components.base import Context
from components.pusher.model_card import make_card
from model.saved_model import write_card

# Blessing -> (file that says yes, file that says no and why).
VERDICTS = {
    "blessing": (layout.BLESSED, layout.NOT_BLESSED),
    "infra_blessing": (layout.INFRA_BLESSED, layout.INFRA_NOT_BLESSED),
}


def execute(context: Context) -> dict[str, str]:
    """Copy `Format-Serving/`, with the model's card, to the next version; write `pushed.json`.

    A model without both blessings is not pushed; `pushed.json` then says why.

    Raises:
        InputError: see `push`.
    """
    reasons = [reason for key in VERDICTS if (reason := _refusal(key, context.inputs[key]))]
    outcome: dict[str, Any] = {"pushed": not reasons, "reasons": reasons}
    if reasons:
        print(f"not pushed: {'; '.join(reasons)}")
    else:
        model = context.inputs["model"]
        card = make_card(model, context.inputs.get("statistics"), context.inputs.get("evaluation"))
        outcome["path"] = push(layout.serving_model(model), context.parameters.serving_dir, card)
        print(f"pushed to {outcome['path']}")
    write_json(os.path.join(context.outputs["pushed_model"], layout.PUSHED), outcome)
    return {"pushed": outcome.get("path", "no")}


def _refusal(key: str, folder: str) -> str | None:
    """Return why a blessing is missing, on one line; None if it is there."""
    yes, no = VERDICTS[key]
    if os.path.exists(os.path.join(folder, yes)):
        return None
    try:
        with open(os.path.join(folder, no)) as stream:
            reason = " ".join(stream.read().split())
    except OSError:
        reason = f"{folder} holds no {yes}"
    return f"{key.replace('_', ' ')}: {reason}"


def push(saved_model: str, serving_dir: str, card: dict[str, Any] | None = None) -> str:
    """Copy a SavedModel, with its card, to `<serving_dir>/<version>/`; return that path.

    The version is the time in seconds, or one more than the newest one that is there. Several pushes at once get one
    each.

    Raises:
        InputError: there is no SavedModel, or `serving_dir` cannot be written; nothing unfinished is left there.
    """
    if not layout.is_saved_model(saved_model):
        raise InputError(f"{saved_model}: holds no {layout.SAVED_MODEL}; Trainer writes it")
    try:
        os.makedirs(serving_dir, exist_ok=True)
        return _copy(saved_model, serving_dir, card)
    except OSError as error:
        # shutil.copytree collects (source, target, reason) of each file.
        reason = error.strerror or "; ".join(row[2] for row in error.args[0])
        raise InputError(
            f"serving_dir: {error.filename or serving_dir}: cannot be written ({reason}). Set "
            "components.Pusher.serving_dir to a folder that can"
        ) from error


def _copy(saved_model: str, serving_dir: str, card: dict[str, Any] | None) -> str:
    """Copy under a hidden name, rename, and add `saved_model.pb` last: servers take that file as "ready"."""
    hidden = unfinished = os.path.join(serving_dir, partial_name("push"))
    try:
        shutil.copytree(saved_model, hidden, ignore=shutil.ignore_patterns(layout.SAVED_MODEL))
        if card:
            write_card(card, hidden)
        unfinished = target = _take_version(hidden, serving_dir)
        ready = os.path.join(target, layout.SAVED_MODEL)
        shutil.copyfile(os.path.join(saved_model, layout.SAVED_MODEL), ready + ".partial")
        os.rename(ready + ".partial", ready)
    except (OSError, InputError):
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return target


def _take_version(hidden: str, serving_dir: str) -> str:
    """Give a folder the next free version as its name; return its path. A push beside this one may be faster."""
    while True:
        existing = [int(name) for name in os.listdir(serving_dir) if name.isdecimal()]
        version = max([int(time.time()), *(number + 1 for number in existing)])
        target = os.path.join(serving_dir, str(version))
        try:
            os.rename(hidden, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        else:
            return target
