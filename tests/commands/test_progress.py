import pytest

from commands import progress


def test_shows_what_the_count_says_in_the_end(capsys):
    state = [0, {"faces": 0}]
    with progress.shown(lambda: state, 40, desc="predicting", unit="file"):
        state[:] = 30, {"faces": 7}
    shown = capsys.readouterr().err
    assert "predicting" in shown and "30/40" in shown and "faces=7" in shown


def test_an_error_goes_through(capsys):
    with pytest.raises(KeyError), progress.shown(lambda: (1, {}), 2):
        raise KeyError
    assert "1/2" in capsys.readouterr().err
