"""Train a detector on a folder of face examples.

    python -m model.train --examples=EXAMPLES --model_dir=OUT [--recipe=paper]

EXAMPLES is a folder with Split-train/*.tfrecord and, for choosing the best
checkpoint and for calibration, Split-val/*.tfrecord. OUT receives the model
(Format-Keras/, Format-Serving/ and calibration.json) and the run's files in
run/ (checkpoints, history, TensorBoard logs). After an interruption, run the
same command again: it goes on where it stopped.
"""

import os
import shutil
import sys
import textwrap
import typing
from collections.abc import Sequence

from absl import app, flags, logging
from pydantic import ValidationError

from artifacts import layout
from artifacts.errors import InputError
from artifacts.preprocessing import read_of_examples
from artifacts.visible import require_text
from commands import progress
from commands.parser import underscored, version
from commands.problems import of_flags
from commands.quiet import import_tensorflow
from commands.signals import STOP, Interrupted, StopSignals, exit_code, leave
from commands.terminal import guard_terminal
from model.flag_errors import in_words
from model.recipes import RECIPES, Recipe, get_recipe

FLAGS = flags.FLAGS


def recipe_list() -> str:
    """Return each recipe's name and what it is, filled to the terminal's width."""
    margin = max(map(len, RECIPES)) + 2
    columns = max(shutil.get_terminal_size().columns, margin + 30)
    return "\n".join(
        textwrap.fill(f"{name:{margin}}{meaning}", columns, subsequent_indent=" " * margin)
        for name, (_, meaning) in RECIPES.items()
    )


def define_flags() -> None:
    """Define this command's flags; every field of a recipe is one."""
    flags.DEFINE_string("examples", None, "Folder of face examples with Split-train/ and Split-val/.", required=True)
    flags.DEFINE_string("model_dir", None, "Folder for the model and the run's files.", required=True)
    flags.DEFINE_enum("recipe", "paper", list(RECIPES), "Named set of choices; the flags below override its fields.")
    flags.DEFINE_integer("validate_every", None, "Steps between validations. Default: a tenth of the steps.", 1)
    flags.DEFINE_integer("cpu_replicas", None, "Divide the CPU into so many replicas, to try distribution.", 1)
    flags.DEFINE_bool("list_recipes", False, "Show the recipes and exit.")
    flags.DEFINE_bool("version", False, "Show the version and exit.")
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


def help_text() -> str:
    """Return what the command does and all its flags, without absl's own."""
    _, _, flags_of_this = FLAGS.main_module_help().partition(":\n")  # the first line is this file's path
    return f"{(__doc__ or '').strip()}\n\nflags:\n\n{flags_of_this.rstrip()}"


def main(_: Sequence[str]) -> int:
    """Run the command, after its flags are parsed, and return its exit code."""
    if not FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # otherwise absl shows Keras's and TensorFlow's notes on every export
    try:
        with StopSignals(tells=True):
            _train_and_save()
        return 0
    except ValidationError as error:
        return _fail("\n".join(of_flags(error, Recipe.model_fields)))
    except (ValueError, OSError) as error:
        of_field = str(error).partition(":")[0] in Recipe.model_fields
        return _fail(f"{'--' if of_field else ''}{error}")
    except KeyboardInterrupt as interrupted:
        print("stopped before or after the training steps; the same command goes on from the last saved state")
        return exit_code(interrupted.args[0])
    except Interrupted as interrupted:
        print(f"{interrupted}. The same command goes on from there.")
        return exit_code(interrupted.number)


def _train_and_save() -> None:
    """Train by the flags, write the model, and print what it is."""
    import_tensorflow()
    from artifacts import face_examples  # these take seconds to import
    from model.calibration import calibrate
    from model.training import create_strategy, save_model, train
    from model.validation import criterion, figure

    overrides = {n: FLAGS[n].value for n in Recipe.model_fields if n != "name" and FLAGS[n].value is not None}
    recipe = get_recipe(FLAGS.recipe, **overrides)
    for name in ("examples", "model_dir"):
        require_text(FLAGS[name].value, f"--{name}")
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
    with progress.busy("calibrating"):
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
    argv = underscored(argv, FLAGS)
    answers = {"help": help_text, "h": help_text, "list_recipes": recipe_list, "version": version}
    for name, answer in answers.items():
        if any(argument in (f"-{name}", f"--{name}") for argument in argv[1:]):  # without the required flags
            print(answer())
            sys.exit(0)
    try:
        rest: list[str] = FLAGS(argv)
    except flags.Error as error:
        sys.exit(_fail(f"{in_words(error)} (--help lists the flags)"))
    except SystemExit:  # absl has shown the help and exits with 1
        sys.exit(0)
    if rest[1:]:
        sys.exit(_fail(f"unrecognized arguments: {' '.join(rest[1:])} (--help lists the flags)"))
    return rest


def run() -> None:
    """Run `python -m model.train`."""
    guard_terminal()  # before absl takes standard error for its log
    define_flags()
    try:
        app.run(main, flags_parser=parse_flags)
    except SystemExit as ended:
        if isinstance(ended.code, int) and ended.code in map(exit_code, STOP):
            leave(ended.code)
        raise


if __name__ == "__main__":
    run()
