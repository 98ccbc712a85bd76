"""Pusher: the spec."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from artifacts import layout
from artifacts.regular_files import read_json
from commands.parameters import Parameters
from components.base import Component, Context


class PusherParameters(Parameters):
    """Parameters of Pusher."""

    serving_dir: str = Field(
        description="Folder that the model server watches; the model goes to <serving_dir>/<version>/."
    )


def _still_holds(outputs: Mapping[str, str]) -> str | None:
    """A cached push counts as long as the pushed model is there and is the newest, the one that servers take."""
    outcome = read_json(os.path.join(outputs["pushed_model"], layout.PUSHED), "Run the pipeline without the cache")
    if not outcome["pushed"]:
        return None
    if not layout.is_saved_model(outcome["path"]):
        return f"{outcome['path']} is gone"
    serving_dir, version = os.path.split(outcome["path"])
    newest, _ = layout.versions(serving_dir)[0]
    return f"version {newest} was pushed since" if newest > int(version) else None


def execute(context: Context) -> Mapping[str, Any]:
    """Push a blessed model; see `components.pusher.executor`."""
    from components.pusher import executor

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
