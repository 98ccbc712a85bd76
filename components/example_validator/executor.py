"""ExampleValidator: the executor."""

import json
import os
from dataclasses import asdict

from artifacts.errors import InputError
from components.base import Context
from components.example_validator.checks import find_anomalies
from components.example_validator.component import DEFAULT_SCHEMA, load_schema


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
