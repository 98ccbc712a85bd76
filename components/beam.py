"""Apache Beam, and its options from command line arguments with the runner always named."""

import argparse
import contextlib
import io
import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence

# Logged by apache_beam whenever its optional Google Cloud client is not installed, which does not matter here.
logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())

import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import (  # noqa: E402
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.runners.runner import create_runner  # noqa: E402

from artifacts.errors import InputError  # noqa: E402
from commands.parser import nearest  # noqa: E402
from components.beam_workers import worker_log  # noqa: E402

ENDPOINT_SECONDS = 5.0  # for a job server to answer


def _is_news(record: logging.LogRecord) -> bool:
    """False for what says nothing: Beam's traces of an `InputError`, and its warning that it keeps no state on disk."""
    error = record.exc_info[1] if record.exc_info else None
    message = record.getMessage()
    idle = f"{InputError.__name__}: " in message or "semi_persistent_directory" in message
    return not isinstance(error, InputError) and not idle


for _name in (
    "apache_beam.runners.common",
    "apache_beam.runners.worker.sdk_worker",
    "apache_beam.runners.portability.local_job_service",
    "apache_beam.runners.portability.fn_api_runner.fn_runner",
    "apache_beam.runners.portability.fn_api_runner.worker_handlers",
    "apache_beam.runners.portability.portable_runner",
):
    logging.getLogger(_name).addFilter(_is_news)

__all__ = [
    "DirectOptions",
    "PipelineOptions",
    "beam",
    "check_engine",
    "pipeline_options",
    "running",
    "starting",
    "threads_per_process",
]

if sys.argv[:1] == ["-c"] and "apache_beam.runners.worker.sdk_worker" in " ".join(sys.orig_argv):
    # A worker of Beam's own pool (`worker_pool_main`). Its standard output is a pipe that nobody reads: after 64 KiB of
    # it, which TensorFlow and FFmpeg can print, too, it would hang for ever. Standard error is the pool's.
    os.dup2(2, 1)


def check_engine(beam_args: Sequence[str], fetch: bool = True) -> None:
    """Refuse, before anything is read, arguments that are wrong and an engine that cannot be reached.

    Args:
        beam_args: Beam's arguments.
        fetch: False fetches nothing that the engine needs.

    Raises:
        InputError: as `pipeline_options`; or nobody answers at `--job_endpoint`.
    """
    endpoint = pipeline_options(beam_args, fetch).view_as(PortableOptions).job_endpoint
    host, _, port = (endpoint or "").rpartition(":")
    if not host or not port.isdigit():  # none, or "embed"
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), ENDPOINT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"beam: --job_endpoint={endpoint}: cannot reach {endpoint} ({reason}). Start the job server there, or give "
            "another address"
        ) from error


def pipeline_options(beam_args: Sequence[str], fetch: bool = True) -> PipelineOptions:
    """Parse Beam's arguments.

    Args:
        beam_args: Beam's arguments.
        fetch: False fetches nothing that the engine needs.

    Raises:
        InputError: a value that Beam refuses; no runner, DirectRunner or an unknown one; an argument that FnApiRunner
            does not know, or that is a misspelt one of Beam's; FlinkRunner without Java or its jar.
    """
    options = PipelineOptions(list(beam_args))
    _check_values(options)
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
    _check_names(beam_args, _is_local(options))
    if runner.split(".")[-1].lower() == "flinkrunner":
        from components.flink import check_flink  # imports parts of Beam that other engines do not need

        check_flink(options, fetch)
    return options


def _check_values(options: PipelineOptions) -> None:
    """Refuse a value that Beam refuses, without the two hundred lines of its usage."""
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            options.get_all_options()
    except SystemExit as error:
        reason = (told.getvalue().splitlines() or ["an argument is wrong"])[-1]
        raise InputError(f"beam: {reason.partition('error: ')[2] or reason}") from error


@contextlib.contextmanager
def running(options: PipelineOptions) -> Iterator[beam.Pipeline]:
    """Give a pipeline to build in the body, and run it at its end; what worker processes print goes to a file."""
    with worker_log(_processes(options)), beam.Pipeline(options=options) as pipeline:
        yield pipeline


def starting(options: PipelineOptions) -> str:
    """Return what to show until a worker has done something; nothing where the work begins at once."""
    return "starting workers" if _processes(options) else ""


def _processes(options: PipelineOptions) -> int:
    """Return how many worker processes Beam starts on this machine."""
    direct = options.view_as(DirectOptions)
    if not _is_local(options) or direct.direct_running_mode != "multi_processing":
        return 0
    return direct.direct_num_workers or os.cpu_count() or 1


def _is_local(options: PipelineOptions) -> bool:
    return (options.view_as(StandardOptions).runner or "").split(".")[-1].lower() == "fnapirunner"


def threads_per_process(options: PipelineOptions) -> int | None:
    """Return how many threads a process may use so that Beam's processes share the cores.

    Returns:
        None, for all cores, where everything runs in this process; 1 on a cluster, where an engine starts a worker for
        each core.
    """
    if not _is_local(options):
        return 1
    processes = _processes(options)
    return max(1, len(os.sched_getaffinity(0)) // processes) if processes else None


def _check_names(beam_args: Sequence[str], is_local: bool) -> None:
    """Refuse arguments that neither Beam nor any of its modules loaded so far knows; Beam itself would only log them.

    Args:
        beam_args: Beam's arguments.
        is_local: no other engine could know them; otherwise only those are refused that look like a misspelt one.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in dict.fromkeys(PipelineOptions.__subclasses__()):
        if options.__module__.startswith("apache_beam."):
            options._add_argparse_args(parser)
    unknown = parser.parse_known_args(list(beam_args))[1]
    for argument in unknown:
        name = argument.partition("=")[0]
        near = nearest(name, parser._option_string_actions, 0.85) if name.startswith("--") else None
        if near:
            raise InputError(f"beam: unknown arguments: {argument}; did you mean {near}?")
    if is_local and unknown:
        raise InputError(f"beam: unknown arguments: {' '.join(unknown)}; --help lists this component's own")
