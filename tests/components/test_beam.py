import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from artifacts.errors import InputError
from components.beam import beam, pipeline_options


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


def test_options_are_parsed():
    arguments = ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=3"]
    options = pipeline_options([*arguments, "--default_sdk_harness_log_level=WARNING"])
    assert options.view_as(StandardOptions).runner == "FnApiRunner"
    direct = options.view_as(DirectOptions)
    assert (direct.direct_running_mode, direct.direct_num_workers) == ("multi_processing", 3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--runner=FlinkRunner", "--flink_master=localhost:8081", "--an_option_of_the_job_server=1"],
        ["--runner=PortableRunner", "--job_endpoint=localhost:8099", "--environment_type=LOOPBACK"],
    ],
)
def test_other_engines_may_have_options_of_their_own(arguments):
    runner = arguments[0].removeprefix("--runner=")
    assert pipeline_options(arguments).view_as(StandardOptions).runner == runner


@pytest.mark.slow
def test_a_pipeline_runs_with_them(tmp_path):
    options = pipeline_options(("--runner=FnApiRunner", "--direct_running_mode=in_memory"))
    with beam.Pipeline(options=options) as pipeline:
        squares = pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda x: x * x) | beam.combiners.ToList()
        _ = squares | beam.Map(sorted) | beam.io.WriteToText(str(tmp_path / "out"))
    (path,) = tmp_path.glob("out*")
    assert path.read_text() == "[1, 4, 9]\n"
