"""InfraValidator: the executor."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from artifacts import layout
from artifacts.errors import InputError
from artifacts.writing import write_text
from components.base import Context
from components.infra_validator import probe


def run_probe(folder: str, timeout: int) -> tuple[bool, str]:
    """Load and call a SavedModel in a process of its own; see `components.infra_validator.probe`.

    Args:
        folder: the SavedModel.
        timeout: seconds after which the process is stopped.

    Returns:
        (passed, what the process said: its result as JSON, or the reason for which it failed).
    """
    with tempfile.TemporaryDirectory(prefix="infra-") as empty:
        # -I: no folder of the project, and no variable of the environment, leads to the project's code.
        command = [sys.executable, "-I", os.path.abspath(probe.__file__), os.path.abspath(folder)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        try:
            done = subprocess.run(
                command, cwd=empty, env=environment, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return False, f"no answer within {timeout} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else f"the process ended with exit status {done.returncode}"


def execute(context: Context) -> dict[str, Any]:
    """Write `INFRA_BLESSED` or `INFRA_NOT_BLESSED`, with what the probe said.

    Raises:
        InputError: the `model` artifact holds no SavedModel.
    """
    folder = layout.serving_model(context.inputs["model"])
    if not layout.is_saved_model(folder):
        raise InputError(f"{folder}: holds no {layout.SAVED_MODEL}; Trainer writes it")
    passed, answer = run_probe(folder, context.parameters.timeout)
    verdict = layout.INFRA_BLESSED if passed else layout.INFRA_NOT_BLESSED
    write_text(os.path.join(context.outputs["infra_blessing"], verdict), answer + "\n")
    return {"verdict": verdict, "answer": json.loads(answer) if passed else answer}
