"""Train a detector on a folder of face examples.

    python -m model.train --examples=EXAMPLES --model_dir=OUT [--recipe=paper] [--steps=1500 ...]

EXAMPLES is what FaceExampleGen writes, a folder with Split-train/*.tfrecord and, for choosing the best checkpoint and
for calibration, Split-val/*.tfrecord. OUT receives Format-Keras/, Format-Serving/ and calibration.json (the model), and
run/ (checkpoints, history, TensorBoard logs). Run the same command again after an interruption and it goes on where it
stopped.
"""

import json
import os
import signal
import sys
import typing

from commands.quiet import import_tensorflow

tf = import_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from absl import app, flags, logging  # noqa: E402
from pydantic import ValidationError  # noqa: E402

from artifacts import face_examples  # noqa: E402
from commands.signals import Interrupted  # noqa: E402
from model import calibration, export, pretrained, training_log  # noqa: E402
from model.detector import DeepfakeDetector, create_optimizer  # noqa: E402
from model.input_pipeline import training_batches  # noqa: E402
from model.recipes import RECIPES, Recipe, get_recipe  # noqa: E402

FLAGS = flags.FLAGS
LOG_INTERVAL = 20  # steps between two progress lines where there is no terminal


def train(recipe, train_files, val_files, run_dir, validate_every=None, strategy=None):
    """Train by `recipe` and return the best detector.

    Args:
        recipe: a `Recipe`.
        train_files, val_files: TFRecord files of face examples; `val_files` may be empty: then the last weights win.
        run_dir: checkpoints, `history.jsonl`, `recipe.json` and TensorBoard logs; an interrupted run found there goes on.
        validate_every: steps between validations, and between saved states; by default a tenth of the steps.
        strategy: a `tf.distribute.Strategy`; by default a MirroredStrategy over all GPUs, or the CPU.

    Returns:
        (detector, history): the `DeepfakeDetector` with the weights of the best validation, and a list of dicts.

    Raises:
        ExamplesError: files that cannot be used, or a class without a face.
        WeightsError: the weights to start from cannot be had or do not fit.
        Interrupted: SIGTERM or SIGINT came; the state is saved.
    """
    index = face_examples.index_records(train_files)
    strategy = strategy or tf.distribute.MirroredStrategy()
    replicas = strategy.num_replicas_in_sync
    if recipe.batch_size % (2 * replicas):
        raise ValueError(
            f"batch_size must be a multiple of {2 * replicas}: {replicas} replicas, each half real and half fake. "
            f"Received: batch_size={recipe.batch_size}"
        )
    state, marks = training_log.load_state(run_dir), {"examples": index.digest()}
    if state and state["examples"] != marks["examples"]:
        raise ValueError(f"{run_dir}: holds a training on other face examples. Give another folder, or delete this one")
    _keep_recipe(recipe, run_dir, resumed=state is not None)
    start = state["step"] if state else 0
    with strategy.scope():
        detector = _create_detector(recipe, state)
    real, fake = np.bincount(index.label, minlength=2)
    print(f"{recipe.name}: {recipe.backbone} at {recipe.image_size}x{recipe.image_size}, {real} real and {fake} fake faces, "
          f"{len(val_files)} validation files, {replicas} replica(s), from {recipe.initial_weights} weights, steps {start} to {recipe.steps}", flush=True)  # fmt: skip

    history = state["history"] if state else []
    if start < recipe.steps:
        interval = validate_every or max(1, recipe.steps // 10)
        validation = training_log.Validation(
            run_dir, val_files, interval, recipe.steps, LOG_INTERVAL, recipe.score, state, marks
        )
        progress = training_log.Progress(recipe.steps, start, LOG_INTERVAL)
        batches = training_batches(index, recipe, start)
        detector.fit(batches, epochs=1, callbacks=[progress, validation], shuffle=False, verbose=0)
        history = validation.history
    detector.load_weights(os.path.join(run_dir, "checkpoints", "best.weights.h5"))
    with open(os.path.join(run_dir, "history.jsonl"), "w") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in history)
    return detector, history


def _create_detector(recipe, state):
    """A compiled detector with its first weights, or with those of a saved state."""
    keras.utils.set_random_seed(recipe.seed)
    detector = DeepfakeDetector(recipe)
    detector.compile(optimizer=create_optimizer(recipe), jit_compile=False)
    detector.optimizer.build(detector.trainable_variables)
    if state:
        detector.load_weights(state["weights"])
    else:
        pretrained.initialize(detector, recipe.initial_weights)
    return detector


def create_strategy(cpu_replicas):
    """A MirroredStrategy over all GPUs or the CPU, or over so many logical CPUs, to try distribution on one machine.

    Raises:
        ValueError: TensorFlow has begun its work, so that the CPU cannot be divided any more.
    """
    if not cpu_replicas:
        return tf.distribute.MirroredStrategy()
    devices = [tf.config.LogicalDeviceConfiguration() for _ in range(cpu_replicas)]
    try:
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
    except RuntimeError as error:
        raise ValueError(f"--cpu_replicas: {error}") from error
    return tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(cpu_replicas)])


