"""Validation as a callback: it keeps the best weights and saves the state on a signal; the history misses no step."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from commands.signals import StopSignals
from model import callbacks, checkpoints, scoring
from model.validation import criterion


class StubModel:
    """What `Validation` needs of a model; its saved weights are the step they were saved at."""

    def __init__(self):
        self.optimizer = SimpleNamespace(learning_rate=0.1)
        self.step = 0
        self.stop_training = False

    def save_weights(self, path):
        Path(path).write_text(str(self.step))

    def reset_metrics(self):
        pass


def validation(run_dir, monkeypatch, metrics, steps, interval, stop_at=None):
    """Run the callback over `steps` with given metrics per validated step; a signal arrives within step `stop_at`."""
    model = StubModel()
    monkeypatch.setattr(scoring, "predictor", lambda model: None)
    monkeypatch.setattr(
        callbacks, "validation_metrics", lambda predict, files, score: dict(metrics[model.step], val_video_auc=None)
    )
    with StopSignals(raises=False) as stop:
        callback = callbacks.Validation(str(run_dir), ["val"], interval, steps, examples="e", stop=stop)
        callback.set_model(model)
        for step in range(1, steps + 1):
            model.step = step
            if step == stop_at:
                os.kill(os.getpid(), signal.SIGTERM)
            callback.on_train_batch_end(step - 1, {"loss": 1.0})
            if model.stop_training:
                break
        callback.on_train_end()
    return callback


@pytest.mark.parametrize(
    "scores, best",
    [
        ([(0.6, 0.5), (0.9, 0.5), (0.8, 0.9)], 2),
        ([(0.9, 0.5), (0.9, 0.6), (0.9, 0.6)], 2),  # accuracy decides, then the first
        ([(None, 0.4), (None, 0.7), (None, 0.6)], 2),
        ([(None, None), (None, None), (None, None)], 3),
    ],
)
def test_the_best_checkpoint_has_the_best_validation(scores, best, tmp_path, monkeypatch):
    metrics = {i: {"val_auc": auc, "val_acc": acc} for i, (auc, acc) in enumerate(scores, start=1)}
    callback = validation(tmp_path, monkeypatch, metrics, steps=3, interval=1)
    assert (tmp_path / "checkpoints" / "best.weights.h5").read_text() == str(best)
    assert max(callback.history, key=criterion)["step"] == best
    state, weights = checkpoints.load_state(str(tmp_path))
    assert (state["step"], Path(weights).read_text()) == (3, "3")
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"best.weights.h5", "state-3.weights.h5", "state.json"}  # neither older states nor partial files


@pytest.mark.parametrize("stop_at, validated", [(1, []), (2, [2]), (3, [2]), (4, [2, 4])])
def test_a_signal_saves_the_step_and_loses_no_validation(stop_at, validated, tmp_path, monkeypatch):
    metrics = {step: {"val_auc": 0.5, "val_acc": 0.5} for step in (2, 4)}
    callback = validation(tmp_path, monkeypatch, metrics, steps=4, interval=2, stop_at=stop_at)
    assert (callback.stop.number, callback.step) == (signal.SIGTERM, stop_at)
    state, weights = checkpoints.load_state(str(tmp_path))
    assert (state["step"], Path(weights).read_text()) == (stop_at, str(stop_at))
    assert [row["step"] for row in state["history"]] == validated


def test_the_history_holds_means_over_all_steps_whatever_was_logged_between(tmp_path):
    """Also over a stop: the sums so far are part of the state."""

    def run(state, steps):
        stop = StopSignals(raises=False)
        callback = callbacks.Validation(str(tmp_path), [], 10, 10, examples="e", stop=stop, log_interval=4, state=state)
        callback.set_model(model)
        total = count = 0
        model.reset_metrics = lambda: None
        for step in range(callback.step + 1, steps + 1):
            model.step, total, count = step, total + step, count + 1
            before = callback.since_reset
            stop.number = signal.SIGTERM if step == steps < 10 else None
            callback.on_train_batch_end(0, {"loss": total / count})
            if callback.since_reset <= before:  # it has reset the means
                total = count = 0
        return callback

    model = StubModel()
    run(None, 6)
    state, _ = checkpoints.load_state(str(tmp_path))
    assert (state["step"], state["summed"], state["examples"]) == (6, 6, "e")
    assert state["sums"]["loss"] == pytest.approx(1 + 2 + 3 + 4 + 5 + 6)
    callback = run(state, 10)
    assert [row["loss"] for row in callback.history] == [pytest.approx(5.5)]
