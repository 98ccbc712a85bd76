"""The training of a detector: faces and a recipe in, the best weights and a history out."""

import functools
import os
from collections.abc import Sequence
from dataclasses import replace

from commands.quiet import import_tensorflow

import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from artifacts import layout  # noqa: E402
from artifacts.errors import InputError  # noqa: E402
from artifacts.preprocessing import Preprocessing  # noqa: E402
from artifacts.regular_files import read_json  # noqa: E402
from artifacts.writing import write_json  # noqa: E402
from commands import progress  # noqa: E402
from commands.signals import Interrupted, StopSignals  # noqa: E402
from model import callbacks, checkpoints, exporting, pretrained, readout, scoring  # noqa: E402
from model.checkpoints import State  # noqa: E402
from model.detector import DeepfakeDetector  # noqa: E402
from model.divergence import Diverged  # noqa: E402
from model.input_pipeline import training_batches  # noqa: E402
from model.optimizer import create_optimizer  # noqa: E402
from model.recipes import Recipe  # noqa: E402
from model.record_index import RecordIndex, index_records  # noqa: E402
from model.saved_model import Calibration, write_calibration, write_preprocessing  # noqa: E402
from model.spread import contraction_warning  # noqa: E402
from model.validation import Row  # noqa: E402

LOG_INTERVAL = 20  # steps between two progress lines in a log


