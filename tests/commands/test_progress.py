"""Progress that other processes make, and that a loop makes."""

import io
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands import progress


def test_shows_what_the_count_says_in_the_end(capsys):
    state = [0, {"faces": 0}]
    with progress.watched(lambda: state, 40, desc="predicting", unit="file"):
        state[:] = 30, {"faces": 7}
    shown = capsys.readouterr().err
    assert "predicting" in shown and "30/40" in shown and "faces=7" in shown


def test_an_error_goes_through(capsys):
    with pytest.raises(KeyError), progress.watched(lambda: (1, {}), 2):
        raise KeyError
    assert "1/2" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def hasty(monkeypatch):
    """What goes to standard error, a log in which lines follow one another quickly."""
    monkeypatch.setattr(progress, "NOTICED", 0.02)
    monkeypatch.setattr(progress, "LOG_INTERVAL", 0.05)
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    return log


def test_a_bar_counts_and_a_line_stands_above(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for _ in progress.bar(range(3), desc="files", unit="file"):
        progress.print_above("one is done", sys.stdout)
    shown = capsys.readouterr()
    assert "files" in shown.err and "3/3" in shown.err and shown.out.count("one is done\n") == 3


def test_a_log_gets_fewer_lines_than_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert progress.interval(0.5) == 0.5
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert progress.interval(0.5) == progress.LOG_INTERVAL


def test_a_log_gets_whole_lines(monkeypatch):
    log = hasty(monkeypatch)
    for _ in progress.bar(range(4), desc="files", unit="file"):
        time.sleep(0.04)
    lines = log.getvalue().splitlines()
    assert len(lines) >= 2 and "\r" not in log.getvalue() and "|" not in lines[0]
    assert lines[0].startswith("files: ") and "4/4" in lines[-1]


def test_what_is_quickly_done_is_not_worth_a_line(monkeypatch):
    monkeypatch.setattr(sys, "stderr", log := io.StringIO())
    for _ in progress.bar(range(3), desc="files"):
        pass
    with progress.busy("loading the model"):
        pass
    assert log.getvalue() == ""


def test_work_of_unknown_length_says_how_long_it_goes_on(monkeypatch):
    log = hasty(monkeypatch)
    with progress.busy("loading the model"):
        time.sleep(0.2)
    assert log.getvalue().startswith("loading the model: 00:00\n")


def test_on_a_terminal_busy_work_leaves_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress.busy("writing the report"):
        pass
    shown = terminal.getvalue()
    assert "writing the report: 00:00" in shown and not shown.rstrip("\r").split("\r")[-1].strip()


def test_until_something_is_done_it_says_what_goes_on(monkeypatch):
    log = hasty(monkeypatch)
    state = [0]
    with progress.watched(lambda: (state[0], {}), 4, "starting workers", desc="counting", unit="face"):
        time.sleep(0.1)
        state[0] = 4
    lines = log.getvalue().splitlines()
    assert lines[0].startswith("starting workers: ") and lines[-1].startswith("counting: 100% 4/4")


def test_busy_work_ticks_although_standard_error_is_hidden_meanwhile(monkeypatch, tmp_path):
    """As while TensorFlow is imported."""
    with open(tmp_path / "terminal", "w") as file:
        terminal = SimpleNamespace(
            isatty=lambda: True, fileno=file.fileno, write=file.write, flush=file.flush, encoding="utf-8"
        )
        monkeypatch.setattr(sys, "stderr", terminal)
        kept = os.dup(file.fileno())
        with open(os.devnull, "w") as nowhere, progress.busy("loading"):
            os.dup2(nowhere.fileno(), file.fileno())
            deadline = time.monotonic() + 30
            while "loading: 00:01" not in (shown := Path(file.name).read_text()) and time.monotonic() < deadline:
                time.sleep(0.1)
        os.dup2(kept, file.fileno())
        os.close(kept)
    assert "loading: 00:01" in shown
