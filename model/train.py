"""Train a detector on a folder of face examples.

    python -m model.train --examples=EXAMPLES --model_dir=OUT [--recipe=paper] [--steps=1500 ...]

EXAMPLES is a folder with Split-train/*.tfrecord and, for choosing the best checkpoint and for calibration,
Split-val/*.tfrecord. OUT receives the model (Format-Keras/, Format-Serving/ and calibration.json) and the run's files
in run/ (checkpoints, history, TensorBoard logs). After an interruption, run the same command again: it goes on where it
stopped.
"""

import functools
import json
import os
import sys
import typing
from collections.abc import Sequence
from dataclasses import replace

from commands.quiet import import_tensorflow

import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from absl import app, flags, logging  # noqa: E402
from pydantic import ValidationError  # noqa: E402

from artifacts import face_examples, layout  # noqa: E402
from artifacts.errors import InputError  # noqa: E402
from artifacts.preprocessing import Preprocessing, read_of_examples  # noqa: E402
from artifacts.writing import write_json  # noqa: E402
from commands.problems import of_flags  # noqa: E402
from commands.signals import Interrupted, StopSignals, exit_code  # noqa: E402
from model import callbacks, checkpoints, export, pretrained, readout, scoring  # noqa: E402
from model.calibration import calibrate  # noqa: E402
from model.checkpoints import State  # noqa: E402
from model.detector import DeepfakeDetector, create_optimizer  # noqa: E402
from model.divergence import Diverged  # noqa: E402
from model.input_pipeline import training_batches  # noqa: E402
from model.recipes import RECIPES, Recipe, get_recipe  # noqa: E402
from model.record_index import RecordIndex, index_records  # noqa: E402
from model.saved_model import Calibration, write_calibration, write_preprocessing  # noqa: E402
from model.spread import contraction_warning  # noqa: E402
from model.validation import Row, criterion, figure  # noqa: E402

FLAGS = flags.FLAGS
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
        readout.install(detector, readout.fit_on_examples(embed, index))
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
    with StopSignals(raises=False) as stop:
        progress = callbacks.Progress(recipe.steps, start, LOG_INTERVAL)
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
            detector.fit(batches, epochs=1, callbacks=[progress, validation], shuffle=False, verbose=0)
        except Diverged:
            progress.on_train_end()  # which Keras leaves out
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


