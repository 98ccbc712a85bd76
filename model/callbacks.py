"""Callbacks of a training: progress; and validation, checkpoints, TensorBoard and a clean end on a signal."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from artifacts.words import duration
from commands import progress
from commands.signals import StopSignals
from model import checkpoints, readout, scoring
from model.checkpoints import State
from model.divergence import Watch
from model.optimizer import plateau_rate
from model.record_index import RecordIndex
from model.served import Predict
from model.validation import NotFinite, Row, criterion, figure, validation_metrics

LOG_SECONDS = 30.0  # between two lines of slow steps in a log
SHOWN = {
    "loss": "loss",
    "triplet": "tri",
    "cross_entropy": "ce",
    "weight_center": "wc",
    "accuracy": "acc",
    "real_spread": "spread",
    "signal_to_spread": "rho",
}

Logs = Mapping[str, Any]  # Keras's: figures by name, scalars


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type hints
    """A progress bar with the terms of the loss on a terminal; in a log, the first step and a line every `interval`.

    Where steps are slow, a line comes at least every half a minute.

    Args:
        steps: of the whole training.
        start: the step at which this run goes on.
        interval: steps between two lines.
    """

    def __init__(self, steps: int, start: int, interval: int) -> None:
        super().__init__()
        self.steps, self.start, self.interval = steps, start, interval
        self.step = start
        self.began = self.told = time.monotonic()
        self.bar: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start the clock, and the bar."""
        self.began = self.told = time.monotonic()
        if sys.stderr.isatty():
            self.bar = progress.bar(
                total=self.steps, initial=self.step, unit="step", desc="training", dynamic_ncols=True
            )

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Show the running means."""
        self.step += 1
        shown = "  ".join(f"{short} {logs[name]:.3f}" for name, short in SHOWN.items())
        if self.bar is not None:
            self.bar.update()
            self.bar.set_postfix_str(shown, refresh=False)
        elif self._is_due():
            self.told = time.monotonic()
            print(f"step {self.step}/{self.steps}  {shown}{self._speed()}", flush=True)

    def _is_due(self) -> bool:
        if self.step in (self.start + 1, self.steps) or self.step % self.interval == 0:
            return True
        return time.monotonic() - self.told >= LOG_SECONDS

    def _speed(self) -> str:
        """The pace and the time that is left; the first step, which compiles the graph, does not count."""
        done = self.step - self.start - 1
        if not done:
            self.began = time.monotonic()
            return ""
        rate = done / max(time.monotonic() - self.began, 1e-9)
        pace = f"{rate:.1f} steps/s" if rate >= 1 else f"{1 / rate:.1f} s a step"
        return f"  {pace}, {duration((self.steps - self.step) / rate)} left"

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()


class Validation(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no type hints
    """Log the losses, validate, keep the best weights by validation AUC, and save the state to resume from.

    The best weights are chosen on the validation files alone; without any, the last ones are the best. After a signal
    the state is saved and training ends. When a figure, a weight or a score is NaN or infinite, `Diverged` ends it at
    once and nothing is saved.

    Args:
        run_dir: receives `checkpoints/{best,state-*}.weights.h5` and `logs/` (TensorBoard).
        val_files: TFRecord files of the validation split; may be empty.
        interval: steps between two validations, and between two saved states.
        steps: of the whole training.
        index: of the training examples; its digest is compared on resuming, and where no classifier is trained, each
            validation fits a read-out on them.
        replicas: on how many it is trained, to be compared on resuming, too.
        stop: the signals that end the training.
        log_interval: steps between two points of the training's curves in TensorBoard.
        warning: what is to be said about a row of the history, or None; it is printed once in a training.
        state: what `checkpoints.load_state` returned, or None at the start.
    """

    def __init__(
        self,
        run_dir: str,
        val_files: Sequence[str],
        interval: int,
        steps: int,
        *,
        index: RecordIndex,
        replicas: int = 1,
        stop: StopSignals,
        log_interval: int = 20,
        warning: Callable[[Row], str | None] = lambda row: None,
        state: State | None = None,
    ) -> None:
        super().__init__()
        self.run_dir, self.val_files, self.interval, self.steps = run_dir, val_files, interval, steps
        self.index, self.replicas, self.stop, self.log_interval = index, replicas, stop, log_interval
        self.examples, self.warning = index.digest(), warning
        self.step, self.history = (state["step"], list(state["history"])) if state else (0, [])
        self.sums, self.summed = (dict(state["sums"]), state["summed"]) if state else ({}, 0)
        self.since_reset = 0
        self.watch = Watch(run_dir, self.learning_rate)
        self.writer = tf.summary.create_file_writer(os.path.join(run_dir, "logs"))
        self.predict: Predict | None = None

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Do what is due after this step."""
        self.step += 1
        self.since_reset += 1
        # Keras has fetched the figures for the callbacks anyway, so that looking at every step waits for no device.
        self.watch.check_terms(self.step, logs)
        validate = self.step % self.interval == 0 or self.step == self.steps
        if validate or self.stop.number is not None or self.step % self.log_interval == 0:
            self.log({name: float(value) for name, value in logs.items()})
        if validate or self.stop.number is not None:
            self.watch.check_weights(self.step, self.model)
        if self.stop.number is not None:
            self.save()
            self.model.stop_training = True
        if validate:
            self.validate()

    def log(self, means: Mapping[str, float]) -> None:
        """Write the means over the steps since the last reset, add them up for the history, and reset."""
        for name, value in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * self.since_reset
        self.summed += self.since_reset
        self.write("training", {**means, "learning_rate": self.learning_rate()})
        self.model.reset_metrics()
        self.since_reset = 0

    def validate(self) -> None:
        """Score the validation split, and write the history and the checkpoints."""
        row: Row = {"step": self.step, "learning_rate": self.learning_rate()}
        row.update({name: total / self.summed for name, total in self.sums.items()})
        self.sums, self.summed = {}, 0
        if self.val_files:
            try:
                with progress.busy("validating"):
                    row.update(validation_metrics(self.scorer(), self.val_files))
            except NotFinite as error:
                raise self.watch.diverged(self.step, str(error)) from None
        if not self.history or criterion(row) > max(map(criterion, self.history)):
            checkpoints.save_weights(self.model, checkpoints.best_weights(self.run_dir))
        self.history.append(row)
        checkpoints.save_history(self.run_dir, self.history)
        self.write("validation", {key.removeprefix("val_"): row[key] for key in row if key.startswith("val_")})
        if self.model.recipe.schedule == "plateau":
            self.model.optimizer.learning_rate = plateau_rate(self.model.recipe, self.history)
        self.save()
        if self.val_files:
            auc, video_auc, accuracy = (figure(row[name]) for name in ("val_auc", "val_video_auc", "val_acc"))
            text = f"step {self.step}: validation AUC {auc} (frames), {video_auc} (videos), ACC {accuracy}"
            progress.print_above(text, sys.stdout)
        warning = self.warning(row)
        if warning and not any(map(self.warning, self.history[:-1])):  # once, also if the training was interrupted
            progress.print_above(f"step {self.step}: {warning}", sys.stdout)

    def scorer(self) -> Predict:
        """Return a function from crops to the scores that the exported model would give with these weights."""
        names = scoring.OUTPUTS if self.model.recipe.trains_classifier else (*scoring.OUTPUTS, "embedding")
        if self.predict is None:
            self.predict = scoring.predictor(self.model, names)  # traced once
        if self.model.recipe.trains_classifier:
            return self.predict
        return readout.apply(self.predict, readout.fit_on_examples(self.predict, self.index, self.model.recipe.readout))

    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))  # may be a mirrored variable

    def write(self, group: str, values: Mapping[str, float | None]) -> None:
        """Write a point of each of TensorBoard's curves of a group."""
        with self.writer.as_default(step=self.step):
            for name, value in values.items():
                if value is not None:
                    tf.summary.scalar(f"{group}/{name}", value)
        self.writer.flush()

    def save(self) -> None:
        """Write the state to resume from."""
        state: State = {
            "step": self.step,
            "history": self.history,
            "sums": self.sums,
            "summed": self.summed,
            "examples": self.examples,
            "replicas": self.replicas,
        }
        checkpoints.save_state(self.model, self.run_dir, state)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close TensorBoard's file."""
        self.writer.close()
