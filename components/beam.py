"""Apache Beam, and its options from command line arguments with the runner always named."""

import argparse
import logging
from collections.abc import Sequence

# Logged by apache_beam whenever its optional Google Cloud client is not installed, which does not matter here.
logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())

import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions  # noqa: E402
from apache_beam.runners.runner import create_runner  # noqa: E402

from artifacts.errors import InputError  # noqa: E402

__all__ = ["DirectOptions", "PipelineOptions", "beam", "pipeline_options"]


def pipeline_options(beam_args: Sequence[str]) -> PipelineOptions:
    """Parse Beam's arguments.

    Raises:
        InputError: no runner, DirectRunner or an unknown runner is named, or FnApiRunner gets an unknown argument.
    """
    options = PipelineOptions(list(beam_args))
    runner = options.view_as(StandardOptions).runner
    if not runner or runner.split(".")[-1].lower() == "directrunner":
        raise InputError(
            f"beam: runner {runner or 'not given'}: name one, such as --runner=FnApiRunner. DirectRunner is refused: "
            "it picks another engine from machine to machine and downloads one where it can"
        )
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError) as error:
        raise InputError(f"beam: runner {runner}: no such runner ({error})") from error
    if runner.split(".")[-1].lower() == "fnapirunner":  # other engines have options that only they know
        unknown = _unknown(beam_args)
        if unknown:
            raise InputError(f"beam: unknown arguments: {' '.join(unknown)}; --help lists this component's own")
    return options


def _unknown(beam_args: Sequence[str]) -> list[str]:
    """Arguments that neither Beam nor any of its modules loaded so far knows; Beam itself would only log them."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in dict.fromkeys(PipelineOptions.__subclasses__()):
        if options.__module__.startswith("apache_beam."):
            options._add_argparse_args(parser)
    return parser.parse_known_args(list(beam_args))[1]