def _print_start(recipe: Recipe, index: RecordIndex, val_files: int, replicas: int, start: int) -> None:
    real, fake = np.bincount(index.label, minlength=2)
    print(
        f"{recipe.name}: {recipe.backbone} at {recipe.image_size}x{recipe.image_size}, "
        f"{real} real and {fake} fake faces, {val_files} validation files, {replicas} replica(s), "
        f"from {recipe.initial_weights} weights, steps {start} to {recipe.steps}",
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
        with open(path) as stream:
            before = Recipe().model_dump() | json.load(stream)  # an earlier version's lacks the fields that came later
        changed = [key for key, value in recipe.model_dump().items() if before.get(key) != value]
        if changed:
            raise InputError(
                f"{run_dir}: holds a training with another {', '.join(changed)}. "
                "Give another folder, or delete this one"
            )
    os.makedirs(run_dir, exist_ok=True)
    write_json(path, recipe.model_dump(), indent=2)


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
    detector.save(keras_file)
    export.export_saved_model(detector, layout.serving_model(model_dir))
    write_calibration(calibration, model_dir)
    if preprocessing is not None:
        write_preprocessing(replace(preprocessing, video_rule=detector.recipe.video_rule), model_dir)


# --- the command ------------------------------------------------------------------------------------------------------
def recipe_list() -> str:
    """Return one line per recipe: its name and what it is."""
    width = max(map(len, RECIPES))
    return "\n".join(f"{name:{width}}  {meaning}" for name, (_, meaning) in RECIPES.items())


def define_flags() -> None:
    """Define this command's flags; every field of a recipe is one."""
    flags.DEFINE_string("examples", None, "Folder of face examples with Split-train/ and Split-val/.", required=True)
    flags.DEFINE_string("model_dir", None, "Folder for the model and the run's files.", required=True)
    flags.DEFINE_enum("recipe", "paper", list(RECIPES), "Named set of choices; the flags below override its fields.")
    flags.DEFINE_integer("validate_every", None, "Steps between validations. Default: a tenth of the steps.")
    flags.DEFINE_integer("cpu_replicas", None, "Divide the CPU into so many replicas, to try distribution.", 1)
    flags.DEFINE_bool("list_recipes", False, "Show the recipes, one line each, and exit.")
    for name, field in Recipe.model_fields.items():
        if name == "name":
            continue
        text = str(field.description)
        if field.default is not None:
            text += f" Default of the paper recipe: {field.default}."
        kinds = typing.get_args(field.annotation) or (field.annotation,)
        if field.annotation is bool:
            flags.DEFINE_bool(name, None, text)
        elif isinstance(kinds[0], str):
            flags.DEFINE_enum(name, None, list(kinds), text)
        elif int in kinds:
            flags.DEFINE_integer(name, None, text)
        elif float in kinds:
            flags.DEFINE_float(name, None, text)
        else:
            flags.DEFINE_string(name, None, text)


def main(_: Sequence[str]) -> int:
    """Run the command, after its flags are parsed, and return its exit code."""
    if not FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # otherwise absl shows Keras's and TensorFlow's notes on every export
    try:
        with StopSignals():
            _train_and_save()
        return 0
    except ValidationError as error:
        return _fail("\n".join(of_flags(error)))
    except (ValueError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt as interrupted:
        print("stopped before or after the training steps; the same command goes on from the last saved state")
        return exit_code(interrupted.args[0])
    except Interrupted as interrupted:
        print(f"{interrupted}. The same command goes on from there.")
        return exit_code(interrupted.number)


def _train_and_save() -> None:
    """Train by the flags, write the model, and print what it is."""
    overrides = {n: FLAGS[n].value for n in Recipe.model_fields if n != "name" and FLAGS[n].value is not None}
    recipe = get_recipe(FLAGS.recipe, **overrides)
    train_files = face_examples.find_files(FLAGS.examples, "train")
    try:
        val_files = face_examples.find_files(FLAGS.examples, "val")
    except InputError:
        print("no Split-val/ in the examples: the last weights are kept, since there is nothing to choose by")
        val_files = []
    os.makedirs(FLAGS.model_dir, exist_ok=True)
    run_dir = os.path.join(FLAGS.model_dir, "run")
    strategy = create_strategy(FLAGS.cpu_replicas)
    detector, history = train(recipe, train_files, val_files, run_dir, FLAGS.validate_every, strategy)
    calibration = calibrate(detector, val_files)
    save_model(detector, calibration, FLAGS.model_dir, read_of_examples(FLAGS.examples))

    best = max(history, key=criterion)
    auc, video_auc = (figure(best.get(name)) for name in ("val_auc", "val_video_auc"))
    print(f"best: step {best['step']}, validation AUC {auc} (frames), {video_auc} (videos)")
    reason = f" - {calibration['reason']}" if calibration["reason"] else ""
    print(f"temperature: {calibration['frame']:.4g} (frames), {calibration['video']:.4g} (videos){reason}")
    print(f"model: {layout.serving_model(FLAGS.model_dir)}")
    print(f"TensorBoard: tensorboard --logdir {os.path.join(run_dir, 'logs')}")


def _fail(message: str) -> int:
    print(f"error: {message}", flush=True)
    return 2


def parse_flags(argv: list[str]) -> list[str]:
    """Parse the command line; a wrong flag exits with 2 and the flag's name, --help and --list_recipes with 0."""
    if any(argument.lstrip("-") == "list_recipes" for argument in argv[1:]):  # without the required flags
        print(recipe_list())
        sys.exit(0)
    try:
        rest: list[str] = FLAGS(argv)
        return rest
    except flags.Error as error:
        sys.exit(_fail(f"{error} (--help lists the flags)"))
    except SystemExit:  # absl has shown the help and exits with 1
        sys.exit(0)


def run() -> None:
    """Run `python -m model.train`."""
    define_flags()
    app.run(main, flags_parser=parse_flags)


if __name__ == "__main__":
    run()
