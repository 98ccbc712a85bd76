"""ExampleValidator: the spec and its executor."""

import hashlib
import json
import os
from dataclasses import asdict

from pydantic import Field, ValidationError

from components.base import Component, Context, InputError, Parameters
from components.example_validator.checks import Schema, find_anomalies

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


def execute(context: Context):
    """Write `anomalies.json` and print the anomalies.

    Raises:
        InputError: there is an anomaly of severity "error", or a file that cannot be read.
    """
    path = context.parameters.schema_file or DEFAULT_SCHEMA
    schema = load_schema(path)
    statistics_path = os.path.join(context.inputs["statistics"], "statistics.json")
    try:
        with open(statistics_path) as stream:
            statistics = json.load(stream)
    except (OSError, ValueError) as error:
        raise InputError(f"{statistics_path}: cannot be read ({error}); StatisticsGen writes it") from error
    anomalies = find_anomalies(statistics, schema)
    with open(os.path.join(context.outputs["anomalies"], "anomalies.json"), "w") as stream:
        json.dump(
            {"schema": schema.model_dump(), "anomalies": [asdict(anomaly) for anomaly in anomalies]}, stream, indent=1
        )
    for anomaly in anomalies:
        print(f"{anomaly.severity}: {anomaly.where}: {anomaly.what}. {anomaly.cure}")
    errors = [anomaly for anomaly in anomalies if anomaly.severity == "error"]
    if errors:
        first = errors[0]
        raise InputError(
            f"the data has {len(errors)} error(s) against the schema {path}, so no model is trained on it. "
            f"The first: {first.where}: {first.what}. {first.cure}"
        )
    return {"warnings": len(anomalies)}


def _schema_digest(parameters):
    path = parameters.schema_file or DEFAULT_SCHEMA
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"components.ExampleValidator.schema_file: {path}: cannot be read ({error.strerror})"
        ) from error


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