def _keep_recipe(recipe, run_dir, resumed):
    """Write the recipe beside the checkpoints; refuse to go on with another one."""
    path = os.path.join(run_dir, "recipe.json")
    if resumed:
        with open(path) as stream:
            before = json.load(stream)
        changed = [key for key, value in recipe.model_dump().items() if before.get(key) != value]
        if changed:
            raise ValueError(
                f"{run_dir}: holds a training with another {', '.join(changed)}. Give another folder, or delete this one"
            )
    os.makedirs(run_dir, exist_ok=True)
    with open(path, "w") as stream:
        json.dump(recipe.model_dump(), stream, indent=2)


def save_model(detector, fitted, model_dir):
    """Write a calibrated detector below `model_dir`.

    Args:
        detector: a `DeepfakeDetector`.
        fitted: what `calibration.calibrate` returned for it.
        model_dir: receives `Format-Keras/model.keras`, the SavedModel `Format-Serving/`, and `calibration.json`. The
            SavedModel has a copy of the latter, since it is also used alone.
    """
    os.makedirs(os.path.join(model_dir, "Format-Keras"), exist_ok=True)
    detector.save(os.path.join(model_dir, "Format-Keras", "model.keras"))
    export.export_saved_model(detector, os.path.join(model_dir, "Format-Serving"))
    calibration.write(fitted, model_dir)


def recipe_list():
    """One line per recipe: its name and what it is."""
    width = max(map(len, RECIPES))
    return "\n".join(f"{name:{width}}  {meaning}" for name, (_, meaning) in RECIPES.items())


def define_flags():
    """Define this command's flags; every field of a recipe is one."""
    flags.DEFINE_string("examples", None, "Folder of face examples with Split-train/ and Split-val/.", required=True)
    flags.DEFINE_string("model_dir", None, "Where the model and the run's logs go.", required=True)
    flags.DEFINE_enum("recipe", "paper", list(RECIPES), "Named set of choices; the flags below override its fields.")
    flags.DEFINE_integer("validate_every", None, "Steps between validations; a tenth of the steps by default.")
    flags.DEFINE_integer("cpu_replicas", None, "Divide the CPU into so many replicas, to try distribution.", 1)
    flags.DEFINE_bool("list_recipes", False, "Show the recipes, one line each, and end.")
    for name, field in Recipe.model_fields.items():
        if name == "name":
            continue
        text = f"{field.description} Default of the paper recipe: {field.default}."
        kinds = typing.get_args(field.annotation) or (field.annotation,)
        if field.annotation is bool:
            flags.DEFINE_bool(name, None, text)
        elif isinstance(kinds[0], str):
            flags.DEFINE_enum(name, None, list(kinds), text)
        elif int in kinds:
            flags.DEFINE_integer(name, None, text)
        else:
            flags.DEFINE_float(name, None, text)


def main(_):
    """Command line: train, then write the model."""
    if not FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # else absl shows what Keras and TensorFlow note about every export
    overrides = {n: FLAGS[n].value for n in Recipe.model_fields if n != "name" and FLAGS[n].value is not None}
    try:
        recipe = get_recipe(FLAGS.recipe, **overrides)
        train_files = face_examples.find_files(FLAGS.examples, "train")
        try:
            val_files = face_examples.find_files(FLAGS.examples, "val")
        except face_examples.ExamplesError:
            print("no Split-val/ in the examples: the last weights are kept, since there is nothing to choose by")
            val_files = []
        os.makedirs(FLAGS.model_dir, exist_ok=True)
        run_dir = os.path.join(FLAGS.model_dir, "run")
        strategy = create_strategy(FLAGS.cpu_replicas)
        detector, history = train(recipe, train_files, val_files, run_dir, FLAGS.validate_every, strategy)
        fitted = calibration.calibrate(detector, val_files)
        save_model(detector, fitted, FLAGS.model_dir)
    except ValidationError as error:
        fields = (
            f"--{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']} (given: {e['input']})" for e in error.errors()
        )
        return _fail("\n".join(fields))
    except (ValueError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print("stopped before or after the steps; the same command goes on from the last saved state")
        return 128 + signal.SIGINT
    except Interrupted as stop:
        print(f"{stop}. The same command goes on from there.")
        return 128 + stop.number
    best = max(history, key=training_log.criterion)
    auc, video_auc = (training_log.figure(best.get(name)) for name in ("val_auc", "val_video_auc"))
    print(f"best: step {best['step']}, validation AUC {auc} (frames), {video_auc} (videos)")
    print(f"temperature: {fitted['frame']:.4g} (frames), {fitted['video']:.4g} (videos)"
          + (f" - {fitted['reason']}" if fitted["reason"] else ""))  # fmt: skip
    print(f"model: {os.path.join(FLAGS.model_dir, 'Format-Serving')}")
    print(f"TensorBoard: tensorboard --logdir {os.path.join(run_dir, 'logs')}")
    return 0


def _fail(message):
    print(f"error: {message}", flush=True)
    return 2


def parse_flags(argv):
    """Parse the command line; a wrong flag ends the program with 2 and the flag's name, --help and a list with 0."""
    if any(argument.lstrip("-") == "list_recipes" for argument in argv[1:]):  # it needs none of the required flags
        print(recipe_list())
        sys.exit(0)
    try:
        return FLAGS(argv)
    except flags.Error as error:
        sys.exit(_fail(f"{error} (--help lists the flags)"))
    except SystemExit:  # absl has shown the help and leaves with 1
        sys.exit(0)


def run():
    """Entry point of `python -m model.train`."""
    define_flags()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # before and after the steps it just ends the program
    app.run(main, flags_parser=parse_flags)


if __name__ == "__main__":
    run()
