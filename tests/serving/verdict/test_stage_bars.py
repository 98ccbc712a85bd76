"""What is shown while it goes on: bars on a terminal, little in a log, nothing when quiet."""

import contextlib
import io
import sys
import time

import pytest

from commands import progress
from serving.verdict.stage_bars import StageBars


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, files, **options):
    """What goes to standard error during the work on some files, and to standard output."""
    monkeypatch.setattr(sys, "stderr", stream)
    rows = io.StringIO()
    with contextlib.closing(StageBars(files, **options)) as bars:
        for number in range(files):
            bars.stage("finding faces", 3, 8)
            bars.print(f"row {number}", rows)
            bars.file_done()
    return stream.getvalue(), rows.getvalue()


def test_on_a_terminal_there_is_a_bar_for_the_stage_and_one_for_the_files(monkeypatch):
    bars, rows = shown(monkeypatch, Terminal(), 2)
    assert "finding faces" in bars and " 3/8" in bars and "0/2" in bars
    assert rows == "row 0\nrow 1\n"


def test_for_one_file_the_stage_is_enough(monkeypatch):
    bars, _ = shown(monkeypatch, Terminal(), 1)
    assert "finding faces" in bars and "files" not in bars


@pytest.mark.parametrize("stream, files, options", [(Terminal(), 3, {"quiet": True}), (io.StringIO(), 1, {})])
def test_where_nothing_is_shown(stream, files, options, monkeypatch):
    bars, rows = shown(monkeypatch, stream, files, **options)
    assert bars == "" and rows.count("row") == files


def test_a_log_gets_little(monkeypatch):
    bars, _ = shown(monkeypatch, io.StringIO(), 40)
    assert "finding faces" not in bars and bars.count("/40") <= 3


def test_a_log_gets_the_stages_of_a_single_file_that_takes_long(monkeypatch):
    monkeypatch.setattr(progress, "NOTICED", -1.0)
    bars, _ = shown(monkeypatch, io.StringIO(), 1)
    assert "finding faces: 3/8\n" in bars and "\r" not in bars


def test_on_a_terminal_something_moves_while_a_stage_takes_long(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with contextlib.closing(StageBars(1)) as bars:
        bars.stage("judging", 0, 32)
        deadline = time.monotonic() + 30
        while "0/32  00:01" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "0/32  00:01" in stream.getvalue()
        bars.stage("drawing", 0, 2)
        assert stream.getvalue().rstrip().endswith("0/2  00:00"), "each stage has its own time"
