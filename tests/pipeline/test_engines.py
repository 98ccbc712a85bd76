import pytest

from artifacts.errors import InputError
from components.beam import pipeline_options
from pipeline.config_schema import Engine
from pipeline.engines import beam_args


def test_in_process():
    assert beam_args(Engine()) == ("--runner=FnApiRunner", "--direct_running_mode=in_memory")


def test_multi_process():
    arguments = beam_args(Engine(runner="multi_process", workers=3))
    assert arguments[:3] == ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=3")


def test_beam_gets_its_own_arguments():
    given = ("--runner=FlinkRunner", "--flink_master=localhost:8081")
    assert beam_args(Engine(runner="beam", beam_args=given)) == given


@pytest.mark.parametrize("engine", [Engine(), Engine(runner="multi_process", workers=2)])
def test_beam_understands_every_argument(engine):
    options = pipeline_options(beam_args(engine)).get_all_options(drop_default=True)
    mode = "multi_processing" if engine.runner == "multi_process" else "in_memory"
    assert options["runner"] == "FnApiRunner" and options.get("direct_running_mode", "in_memory") == mode
    assert options.get("direct_num_workers", 1) == engine.workers


def test_beam_without_a_runner_is_refused():
    for arguments in ((), ("--runner=DirectRunner",)):
        with pytest.raises(InputError, match="name one, such as --runner=FnApiRunner"):
            pipeline_options(arguments)
