"""InfraValidator: the spec."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, PositiveInt

from commands.parameters import Parameters
from components.base import Component, Context


class InfraValidatorParameters(Parameters):
    """Parameters of InfraValidator."""

    timeout: PositiveInt = Field(300, description="Seconds after which a model that does not answer has failed.")


def execute(context: Context) -> Mapping[str, Any]:
    """Probe a SavedModel; see `components.infra_validator.executor`."""
    from components.infra_validator import executor

    return executor.execute(context)


COMPONENT = Component(
    name="InfraValidator",
    module="components.infra_validator.component",
    summary="Load and call the SavedModel in a clean process that has TensorFlow and none of this project's code.",
    inputs={"model": "Model"},
    outputs={"infra_blessing": "InfraBlessing"},
    parameters=InfraValidatorParameters,
    execute=execute,
    libraries=("tensorflow-cpu", "tensorflow"),
)
