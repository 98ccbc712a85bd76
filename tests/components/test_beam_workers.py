"""What worker processes print goes to a file whose place is told, and Ctrl-C is one line."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, time
from commands.signals import stoppable
from components.beam import beam, pipeline_options, running

def act(element):
    print("a worker's line")
    if os.environ["WHAT"] == "fail":
        raise RuntimeError("a worker's failure")
    open(os.environ["MARKER"], "w").close()
    if os.environ["WHAT"] == "wait":
        time.sleep(100)

def body():
    options = pipeline_options(
        ["--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    )
    with running(options) as pipeline:
        _ = pipeline | beam.Create([1, 2]) | beam.Map(act)
    return 0
"""
pytestmark = pytest.mark.slow  # it starts worker processes


@pytest.fixture
def start(tmp_path):
    """start(what) runs the program above; returns the process and the file that it makes."""
    # A module, so that the workers find the function.
    (tmp_path / "program_of_test.py").write_text(PROGRAM)
    line = "import sys, program_of_test as program; sys.exit(program.stoppable(program.body))"
    marker = tmp_path / "acted"
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "TMPDIR": str(tmp_path),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MARKER": str(marker),
    }

    def start(what):
        process = subprocess.Popen(
            [sys.executable, "-c", line],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"WHAT": what},
            start_new_session=True,
        )
        return process, marker

    return start


def _log(told):
    found = re.match(r"2 worker processes; their log: (\S+)\n", told)
    assert found, told
    return Path(found[1])


def test_a_run_prints_one_line_and_leaves_no_log(start):
    process, _ = start("go")
    out, told = process.communicate(timeout=300)
    assert process.returncode == 0 and out == "", told
    assert told.count("\n") == 1 and not _log(told).exists()


def test_the_log_of_a_failure_is_kept(start):
    process, _ = start("fail")
    _, told = process.communicate(timeout=300)
    log = _log(told).read_text()
    assert process.returncode == 1 and "a worker's line" in log and "a worker's failure" in log


def test_ctrl_c_is_one_line(start):
    process, marker = start("wait")
    deadline = time.monotonic() + 300
    while not marker.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130
    lines = [line for line in told.splitlines()[1:] if line != "stopping ..."]  # where it takes a moment
    assert lines == ["stopped by SIGINT; the same command continues from here"]
    assert _log(told).exists()
