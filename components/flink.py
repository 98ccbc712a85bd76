"""What the FlinkRunner needs on this machine: Java, and the jar of its job server."""

import os
import shutil

from apache_beam.options.pipeline_options import FlinkRunnerOptions, JobServerOptions, PipelineOptions
from apache_beam.runners.portability.flink_runner import FlinkJarJobServer
from apache_beam.utils.subprocess_server import JavaJarServer

from artifacts.errors import InputError


def check_flink(options: PipelineOptions) -> None:
    """Refuse options with which the FlinkRunner cannot start; the jar, if none is given, is fetched as Beam would.

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
        address = FlinkJarJobServer(options).path_to_jar()
        try:
            JavaJarServer.local_jar(address)
        except Exception as error:  # Beam and urllib have many, and all mean that there is no jar
            name = os.path.basename(address)
            raise InputError(
                f"beam: runner FlinkRunner: its job server {name} cannot be fetched ({_first_line(error)}). "
                "Give --flink_job_server_jar=FILE"
            ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
