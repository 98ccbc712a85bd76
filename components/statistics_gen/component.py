"""StatisticsGen: its spec and parameters."""

from commands.parameters import Parameters
from components.base import Component, Context


class StatisticsGenParameters(Parameters):
    """StatisticsGen has no parameters."""


def execute(context: Context) -> dict[str, int]:
    """Count what is in the face examples; see `components.statistics_gen.executor`."""
    from components.statistics_gen import executor  # imports TensorFlow and Beam

    return executor.execute(context)


COMPONENT = Component(
    name="StatisticsGen",
    module="components.statistics_gen.component",
    summary="Count videos, faces, rejects and pixels per split, data set, method and label.",
    inputs={"videos": "Videos", "examples": "Examples", "rejects": "Rejects"},
    outputs={"statistics": "Statistics"},
    parameters=StatisticsGenParameters,
    execute=execute,
    late_imports=("tensorflow", "apache_beam"),
    libraries=("tensorflow-cpu", "tensorflow"),
    uses_beam=True,
)
