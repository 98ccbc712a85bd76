"""Checkpoints: a state comes back as it was saved, and older ones go."""

from pathlib import Path

import pytest

from model import checkpoints

STATE = {"step": 3, "history": [{"step": 3, "val_auc": None}], "sums": {"loss": 1.5}, "summed": 2, "examples": "e"}


class StubModel:
    """Its saved weights are a text."""

    def __init__(self, weights):
        self.weights = weights

    def save_weights(self, path):
        assert path.endswith(".weights.h5")  # as Keras demands
        Path(path).write_text(self.weights)


def test_there_is_no_state_before_the_first_save(tmp_path):
    assert checkpoints.load_state(str(tmp_path)) is None


def test_a_state_comes_back_as_it_was_saved_and_older_ones_go(tmp_path):
    for step, weights in ((3, "first"), (5, "second")):
        checkpoints.save_state(StubModel(weights), str(tmp_path), {**STATE, "step": step})
        state, path = checkpoints.load_state(str(tmp_path))
        assert state == {**STATE, "step": step} and Path(path).read_text() == weights
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"state-5.weights.h5", "state.json"}


def test_weights_are_written_whole_or_not_at_all(tmp_path):
    path = checkpoints.best_weights(str(tmp_path))
    checkpoints.save_weights(StubModel("old"), path)

    class Failing(StubModel):
        def save_weights(self, path):
            super().save_weights(path)
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        checkpoints.save_weights(Failing("new"), path)
    assert Path(path).read_text() == "old"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_files_are_strict_json(value, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        checkpoints.save_history(str(tmp_path), [{"step": 1, "loss": value}])
    with pytest.raises(ValueError, match="JSON"):
        checkpoints.save_state(StubModel("w"), str(tmp_path), {**STATE, "sums": {"loss": value}})
    assert not (tmp_path / "history.jsonl").exists() and checkpoints.load_state(str(tmp_path)) is None


def test_a_state_of_an_earlier_version_may_hold_nan(tmp_path):
    checkpoints.save_state(StubModel("w"), str(tmp_path), STATE)
    path = tmp_path / "checkpoints" / "state.json"
    path.write_text(path.read_text().replace('"val_auc": null', '"val_auc": NaN, "loss": Infinity'))
    state, _ = checkpoints.load_state(str(tmp_path))
    assert state["history"] == [{"step": 3, "val_auc": None, "loss": None}]
