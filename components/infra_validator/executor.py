"""InfraValidator: the executor."""

import json
import os
from typing import Any

from artifacts import layout
from artifacts.errors import InputError
from artifacts.writing import write_text
from components.base import Context
from model.saved_model import check_files
from model.trial import run_probe


def execute(context: Context) -> dict[str, Any]:
    """Write `INFRA_BLESSED` or `INFRA_NOT_BLESSED`, with what the probe said.

    Raises:
        InputError: the `model` artifact holds no SavedModel.
    """
    folder = layout.serving_model(context.inputs["model"])
    if not layout.is_saved_model(folder):
        raise InputError(f"{folder}: holds no {layout.SAVED_MODEL}; Trainer writes it")
    passed, answer = _try(folder, context.parameters.timeout)
    verdict = layout.INFRA_BLESSED if passed else layout.INFRA_NOT_BLESSED
    write_text(os.path.join(context.outputs["infra_blessing"], verdict), answer + "\n")
    return {"verdict": verdict, "answer": json.loads(answer) if passed else answer}


def _try(folder: str, timeout: int) -> tuple[bool, str]:
    """Check what travels with a SavedModel, as whoever loads it will, then load and call it; see `run_probe`."""
    try:
        check_files(folder)
    except InputError as error:
        return False, str(error)
    return run_probe(folder, timeout)
