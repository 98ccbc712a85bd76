"""Callbacks of a training: progress, validation, checkpoints, TensorBoard, and a clean end on a signal."""

import json
import os
import signal
import sys
import time

import keras
import tensorflow as tf
from tqdm import tqdm

from commands.signals import Interrupted
from model import scoring

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
    """Log the losses, validate, keep the best by validation AUC, and save the state to resume from.

    The best checkpoint is chosen on the validation files alone. Without them the last one is the best.

    Args:
        run_dir: receives `checkpoints/{best,state-*}.weights.h5` and `logs/` (TensorBoard).
        val_files: TFRecord files of the validation split; may be empty.
        interval: steps between two validations, and between two saved states.
        log_interval: steps between two points of the training's curves in TensorBoard.
        score: the output that tells fakes from reals, "logit" or "center_similarity".
        state: what `load_state` gave, or None at the start.
        marks: goes into the saved state as it is, to be compared by whoever resumes.
    """

    def __init__(self, run_dir, val_files, interval, steps, log_interval=20, score="logit", state=None, marks=None):
        super().__init__()
        self.run_dir, self.val_files, self.interval, self.steps = run_dir, val_files, interval, steps
        self.log_interval, self.score, self.marks = log_interval, score, marks or {}
        state = state or {"step": 0, "history": [], "sums": {}, "summed": 0}
        self.step, self.history = state["step"], list(state["history"])
        self.sums, self.summed = dict(state["sums"]), state["summed"]
        self.since_reset = 0
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
        self.since_reset += 1
        validate = self.step % self.interval == 0 or self.step == self.steps
        if validate or self.signal is not None or self.step % self.log_interval == 0:
            self.log({name: float(value) for name, value in logs.items()})
        if self.signal is not None:
            self.save()
            self.model.stop_training = True
        if validate:
            self.validate()

    def log(self, means):
        """Write the means of the steps since the last reset, add them up for the history, and reset."""
        for name, value in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * self.since_reset
        self.summed += self.since_reset
        self.write("training", {**means, "learning_rate": self.learning_rate()})
        self.model.reset_metrics()
        self.since_reset = 0

    def validate(self):
        """Score the validation split, write the history and the checkpoints."""
        row = {"step": self.step, "learning_rate": self.learning_rate()}
        row.update({name: total / self.summed for name, total in self.sums.items()})
        self.sums, self.summed = {}, 0
        if self.val_files:
            if self.predict is None:
                self.predict = scoring.predictor(self.model)  # traced once
            row.update(validation_metrics(self.predict, self.val_files, self.score))
        best = max((criterion(r) for r in self.history), default=None)
        if best is None or criterion(row) > best:
            save_weights(self.model, os.path.join(self.run_dir, "checkpoints", "best.weights.h5"))
        self.history.append(row)
        self.write(
            "validation", {name.removeprefix("val_"): value for name, value in row.items() if name.startswith("val_")}
        )
        self.save()
        if self.val_files:
            tqdm.write(f"step {self.step}: validation AUC {figure(row['val_auc'])} (frames), "
                       f"{figure(row['val_video_auc'])} (videos), ACC {figure(row['val_acc'])}")  # fmt: skip

    def learning_rate(self):
        """Of the next step, as a number."""
        return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))  # may be a mirrored variable

    def write(self, group, values):
        """Write points of TensorBoard's curves."""
        with self.writer.as_default(step=self.step):
            for name, value in values.items():
                if value is not None:
                    tf.summary.scalar(f"{group}/{name}", value)
        self.writer.flush()

    def save(self):
        """Write the state to resume from."""
        sums = {"sums": self.sums, "summed": self.summed}
        save_state(self.model, self.run_dir, {"step": self.step, "history": self.history, **sums, **self.marks})

    def on_train_end(self, logs=None):
        self.writer.close()
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        if self.signal is not None:
            raise Interrupted(self.signal, self.step)


def figure(value):
    """An AUC or ACC for people; "none" where there is none."""
    return "none" if value is None else f"{value:.4f}"


def validation_metrics(predict, files, score="logit"):
    """ACC and AUC on the validation files, at frame and at video level; None where there is none.

    By "center_similarity" only the order counts, the less similar the more fake, so that there is no ACC.
    """
    frames = scoring.join_batches(scoring.score_examples(predict, files))
    videos = scoring.mean_by_video(frames)
    sign = 1 if score == "logit" else -1
    by_frame, by_video = (scoring.accuracy_and_auc(rows["label"], sign * rows[score]) for rows in (frames, videos))
    return {
        "val_auc": by_frame["auc"],
        "val_acc": by_frame["acc"] if score == "logit" else None,
        "val_video_auc": by_video["auc"],
        "val_video_acc": by_video["acc"] if score == "logit" else None,
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


def save_state(model, run_dir, state):
    """Write what resumes the training: weights, centre, optimizer, then `state`, which needs a "step", that names them."""
    name = f"state-{state['step']}.weights.h5"
    save_weights(model, os.path.join(run_dir, "checkpoints", name))
    path = os.path.join(run_dir, "checkpoints", "state.json")
    with open(path + ".partial", "w") as stream:
        json.dump({**state, "weights": name}, stream)
    os.replace(path + ".partial", path)
    for other in os.listdir(os.path.dirname(path)):  # older states are not needed once the new one is named
        if other.startswith("state-") and other != name:
            os.remove(os.path.join(os.path.dirname(path), other))


def load_state(run_dir):
    """Return the state of an interrupted training, its "weights" as a path, or None where there is none."""
    path = os.path.join(run_dir, "checkpoints", "state.json")
    if not os.path.exists(path):
        return None
    with open(path) as stream:
        state = json.load(stream)
    return state | {"weights": os.path.join(run_dir, "checkpoints", state["weights"])}
