"""Progress that other processes make, and that a loop makes."""

import sys

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


def test_a_bar_counts_and_a_line_stands_above(capsys):
    for _ in progress.bar(range(3), desc="files", unit="file"):
        progress.print_above("one is done", sys.stdout)
    shown = capsys.readouterr()
    assert "files" in shown.err and "3/3" in shown.err and shown.out.count("one is done\n") == 3


def test_a_log_gets_fewer_lines_than_a_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert progress.interval(0.5) == 0.5
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert progress.interval(0.5) == progress.LOG_INTERVAL
