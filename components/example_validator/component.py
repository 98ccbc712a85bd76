"""ExampleValidator: its spec and parameters."""

from pydantic import Field

from artifacts.digests import file_digest
from artifacts.errors import InputError
from commands.parameters import Parameters
from components.base import Component, Context
from components.example_validator.schema import DEFAULT_SCHEMA


class ExampleValidatorParameters(Parameters):
    """Parameters of ExampleValidator."""

    schema_file: str | None = Field(None, description="Reviewed schema (JSON); the packaged one by default.")


def _schema_digest(parameters: ExampleValidatorParameters) -> str:
    path = parameters.schema_file or DEFAULT_SCHEMA
    try:
        return file_digest(path)
    except OSError as error:
        raise InputError(
            f"components.ExampleValidator.schema_file: {path}: cannot be read ({error.strerror})"
        ) from error


def execute(context: Context) -> dict[str, int]:
    """Check the statistics against the schema; see `components.example_validator.executor`."""
    from components.example_validator import executor

    return executor.execute(context)


COMPONENT = Component(
    name="ExampleValidator",
    module="components.example_validator.component",
    summary="Check the statistics against a reviewed schema; an error stops the run before training.",
    inputs={"statistics": "Statistics"},
    outputs={"anomalies": "Anomalies"},
    parameters=ExampleValidatorParameters,
    execute=execute,
    sources=_schema_digest,
)
