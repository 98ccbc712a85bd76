"""Callbacks of a training: progress, validation, checkpoints, TensorBoard, and a clean end on a signal."""

import json
import os
import signal
import sys
import time

import keras
import tensorflow as tf
from tqdm import tqdm

from model import scoring
from model.interrupt import Interrupted

SHOWN = {"loss": "loss", "triplet": "tri", "cross_entropy": "ce", "weight_center": "wc", "accuracy": "acc"}


class Progress(keras.callbacks.Callback):
    """A progress bar with each loss on a terminal; elsewhere a line every `interval` steps."""

    def __init__(self, steps, start, interval):
        super().__init__()
        self.steps, self.step, self.interval = steps, start, interval
        self.began = None
        self.start = start
        self.bar = None

    def on_train_begin(self, logs=None):
        self.began = time.monotonic()
        if sys.stderr.isatty():
            self.bar = tqdm(total=self.steps, initial=self.step, unit="step", desc="training", dynamic_ncols=True)

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        shown = "  ".join(f"{short} {logs[name]:.3f}" for name, short in SHOWN.items())
        if self.bar is not None:
            self.bar.update()
            self.bar.set_postfix_str(shown, refresh=False)
        elif self.step % self.interval == 0 or self.step == self.steps:
            rate = (self.step - self.start) / (time.monotonic() - self.began)
            left = (self.steps - self.step) / rate
            print(f"step {self.step}/{self.steps}  {shown}  {rate:.1f} steps/s, {left:.0f} s left", flush=True)

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()


class Validation(keras.callbacks.Callback):
    """Every `interval` steps: validate, keep the best by validation AUC, log, and save the state to resume from.

    The best checkpoint is chosen on the validation files alone. Without them the last one is the best.

    Args:
        run_dir: receives `checkpoints/{last,best}.weights.h5`, `history.jsonl` and `logs/` (TensorBoard).
        val_files: TFRecord files of the validation split; may be empty.
        history: rows of the part of the training that is already done.
    """

    def __init__(self, run_dir, val_files, interval, steps, start, history):
        super().__init__()
        self.run_dir, self.val_files, self.interval = run_dir, val_files, interval
        self.steps, self.step, self.history = steps, start, list(history)
        self.writer = tf.summary.create_file_writer(os.path.join(run_dir, "logs"))
        self.signal = None
        self.handlers = {}
        self.predict = None

    def on_train_begin(self, logs=None):
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self.handlers[number] = signal.signal(number, self._on_signal)
            except ValueError:  # not in the main thread: whoever runs us there handles signals
                return

    def _on_signal(self, number, frame):
        self.signal = number

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.signal is not None:
            save_state(self.model, self.run_dir, self.step, self.history)
            self.model.stop_training = True
        if self.step % self.interval == 0 or self.step == self.steps:
            self.validate({name: float(value) for name, value in logs.items()})
            self.model.reset_metrics()

    def validate(self, losses):
        """Score the validation split, write the history and the checkpoints."""
        rate = keras.ops.convert_to_numpy(
            self.model.optimizer.learning_rate
        )  # a mirrored variable where it is constant
        row = {"step": self.step, "learning_rate": float(rate), **losses}
        if self.val_files:
            if self.predict is None:
                self.predict = scoring.predictor(self.model)  # traced once
            row.update(validation_metrics(self.predict, self.val_files))
        best = max((criterion(r) for r in self.history), default=None)
        if best is None or criterion(row) > best:
            save_weights(self.model, os.path.join(self.run_dir, "checkpoints", "best.weights.h5"))
        self.history.append(row)
        with self.writer.as_default(step=self.step):
            for name, value in row.items():
                if name != "step" and value is not None:
                    group = "validation" if name.startswith("val_") else "training"
                    tf.summary.scalar(f"{group}/{name.removeprefix('val_')}", value)
        self.writer.flush()
        save_state(self.model, self.run_dir, self.step, self.history)
        if self.val_files:
            tqdm.write(f"step {self.step}: validation AUC {_figure(row['val_auc'])} (frames), "
                       f"{_figure(row['val_video_auc'])} (videos), ACC {_figure(row['val_acc'])}")  # fmt: skip

    def on_train_end(self, logs=None):
        self.writer.close()
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        if self.signal is not None:
            raise Interrupted(self.signal, self.step)


def _figure(value):
    return "none" if value is None else f"{value:.4f}"


def validation_metrics(predict, files):
    """ACC and AUC on the validation files, at frame and at video level; None where there is none."""
    frames = scoring.join_batches(scoring.score_examples(predict, files))
    videos = scoring.mean_by_video(frames)
    by_frame = scoring.accuracy_and_auc(frames["label"], frames["logit"])
    by_video = scoring.accuracy_and_auc(videos["label"], videos["logit"])
    return {
        "val_auc": by_frame["auc"],
        "val_acc": by_frame["acc"],
        "val_video_auc": by_video["auc"],
        "val_video_acc": by_video["acc"],
    }


def criterion(row):
    """What the best checkpoint is best in: frame AUC on validation, then ACC; the latest where there is neither."""
    auc, accuracy = row.get("val_auc"), row.get("val_acc")
    if auc is None and accuracy is None:
        return (0.0, 0.0, row["step"])
    return (auc or 0.0, accuracy or 0.0, 0)


def save_weights(model, path):
    """Write the weights whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = path.replace(".weights.h5", ".partial.weights.h5")
    model.save_weights(temporary)
    os.replace(temporary, path)


def save_state(model, run_dir, step, history):
    """Write what resumes the training: weights, centre, optimizer, then the step and history that belong to them."""
    name = f"state-{step}.weights.h5"
    save_weights(model, os.path.join(run_dir, "checkpoints", name))
    state = os.path.join(run_dir, "checkpoints", "state.json")
    with open(state + ".partial", "w") as stream:
        json.dump({"step": step, "weights": name, "history": history}, stream)
    os.replace(state + ".partial", state)
    for other in os.listdir(os.path.dirname(state)):  # older states are not needed once the new one is named
        if other.startswith("state-") and other != name:
            os.remove(os.path.join(os.path.dirname(state), other))


def load_state(run_dir):
    """Return {"step", "weights" (path), "history"} of an interrupted training, or None where there is none."""
    path = os.path.join(run_dir, "checkpoints", "state.json")
    if not os.path.exists(path):
        return None
    with open(path) as stream:
        state = json.load(stream)
    return state | {"weights": os.path.join(run_dir, "checkpoints", state["weights"])}
