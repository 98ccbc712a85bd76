"""ExampleValidator: the spec."""

import hashlib
import os

from pydantic import Field, ValidationError

from artifacts.errors import InputError
from commands.parameters import Parameters
from components.base import Component, Context
from components.example_validator.checks import Schema

DEFAULT_SCHEMA = os.path.join(os.path.dirname(__file__), "schema.json")


class ExampleValidatorParameters(Parameters):
    """Parameters of ExampleValidator."""

    schema_file: str | None = Field(None, description="Reviewed schema (JSON); the packaged one by default.")


def load_schema(path):
    """Read a schema file.

    Raises:
        InputError: it cannot be read, or a field of it is wrong; names file and field.
    """
    try:
        with open(path) as stream:
            return Schema.model_validate_json(stream.read())
    except OSError as error:
        raise InputError(f"schema_file: {path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        raise InputError(f"{path}: {field}: {problem['msg']}. The packaged example is {DEFAULT_SCHEMA}") from error


def _schema_digest(parameters):
    path = parameters.schema_file or DEFAULT_SCHEMA
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"components.ExampleValidator.schema_file: {path}: cannot be read ({error.strerror})"
        ) from error


def execute(context: Context) -> dict | None:
    """Hold the statistics against the schema; see `components.example_validator.executor`."""
    from components.example_validator import executor  # imports nothing before it runs

    return executor.execute(context)


COMPONENT = Component(
    name="ExampleValidator",
    module="components.example_validator.component",
    summary="Hold the statistics against a reviewed schema; an error stops the run before training.",
    inputs={"statistics": "Statistics"},
    outputs={"anomalies": "Anomalies"},
    parameters=ExampleValidatorParameters,
    execute=execute,
    sources=_schema_digest,
)
