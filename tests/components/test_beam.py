import os
import socket
import sys

import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from artifacts.errors import InputError
from components.beam import beam, check_engine, pipeline_options, threads_per_process

# What it needs on this machine is checked; these stand for Java and for the jar.
FLINK = ["--runner=FlinkRunner", f"--job_server_java_launcher={sys.executable}", f"--flink_job_server_jar={__file__}"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--direct_num_workers=2"],
        ["--runner="],
        ["--runner=DirectRunner"],
        ["--runner=directrunner"],
        ["--runner=apache_beam.runners.direct.direct_runner.DirectRunner"],
    ],
)
def test_no_runner_and_the_direct_runner_are_refused(arguments):
    with pytest.raises(InputError, match="name one, such as --runner=FnApiRunner. DirectRunner is refused"):
        pipeline_options(arguments)


def test_an_unknown_runner_is_refused():
    with pytest.raises(InputError, match="runner Nonsense: no such runner"):
        pipeline_options(["--runner=Nonsense"])


@pytest.mark.parametrize("stray", ["--framez=3", "--direct_num_worker=2", "stray"])
def test_arguments_that_nobody_knows_are_refused(stray):
    with pytest.raises(InputError, match=f"unknown arguments: {stray}"):
        pipeline_options(["--runner=FnApiRunner", stray])


@pytest.mark.parametrize("argument", ["--direct_running_mode=fast", "--direct_num_workers=many"])
def test_a_value_that_beam_refuses_is_one_line(argument, capsys):
    with pytest.raises(InputError) as caught:
        pipeline_options(["--runner=FnApiRunner", argument])
    assert argument.split("=")[0] in str(caught.value) and "\n" not in str(caught.value)
    assert capsys.readouterr().err == ""


def test_options_are_parsed():
    arguments = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=3"]
    options = pipeline_options([*arguments, "--default_sdk_harness_log_level=WARNING"])
    assert options.view_as(StandardOptions).runner == "FnApiRunner"
    direct = options.view_as(DirectOptions)
    assert (direct.direct_running_mode, direct.direct_num_workers) == ("multi_processing", 3)


@pytest.mark.parametrize(
    "arguments",
    [
        [*FLINK, "--flink_master=localhost:8081", "--an_option_of_the_job_server=1"],
        ["--runner=PortableRunner", "--job_endpoint=localhost:8099", "--environment_type=LOOPBACK"],
    ],
)
def test_other_engines_may_have_options_of_their_own(arguments):
    runner = arguments[0].removeprefix("--runner=")
    assert pipeline_options(arguments).view_as(StandardOptions).runner == runner


def test_a_job_server_that_does_not_answer_is_named():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        arguments = ["--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{port}", "--environment_type=LOOPBACK"]
        check_engine(arguments)
    with pytest.raises(InputError, match=rf"cannot reach 127\.0\.0\.1:{port} \(Connection refused\)"):
        check_engine(arguments)
    check_engine([arguments[0], "--job_endpoint=embed"])


@pytest.mark.parametrize(
    "arguments, threads",
    [
        (["--runner=FnApiRunner", "--direct_running_mode=in_memory"], None),
        (["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"], 3),
        (["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=9"], 1),
        (["--runner=PortableRunner", "--job_endpoint=localhost:8099", "--environment_type=EXTERNAL"], 1),
        ([*FLINK, "--flink_master=localhost:8081"], 1),
    ],
)
def test_processes_share_the_cores(arguments, threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(6)))
    assert threads_per_process(pipeline_options(arguments)) == threads


def test_what_the_user_can_mend_comes_without_beam_s_traces(caplog, capfd):
    def refuse(element):
        raise InputError("a.mp4: is no video")

    options = pipeline_options(("--runner=FnApiRunner", "--direct_running_mode=in_memory"))
    with pytest.raises(Exception, match="is no video"), beam.Pipeline(options=options) as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(refuse)
    assert "Traceback" not in caplog.text and "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_pipeline_runs_with_them(tmp_path):
    options = pipeline_options(("--runner=FnApiRunner", "--direct_running_mode=in_memory"))
    with beam.Pipeline(options=options) as pipeline:
        squares = pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda x: x * x) | beam.combiners.ToList()
        _ = squares | beam.Map(sorted) | beam.io.WriteToText(str(tmp_path / "out"))
    (path,) = tmp_path.glob("out*")
    assert path.read_text() == "[1, 4, 9]\n"
