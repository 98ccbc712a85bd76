"""What the FlinkRunner needs on this machine: Java, and the jar of its job server."""

import logging
import os
import shutil
import sys

from apache_beam.options.pipeline_options import FlinkRunnerOptions, JobServerOptions, PipelineOptions
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from artifacts.errors import InputError

LONGEST = 100  # characters of a library's reason


def check_flink(options: PipelineOptions, fetch: bool = True) -> None:
    """Refuse options with which the FlinkRunner cannot start; the jar, if none is given, is fetched as Beam would.

    Args:
        options: of the pipeline.
        fetch: False says what would be fetched, on standard error, and fetches nothing.

    Raises:
        InputError: Java or the jar is missing; says what to install or to give.
    """
    flink = options.view_as(FlinkRunnerOptions)
    java = options.view_as(JobServerOptions).job_server_java_launcher or "java"
    if not flink.flink_submit_uber_jar and shutil.which(java) is None:
        raise InputError(
            f"beam: runner FlinkRunner: {java}: no such program. Its job server runs in Java: install Java 11 or 17, "
            "or give --job_server_java_launcher, or --flink_submit_uber_jar with --flink_master=http://..."
        )
    jar = flink.flink_job_server_jar
    if jar and "://" not in jar and not os.path.isfile(jar):
        raise InputError(f"beam: --flink_job_server_jar={jar}: no such file. Give the jar of Beam's Flink job server")
    if not jar:
        _find_jar(FlinkJarJobServer(options).path_to_jar(), fetch)


def _find_jar(address: str, fetch: bool) -> None:
    """Take the job server's jar from Beam's cache, or else fetch it from an address into that."""
    name = os.path.basename(address)
    if not fetch:
        if not os.path.exists(address) and not os.path.exists(os.path.join(JavaJarServer.JAR_CACHE, name)):
            print(f"note: the run would fetch {address}, unless --flink_job_server_jar=FILE is given", file=sys.stderr)
        return
    log = logging.getLogger("apache_beam.utils.subprocess_server")
    level = log.level
    log.setLevel(logging.ERROR)  # it would warn of each mirror in a dozen lines
    try:
        JavaJarServer.local_jar(address)
    except Exception as error:  # Beam and urllib have many, and all mean that there is no jar
        raise InputError(
            f"beam: runner FlinkRunner: its job server {name} cannot be fetched. Give --flink_job_server_jar=FILE; "
            f"it is at {address} ({_cause(error)})"
        ) from error
    finally:
        log.setLevel(level)


def _cause(error: Exception) -> str:
    """What lies below Beam's sentences, in a few words."""
    while isinstance(error.__context__, Exception):
        error = error.__context__
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
