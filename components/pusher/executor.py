"""Pusher: the executor."""

import json
import os
import shutil
import time

from artifacts.errors import InputError
from components.base import Context
from components.pusher.model_card import make_card
from model import card


def execute(context: Context):
    """Copy `Format-Serving/` to the next version, `saved_model.pb` last, since servers take that file as "ready".

    The model's card goes with it. A model without both blessings is not pushed; `pushed.json` then says why.
    """
    refused = [
        f"{key.replace('_', ' ')}: {_reason(context.inputs[key], verdict)}"
        for key, verdict in (("blessing", "BLESSED"), ("infra_blessing", "INFRA_BLESSED"))
        if not os.path.exists(os.path.join(context.inputs[key], verdict))
    ]
    outcome = {"pushed": not refused, "reasons": refused}
    if refused:
        print(f"not pushed: {'; '.join(refused)}")
    else:
        model = context.inputs["model"]
        gathered = make_card(model, context.inputs.get("statistics"), context.inputs.get("evaluation"))
        outcome["path"] = push(os.path.join(model, "Format-Serving"), context.parameters.serving_dir, gathered)
        print(f"pushed to {outcome['path']}")
    with open(os.path.join(context.outputs["pushed_model"], "pushed.json"), "w") as stream:
        json.dump(outcome, stream, indent=1)
    return {"pushed": outcome.get("path", "no")}


def _reason(folder, verdict):
    try:
        with open(os.path.join(folder, verdict.replace("BLESSED", "NOT_BLESSED"))) as stream:
            return " ".join(stream.read().split())
    except OSError:
        return f"{folder} holds no {verdict}"


def push(saved_model, serving_dir, model_card=None):
    """Copy a SavedModel to `<serving_dir>/<version>/`, and lay its card in; return that path.

    The version is the time in seconds, or one more than the newest that is there.

    Raises:
        InputError: no SavedModel, or the folder cannot be written; names it and leaves nothing unfinished there.
    """
    if not os.path.exists(os.path.join(saved_model, "saved_model.pb")):
        raise InputError(f"{saved_model}: holds no saved_model.pb; Trainer writes it")
    unfinished = None
    try:
        os.makedirs(serving_dir, exist_ok=True)
        there = [int(name) for name in os.listdir(serving_dir) if name.isdigit()]
        version = max([int(time.time()), *(number + 1 for number in there)])
        target = os.path.join(serving_dir, str(version))
        hidden = os.path.join(serving_dir, f".{version}.partial")
        shutil.rmtree(hidden, ignore_errors=True)
        unfinished = hidden
        shutil.copytree(saved_model, hidden, ignore=shutil.ignore_patterns("saved_model.pb"))
        if model_card:
            card.write(model_card, hidden)
        os.rename(hidden, target)
        unfinished = target
        ready = os.path.join(target, "saved_model.pb")
        shutil.copyfile(os.path.join(saved_model, "saved_model.pb"), ready + ".partial")
        os.rename(ready + ".partial", ready)
    except OSError as error:
        if unfinished:
            shutil.rmtree(unfinished, ignore_errors=True)
        why = error.strerror or "; ".join(row[2] for row in error.args[0])  # of copytree: (from, to, why) of each file
        raise InputError(
            f"serving_dir: {error.filename or serving_dir}: cannot be written ({why}). Set "
            "components.Pusher.serving_dir to a folder that can"
        ) from error
    return target
