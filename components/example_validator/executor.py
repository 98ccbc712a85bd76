"""ExampleValidator: its executor."""

import os
from dataclasses import asdict

from artifacts.errors import InputError
from artifacts.layout import ANOMALIES, STATISTICS
from artifacts.regular_files import read_json
from artifacts.statistics import Statistics
from artifacts.words import counted
from artifacts.writing import write_json
from components.base import Context
from components.example_validator.checks import find_anomalies
from components.example_validator.component import ExampleValidatorParameters
from components.example_validator.schema import DEFAULT_SCHEMA, load_schema


def execute(context: Context) -> dict[str, int]:
    """Write and print the anomalies; return the number of warnings.

    Raises:
        InputError: there is an anomaly of severity "error", or a file that cannot be read.
    """
    parameters: ExampleValidatorParameters = context.parameters
    schema = load_schema(parameters.schema_file or DEFAULT_SCHEMA)
    anomalies = find_anomalies(_read_statistics(context.inputs["statistics"]), schema)
    write_json(
        os.path.join(context.outputs["anomalies"], ANOMALIES),
        {"schema": schema.model_dump(), "anomalies": [asdict(anomaly) for anomaly in anomalies]},
    )
    for anomaly in anomalies:
        print(f"{anomaly.severity}: {anomaly.where}: {anomaly.what}. {anomaly.cure}")
    errors = [anomaly for anomaly in anomalies if anomaly.severity == "error"]
    if errors:
        first = errors[0]
        raise InputError(
            f"the data has {counted(len(errors), 'error')} against {parameters.schema_file or 'the packaged schema'}, "
            f"so no model is trained on it. The first: {first.where}: {first.what}. {first.cure}"
        )
    return {"warnings": len(anomalies)}


def _read_statistics(folder: str) -> Statistics:
    path = os.path.join(folder, STATISTICS)
    statistics: Statistics = read_json(path, "StatisticsGen writes it", max_bytes=1 << 30)
    return statistics
