"""Pusher: the spec."""

import json
import os

from pydantic import Field

from commands.parameters import Parameters
from components.base import Component, Context


class PusherParameters(Parameters):
    """Parameters of Pusher."""

    serving_dir: str = Field(
        description="Folder that the model server watches; the model goes to <serving_dir>/<version>/."
    )


def _still_holds(outputs):
    """A cached push counts as long as the pushed model lies there and is the newest, which is what servers take."""
    with open(os.path.join(outputs["pushed_model"], "pushed.json")) as stream:
        outcome = json.load(stream)
    if not outcome["pushed"]:
        return None
    if not os.path.exists(os.path.join(outcome["path"], "saved_model.pb")):
        return f"{outcome['path']} is gone"
    serving_dir, version = os.path.split(outcome["path"])
    newest = max(int(name) for name in os.listdir(serving_dir) if name.isdigit())
    return f"version {newest} was pushed since" if newest > int(version) else None


def execute(context: Context) -> dict | None:
    """Push a blessed model; see `components.pusher.executor`."""
    from components.pusher import executor  # imports nothing before it runs

    return executor.execute(context)


COMPONENT = Component(
    name="Pusher",
    module="components.pusher.component",
    summary="Copy a model with both blessings to <serving_dir>/<version>/, where a model server finds it.",
    inputs={
        "model": "Model",
        "blessing": "Blessing",
        "infra_blessing": "InfraBlessing",
        "statistics": "Statistics",
        "evaluation": "Evaluation",
    },
    optional_inputs=("statistics", "evaluation"),
    outputs={"pushed_model": "PushedModel"},
    parameters=PusherParameters,
    execute=execute,
    still_holds=_still_holds,
)
