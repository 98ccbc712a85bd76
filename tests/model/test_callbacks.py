"""Validation as a callback: it keeps the best weights and saves the state on a signal; the history misses no step."""

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from commands.signals import StopSignals
from model import callbacks, checkpoints, scoring
from model.divergence import Diverged
from model.validation import NotFinite, criterion

INDEX = SimpleNamespace(digest=lambda: "e")


class StubModel:
    """What `Validation` needs of a model; its saved weights are the step they were saved at."""

    def __init__(self):
        self.optimizer = SimpleNamespace(learning_rate=0.1)
        self.recipe = SimpleNamespace(trains_classifier=True, schedule="step")
        self.step = 0
        self.stop_training = False
        self.weights = []

    def save_weights(self, path):
        Path(path).write_text(str(self.step))

    def reset_metrics(self):
        pass


def validation(run_dir, monkeypatch, metrics, steps, interval, stop_at=None):
    """Run the callback over `steps` with given metrics per validated step; a signal arrives within step `stop_at`."""
    model = StubModel()
    monkeypatch.setattr(scoring, "predictor", lambda model, names: None)
    monkeypatch.setattr(
        callbacks, "validation_metrics", lambda predict, files: dict(metrics[model.step], val_video_auc=None)
    )
    with StopSignals(raises=False) as stop:
        callback = callbacks.Validation(str(run_dir), ["val"], interval, steps, index=INDEX, stop=stop)
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
    states = {f"state-{step}{suffix}" for step in (2, 3) for suffix in (".json", ".weights.h5")}
    assert names == {"best.weights.h5", *states}  # neither older states nor partial files


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
        callback = callbacks.Validation(str(tmp_path), [], 10, 10, index=INDEX, stop=stop, log_interval=4, state=state)
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


def test_a_warning_is_printed_once_in_a_training_also_over_a_stop(tmp_path, capsys):
    def run(state, steps):
        callback = callbacks.Validation(
            str(tmp_path), [], 2, 12, index=INDEX, stop=StopSignals(raises=False), state=state,
            warning=lambda row: "warning: contracts" if row["rho"] < 0.5 else None,
        )  # fmt: skip
        callback.set_model(StubModel())
        for step in range(callback.step + 1, steps + 1):
            callback.on_train_batch_end(0, {"rho": 0.1 if step > 2 else 0.9})

    run(None, 6)
    assert capsys.readouterr().out.splitlines() == ["step 4: warning: contracts"]
    run(checkpoints.load_state(str(tmp_path))[0], 12)
    assert capsys.readouterr().out == ""


# --- divergence -------------------------------------------------------------------------------------------------------
@pytest.fixture
def diverge(tmp_path, monkeypatch):
    """diverge(losses, ...) is (the error, the step it came at): steps with these running means of the loss."""

    def run(losses, interval=2, weights=(), scores=None, stop_at=None):
        def metrics(predict, files):
            if scores is not None and not np.isfinite(scores[model.step]):
                raise NotFinite("logit is not finite for 3 of 8 validation faces")
            return {"val_auc": 0.5, "val_acc": 0.5, "val_video_auc": None}

        model = StubModel()
        monkeypatch.setattr(scoring, "predictor", lambda model, names: None)
        monkeypatch.setattr(callbacks, "validation_metrics", metrics)
        stop = StopSignals(raises=False)
        callback = callbacks.Validation(
            str(tmp_path), ["val"], interval, len(losses), index=INDEX, stop=stop, log_interval=3
        )
        callback.set_model(model)
        with pytest.raises(Diverged) as raised:
            for step, loss in enumerate(losses, start=1):
                model.step = step
                model.weights = [keras.Variable([float(weights[step - 1])], name="kernel")] if weights else []
                stop.number = signal.SIGTERM if step == stop_at else None
                callback.on_train_batch_end(step - 1, {"loss": loss, "triplet": 1.0, "cross_entropy": loss - 2.0})
        return str(raised.value), callback.step

    return run


def saved(run_dir):
    """(step of the state, what its weights are, what the best are, the history)."""
    state, weights = checkpoints.load_state(str(run_dir))
    lines = (run_dir / "history.jsonl").read_text().splitlines()
    history = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    path = run_dir / "checkpoints" / f"state-{state['step']}.json"
    json.loads(path.read_text(), parse_constant=pytest.fail)
    best = (run_dir / "checkpoints" / "best.weights.h5").read_text()
    return state["step"], Path(weights).read_text(), best, [row["step"] for row in history]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_a_loss_that_is_not_finite_ends_training_at_that_step(step, value, diverge, tmp_path):
    losses = [3.0] * 5
    losses[step - 1] = value
    error, came_at = diverge(losses)
    assert came_at == step
    assert f"diverged at step {step}: cross_entropy is {value}, loss is {value}." in error
    assert "lower learning_rate (it was 0.1)" in error and "Nothing was exported" in error and "\n" not in error
    assert ("Means before it: loss 3, triplet 1, cross_entropy 1." in error) == (step > 1)
    last = (step - 1) // 2 * 2
    if last:
        assert saved(tmp_path) == (last, str(last), "2", list(range(2, last + 1, 2)))
        assert f"initial_weights={tmp_path}/checkpoints/state-{last}.weights.h5" in error
    else:
        assert "no state was saved yet" in error and checkpoints.load_state(str(tmp_path)) is None


def test_a_term_is_named_alone_if_the_others_are_finite(tmp_path):
    watch = callbacks.Watch(str(tmp_path), lambda: 0.1)
    with pytest.raises(Diverged, match="step 7: triplet is inf, loss is inf"):
        watch.check_terms(7, {"loss": float("inf"), "triplet": float("inf"), "cross_entropy": 0.3, "eta": 0.1})
    with pytest.raises(Diverged, match="step 8: eta is nan"):
        watch.check_terms(8, {"loss": 1.0, "eta": float("nan")})


@pytest.mark.parametrize("stop_at", [None, 4])
def test_weights_that_are_not_finite_are_not_saved(stop_at, diverge, tmp_path):
    """The loss of a step is taken before its weights change, so that it may still be finite."""
    error, step = diverge([3.0] * 4, weights=[1, 1, 1, float("nan")], stop_at=stop_at)
    assert step == 4 and "diverged at step 4: the weights kernel are not finite" in error
    assert saved(tmp_path) == (2, "2", "2", [2])


def test_scores_that_are_not_finite_end_training_at_the_validation(diverge, tmp_path):
    error, step = diverge([3.0] * 4, scores={2: 1.0, 4: float("nan")})
    assert step == 4 and "step 4: logit is not finite for 3 of 8 validation faces" in error
    assert saved(tmp_path) == (2, "2", "2", [2])


def test_a_log_has_the_first_step_then_lines_by_number_or_time(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: now[0])
    progress = callbacks.Progress(1000, 0, 20)
    progress.on_train_begin()
    for _ in range(20):
        now[0] += 12.0
        progress.on_train_batch_end(0, dict.fromkeys(callbacks.SHOWN, 0.5))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[0] for line in lines] == [f"step {n}" for n in (1, 4, 7, 10, 13, 16, 19, 20)]
    assert "left" not in lines[0] and lines[-1].endswith("12.0 s a step, 3 h 16 min left")
