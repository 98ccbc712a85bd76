"""Apache Beam, and its options from command line arguments with the runner always named."""

import logging

# Said by apache_beam whenever its optional Google Cloud client is not installed, which concerns nobody here.
logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())

import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions  # noqa: E402

from components.base import InputError  # noqa: E402

__all__ = ["beam", "pipeline_options"]


def pipeline_options(beam_args):
    """Parse Beam's arguments.

    Raises:
        InputError: no runner, or DirectRunner, is named.
    """
    options = PipelineOptions(list(beam_args))
    runner = options.view_as(StandardOptions).runner
    if not runner or runner.split(".")[-1] == "DirectRunner":
        raise InputError(
            f"beam: runner {runner or 'not given'}: name one, such as --runner=FnApiRunner. DirectRunner is refused: it "
            "picks another engine from machine to machine and downloads one where it can"
        )
    return options