def train(
    recipe: Recipe,
    train_files: Sequence[str],
    val_files: Sequence[str],
    run_dir: str,
    validate_every: int | None = None,
    strategy: tf.distribute.Strategy | None = None,
) -> tuple[DeepfakeDetector, list[Row]]:
    """Train by `recipe` and return the best detector.

    Args:
        recipe: all choices of the training.
        train_files: TFRecord files of face examples to learn from.
        val_files: TFRecord files of face examples to choose the best weights by; without any, the last ones are taken.
        run_dir: checkpoints, `history.jsonl`, `recipe.json` and TensorBoard logs; an interrupted run that lies there is
            continued.
        validate_every: steps between two validations, and between two saved states. Default: a tenth of the steps.
        strategy: for several devices. Default: a MirroredStrategy over all GPUs, or the CPU.

    Returns:
        (detector, history): the detector with the weights of the best validation, and a row per validation. Where the
        recipe trains no classifier, the detector's logit is a read-out, see `model.readout`.

    Raises:
        InputError: files that cannot be used, a class without a face, weights to start from that are missing or do not
            fit, or a `run_dir` that holds another training.
        Diverged: a loss, a weight or a validation score is NaN or infinite; the last finite state stays saved.
        Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    index = index_records(train_files)
    strategy = strategy or tf.distribute.MirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    _check_batch(recipe, replicas)
    state, weights = checkpoints.load_state(run_dir) or (None, None)
    if state and state["examples"] != index.digest():
        raise InputError(f"{run_dir}: holds a training on other face examples. Give another folder, or delete this one")
    if state and recipe.batch_scope == "replica" and state.get("replicas", replicas) != replicas:
        raise InputError(
            f"{run_dir}: holds a training on {state['replicas']} replicas, and batch_scope=replica depends on their "
            f"number. Received: {replicas} replicas. Give as many, or another folder"
        )
    _keep_recipe(recipe, run_dir, resumed=state is not None)
    if state and state["history"]:
        _check_best(run_dir)
    start = state["step"] if state else 0
    history = state["history"] if state else []
    with strategy.scope():
        detector = _create_detector(recipe, weights)
    _print_start(recipe, index, len(val_files), replicas, start)
    if start < recipe.steps:
        interval = validate_every or max(1, recipe.steps // 10)
        history = _fit(detector, index, val_files, run_dir, interval, state)
    detector.load_weights(checkpoints.best_weights(run_dir))
    if not recipe.trains_classifier:
        embed = scoring.predictor(detector, ["embedding"])
        readout.install(detector, readout.fit_on_examples(embed, index, recipe.readout))
    return detector, history


def _fit(
    detector: DeepfakeDetector,
    index: RecordIndex,
    val_files: Sequence[str],
    run_dir: str,
    interval: int,
    state: State | None,
) -> list[Row]:
    """Take the remaining steps and return the history; a signal ends them and raises `Interrupted`."""
    recipe, start = detector.recipe, state["step"] if state else 0
    replicas = detector.distribute_strategy.num_replicas_in_sync
    with StopSignals(raises=False, tells=True) as stop:
        shown = callbacks.Progress(recipe.steps, start, LOG_INTERVAL)
        validation = callbacks.Validation(
            run_dir,
            val_files,
            interval,
            recipe.steps,
            index=index,
            replicas=replicas,
            stop=stop,
            log_interval=LOG_INTERVAL,
            warning=functools.partial(contraction_warning, recipe, replicas=replicas),
            state=state,
        )
        batches = training_batches(index, recipe, start)
        try:
            detector.fit(batches, epochs=1, callbacks=[shown, validation], shuffle=False, verbose=0)
        except Diverged:
            shown.on_train_end()  # which Keras leaves out
            validation.on_train_end()
            raise
    if stop.number is not None:
        raise Interrupted(stop.number, validation.step)
    return validation.history


def _check_batch(recipe: Recipe, replicas: int) -> None:
    """Refuse a batch that cannot be divided among the replicas."""
    if recipe.batch_size % (2 * replicas):
        raise InputError(
            f"batch_size must be a multiple of {2 * replicas}: {replicas} replicas, each half real and half fake. "
            f"Received: batch_size={recipe.batch_size}"
        )
    if recipe.batch_scope == "replica" and recipe.batch_size < 4 * replicas:
        raise InputError(
            f"batch_size must be at least {4 * replicas} for batch_scope=replica: a share of fewer than two reals and "
            f"two fakes holds no triplet. Received: batch_size={recipe.batch_size}, {replicas} replicas"
        )


def _create_detector(recipe: Recipe, weights: str | None) -> DeepfakeDetector:
    """Create a compiled detector with its first weights, or with those of a saved state."""
    keras.utils.set_random_seed(recipe.seed)
    detector = DeepfakeDetector(recipe)
    detector.compile(optimizer=create_optimizer(recipe), jit_compile=False)
    detector.optimizer.build(detector.trainable_variables)
    if weights:
        detector.load_weights(weights)
    else:
        pretrained.initialize(detector, recipe.initial_weights)
    return detector


def _check_best(run_dir: str) -> None:
    """Refuse to go on without the best weights so far, before hours are spent.

    Raises:
        InputError: they are missing or damaged.
    """
    try:
        checkpoints.check_weights(checkpoints.best_weights(run_dir))
    except InputError as error:
        raise InputError(f"{error}. Restore it, or delete {run_dir} to train from the start") from None


def _print_start(recipe: Recipe, index: RecordIndex, val_files: int, replicas: int, start: int) -> None:
    real, fake = np.bincount(index.label, minlength=2)
    steps = f"steps {start + 1} to {recipe.steps}" if start < recipe.steps else f"all {start} steps were taken before"
    print(
        f"{recipe.name}: {recipe.backbone} at {recipe.image_size}x{recipe.image_size}, "
        f"{real} real and {fake} fake faces, {val_files} validation files, {replicas} replica{'s' * (replicas > 1)}, "
        f"from {recipe.initial_weights} weights, {steps}",
        flush=True,
    )


def create_strategy(cpu_replicas: int | None) -> tf.distribute.MirroredStrategy:
    """Create a MirroredStrategy.

    Args:
        cpu_replicas: divide the CPU into so many logical devices, to try distribution on one machine. None: all GPUs,
            or the CPU.

    Raises:
        InputError: TensorFlow is already running, so that the CPU can no longer be divided.
    """
    if not cpu_replicas:
        return tf.distribute.MirroredStrategy()
    devices = [tf.config.LogicalDeviceConfiguration() for _ in range(cpu_replicas)]
    try:
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    except RuntimeError as error:
        raise InputError(f"--cpu_replicas: {error}") from error
    return tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(cpu_replicas)])


def _keep_recipe(recipe: Recipe, run_dir: str, resumed: bool) -> None:
    """Write the recipe beside the checkpoints; refuse to resume with another one."""
    path = os.path.join(run_dir, layout.RECIPE)
    if resumed:
        # An earlier version's lacks the fields that came later.
        before = Recipe().model_dump() | read_json(path, "Restore it, or delete this folder to train from the start")
        changed = [key for key, value in recipe.model_dump().items() if before.get(key) != value]
        if changed:
            names = ", ".join("recipe" if name == "name" else name for name in changed)
            raise InputError(
                f"{run_dir}: holds a training with another {names}. Give another folder, or delete this one"
            )
    os.makedirs(run_dir, exist_ok=True)
    write_json(path, recipe.model_dump(), indent=2, durable=True)


def save_model(
    detector: DeepfakeDetector, calibration: Calibration, model_dir: str, preprocessing: Preprocessing | None = None
) -> None:
    """Write a calibrated detector below `model_dir`.

    Args:
        detector: with the calibration's temperature.
        calibration: what `calibrate` returned for it.
        model_dir: receives `Format-Keras/model.keras`, the SavedModel `Format-Serving/`, and `calibration.json`, which
            is also copied into the SavedModel.
        preprocessing: how the faces were made from which it learnt, written beside the calibration; None if the
            examples do not say.
    """
    keras_file = layout.keras_model(model_dir)
    os.makedirs(os.path.dirname(keras_file), exist_ok=True)
    with progress.busy("writing the model"):
        detector.save(keras_file)
        exporting.export_saved_model(detector, layout.serving_model(model_dir))
    write_calibration(calibration, model_dir)
    if preprocessing is not None:
        write_preprocessing(replace(preprocessing, video_rule=detector.recipe.video_rule), model_dir)
