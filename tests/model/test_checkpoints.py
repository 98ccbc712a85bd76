"""Checkpoints: a state comes back as it was saved, and older ones go."""

import json
import os
from pathlib import Path

import h5py
import pytest

from artifacts.errors import InputError
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
    for step, weights in ((3, "first"), (5, "second"), (10, "third")):
        checkpoints.save_state(StubModel(weights), str(tmp_path), {**STATE, "step": step})
        state, path = checkpoints.load_state(str(tmp_path))
        assert state == {**STATE, "step": step} and Path(path).read_text() == weights
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"state-5.weights.h5", "state-5.json", "state-10.weights.h5", "state-10.json"}


def _cut(path):
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])


def _flip(path):
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


DAMAGES = {
    "state-10.weights.h5": (_cut, _flip, Path.unlink),
    "state-10.json": (_cut, lambda path: path.write_text(""), lambda path: path.write_text('{"step": 10}'),
                      lambda path: path.write_text(path.read_text().replace('"step": ', '"step": 0.')),
                      lambda path: path.write_text(path.read_text().replace("1.5", "null")),
                      lambda path: path.write_text(path.read_text().replace('[{', '[7, {')),
                      lambda path: path.write_text("[" * 100_000), lambda path: path.write_bytes(b"\xff\xfe")),
}  # fmt: skip


@pytest.mark.parametrize("name, damage", [(name, damage) for name in DAMAGES for damage in DAMAGES[name]])
def test_the_newest_whole_state_is_taken_and_a_damaged_one_named(name, damage, tmp_path, capsys):
    for step in (5, 10):
        checkpoints.save_state(StubModel(f"w{step}"), str(tmp_path), {**STATE, "step": step})
    damage(tmp_path / "checkpoints" / name)
    state, weights = checkpoints.load_state(str(tmp_path))
    assert (state["step"], Path(weights).read_text()) == (5, "w5")
    printed = capsys.readouterr().out
    assert f"/{name}: " in printed and "going on from the state of step 5" in printed and printed.count("\n") == 1
    damage(tmp_path / "checkpoints" / name.replace("10", "5"))
    with pytest.raises(InputError, match=r"state-10.*\n.*state-5.*\n.*Delete this folder to train from the start"):
        checkpoints.load_state(str(tmp_path))


def test_states_are_on_the_disk_before_older_ones_go(tmp_path, monkeypatch):
    happened = []
    for name in ("fsync", "replace", "remove"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, name=name, real=real: (happened.append((name, _named(given[-1]))), real(*given))[1]
        )
    for step in (1, 2, 3):
        happened.clear()
        checkpoints.save_state(StubModel("w"), str(tmp_path), {**STATE, "step": step})
    of_state = [what for what in happened if what[0] != "remove" or "partial" not in what[1]]
    assert [what for what, _ in of_state] == ["fsync", "replace", "fsync"] * 2 + ["remove"] * 2
    assert [name for what, name in of_state if what == "replace"] == ["state-3.weights.h5", "state-3.json"]
    assert [name for what, name in of_state[2::3][:2]] == ["checkpoints"] * 2


def _named(file):
    return os.path.basename(os.readlink(f"/proc/self/fd/{file}") if isinstance(file, int) else file)


def test_the_state_of_an_earlier_version_is_read(tmp_path, capsys):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    with h5py.File(folder / "state-3.weights.h5", "w") as file:
        file["a"] = [1.0] * 1000
    (folder / "state.json").write_text(json.dumps({**STATE, "weights": "state-3.weights.h5"}))
    assert checkpoints.load_state(str(tmp_path)) == (STATE, str(folder / "state-3.weights.h5"))
    whole = (folder / "state-3.weights.h5").read_bytes()
    (folder / "state-3.weights.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"state-3\.weights\.h5: damaged"):
        checkpoints.load_state(str(tmp_path))
    (folder / "state-3.weights.h5").write_bytes(whole)
    (folder / "state.json").write_text("")
    with pytest.raises(InputError, match=r"state\.json: a damaged training state"):
        checkpoints.load_state(str(tmp_path))


def test_weights_are_written_whole_or_not_at_all(tmp_path):
    path = checkpoints.best_weights(str(tmp_path))
    checkpoints.save_weights(StubModel("old"), path)

    class Failing(StubModel):
        def save_weights(self, path):
            super().save_weights(path)
            raise OSError("no space left")

    with pytest.raises(InputError, match="best.weights.h5: cannot be written"):
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
    path = tmp_path / "checkpoints" / "state-3.json"
    path.write_text(path.read_text().replace('"val_auc": null', '"val_auc": NaN, "loss": Infinity'))
    state, _ = checkpoints.load_state(str(tmp_path))
    assert state["history"] == [{"step": 3, "val_auc": None, "loss": None}]
