"""Training from files to a model: it learns, keeps the best, stops and goes on, and tells what is wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from absl import flags
from scipy.special import expit

from artifacts import face_examples
from artifacts.errors import InputError
from model import calibration, checkpoints, scoring, train
from model.detector import TRACKED
from model.saved_model import read_calibration
from model.served import load_signature
from model.validation import criterion, validation_metrics

pytestmark = pytest.mark.slow  # it trains

ROOT = Path(__file__).parents[2]
FLAGS = {
    "recipe": "sample",
    "backbone": "resnet10",
    "image_size": 32,
    "embedding_size": 8,
    "batch_size": 8,
    "steps": 24,
    "validate_every": 8,
}


# --- in this process --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def run(tmp_path_factory, examples_dir, small_recipe):
    """One training of 40 steps with all three stages: its files, detector and history."""
    run_dir = tmp_path_factory.mktemp("run")
    train_files, val_files = (face_examples.find_files(str(examples_dir), split) for split in ("train", "val"))
    detector, history = train.train(small_recipe(), train_files, val_files, str(run_dir), validate_every=10)
    return SimpleNamespace(dir=run_dir, detector=detector, history=history, train=train_files, val=val_files)


def test_it_learns(run):
    assert max(row["val_auc"] for row in run.history) > 0.9
    assert run.history[-1]["cross_entropy"] < 0.6 * run.history[0]["cross_entropy"]


def test_the_history_tells_every_term_at_every_validation(run):
    assert [row["step"] for row in run.history] == [10, 20, 30, 40]
    with open(run.dir / "history.jsonl") as stream:
        assert [json.loads(line) for line in stream] == run.history
    for row in run.history:
        assert {"loss", "triplet", "cross_entropy", "weight_center", "learning_rate", "val_video_auc"} <= set(row)
    # Weight-Center acts from step 13 on, so the first ten steps hold none of it.
    assert run.history[0]["weight_center"] == 0 < run.history[1]["weight_center"]
    assert list((run.dir / "logs").glob("events*"))


def test_tensorboard_gets_every_term_between_validations_too(run):
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    events = EventAccumulator(str(run.dir / "logs"), {TENSORS: 0}).Reload()
    curves = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    for name in (*TRACKED, "learning_rate"):
        assert curves[f"training/{name}"] == [10, 20, 30, 40], name
    assert curves["validation/auc"] == [10, 20, 30, 40]


def test_the_detector_is_the_one_of_the_best_validation(run):
    metrics = validation_metrics(scoring.predictor(run.detector), run.val)
    best = max(run.history, key=criterion)
    for name, value in metrics.items():
        assert value == pytest.approx(best[name], abs=1e-6), name


def test_the_saved_model_is_the_detector(run, tmp_path, crop):
    fitted = calibration.calibrate(run.detector, run.val)
    assert fitted["faces"] == 16 and fitted["frame"] == float(run.detector.temperature.numpy())
    fitted["frame"] = 1.7  # these few faces are told apart, so that none was fitted
    run.detector.temperature.assign(1.7)
    train.save_model(run.detector, fitted, str(tmp_path))
    assert read_calibration(tmp_path) == read_calibration(tmp_path / "Format-Serving") == fitted
    crops = np.stack([crop(i % 2, 200 + i) for i in range(4)])
    expected = run.detector(crops)
    loaded = keras.saving.load_model(tmp_path / "Format-Keras" / "model.keras")(crops)
    served = load_signature(tmp_path / "Format-Serving")(keras.ops.convert_to_tensor(crops))
    for name in ("logit", "fake_probability"):
        assert loaded[name].numpy() == pytest.approx(expected[name].numpy(), abs=1e-5)
        assert served[name].numpy() == pytest.approx(expected[name].numpy(), abs=1e-5)
    probability = expit(expected["logit"].numpy() / fitted["frame"])
    assert served["fake_probability"].numpy() == pytest.approx(probability, abs=1e-5)
    run.detector.temperature.assign(1.0)


def test_a_finished_training_is_not_repeated(run, small_recipe):
    again, history = train.train(small_recipe(), run.train, run.val, str(run.dir), validate_every=10)
    assert history == run.history
    assert again.center.numpy().tolist() == run.detector.center.numpy().tolist()
    assert calibration.calibrate(again, run.val) == calibration.calibrate(run.detector, run.val)


def test_another_recipe_in_the_same_folder_is_refused(run, small_recipe):
    with pytest.raises(ValueError, match=r"holds a training with another learning_rate, seed\. Give another folder"):
        train.train(small_recipe(learning_rate=0.5, seed=9), run.train, run.val, str(run.dir))
    with open(run.dir / "recipe.json") as stream:
        assert json.load(stream) == small_recipe().model_dump()


def test_without_validation_files_the_last_weights_win(tmp_path, examples_dir, small_recipe):
    files = face_examples.find_files(str(examples_dir), "train")
    detector, history = train.train(small_recipe(steps=4), files, [], str(tmp_path), validate_every=2)
    assert [row["step"] for row in history] == [2, 4]
    assert "val_auc" not in history[0]
    assert int(detector.optimizer.iterations.numpy()) == 4


def test_a_cut_training_file_is_named_before_anything_is_written(tmp_path, write_tfrecord, face, small_recipe):
    path = write_tfrecord(tmp_path / "cut.tfrecord", [face(i % 2, i).serialize() for i in range(4)])
    (tmp_path / "cut.tfrecord").write_bytes((tmp_path / "cut.tfrecord").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"cut\.tfrecord: damaged or cut after 3 records"):
        train.train(small_recipe(), [path], [], str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


# --- the command ------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def command():
    """command(*arguments) is the exit code of the command line, run in this process, after its flags are parsed."""
    if "model_dir" not in flags.FLAGS:
        train.define_flags()

    def call(*arguments):
        flags.FLAGS.unparse_flags()
        for name in [*train.Recipe.model_fields, "examples", "model_dir", "recipe", "validate_every"]:
            if name in flags.FLAGS:
                flags.FLAGS[name].unparse()
        train.parse_flags(["train", *arguments])
        return train.main([])

    return call


@pytest.mark.parametrize(
    "flag, named",
    [
        ("--batch_size=7", "batch_size must be even"),
        ("--image_size=16", "--image_size: must be greater"),
        ("--learning_rate=-1", "--learning_rate: must be greater"),
        ("--steps=0", "--steps: must be greater"),
    ],
)
def test_a_value_out_of_range_ends_with_2_and_its_name(flag, named, command, examples_dir, tmp_path, capsys):
    assert command(f"--examples={examples_dir}", f"--model_dir={tmp_path / 'out'}", flag) == 2
    assert named in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_training_that_diverges_ends_with_2_and_exports_nothing(command, examples_dir, tmp_path, capsys):
    arguments = (f"--{name}={value}" for name, value in {**FLAGS, "learning_rate": 1e25}.items())
    assert command(f"--examples={examples_dir}", f"--model_dir={tmp_path}", *arguments) == 2
    (message,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error: ")]
    assert re.search(r"training diverged at step [2-8]: .*lower learning_rate .*; no state was saved yet", message)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["logs", "recipe.json"]


def test_weights_to_start_from_that_are_missing_end_with_2_and_their_name(command, examples_dir, tmp_path, capsys):
    flag = f"--initial_weights={tmp_path / 'gone.keras'}"
    assert command(f"--examples={examples_dir}", f"--model_dir={tmp_path / 'out'}", "--backbone=resnet10", flag) == 2
    assert f"initial_weights: {tmp_path / 'gone.keras'}: no such file" in capsys.readouterr().out


def test_a_folder_without_examples_ends_with_2_and_its_name(command, tmp_path, capsys):
    assert command(f"--examples={tmp_path / 'nowhere'}", f"--model_dir={tmp_path / 'out'}") == 2
    assert f"{tmp_path / 'nowhere'}: no such folder of face examples" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--examples=x", "--model_dir=y", "--triplet_mining=easy"], "--triplet_mining"),
        (["--examples=x", "--model_dir=y", "--no_such_flag=1"], "no_such_flag"),
        (["--examples=x", "--model_dir=y", "--recipe=papers"], "--recipe"),
        (["--examples=x"], "--model_dir"),
    ],
)
def test_a_wrong_flag_ends_with_2_and_its_name(arguments, named, command, capsys):
    with pytest.raises(SystemExit) as ended:
        command(*arguments)
    assert ended.value.code == 2
    assert named in capsys.readouterr().out


def start(*arguments):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "model.train", *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process, seconds=600):
    try:
        return process.communicate(timeout=seconds)[0]
    finally:
        process.kill()


def training(examples_dir, model_dir, **overrides):
    return start(
        f"--examples={examples_dir}",
        f"--model_dir={model_dir}",
        *(f"--{name}={value}" for name, value in {**FLAGS, **overrides}.items()),
    )


def read_weights(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_a_stopped_training_goes_on_to_the_same_end(examples_dir, tmp_path, command, capsys):
    stopped, whole = (training(examples_dir, tmp_path / name) for name in ("stopped", "whole"))
    lines = []
    watchdog = threading.Timer(600, stopped.kill)
    watchdog.start()
    for line in stopped.stdout:
        lines.append(line)
        if line.startswith("step 8: validation"):
            stopped.send_signal(signal.SIGTERM)
            break
    lines.append(finish(stopped))
    watchdog.cancel()
    assert stopped.returncode == 128 + signal.SIGTERM, "".join(lines)
    assert "its state is saved. The same command goes on from there." in lines[-1]
    state, _ = checkpoints.load_state(str(tmp_path / "stopped" / "run"))
    assert 8 <= state["step"] < 24
    assert not (tmp_path / "stopped" / "Format-Serving").exists()

    # Another recipe does not go on from there.
    arguments = (f"--{name}={value}" for name, value in {**FLAGS, "seed": 77}.items())
    assert command(f"--examples={examples_dir}", f"--model_dir={tmp_path / 'stopped'}", *arguments) == 2
    assert "holds a training with another seed" in capsys.readouterr().out

    resumed = training(examples_dir, tmp_path / "stopped")
    output, other = finish(resumed), finish(whole)
    assert (resumed.returncode, whole.returncode) == (0, 0), output + other
    assert f"steps {state['step']} to 24" in output
    for name in ("state-24", "best"):
        one, two = (
            read_weights(tmp_path / folder / "run" / "checkpoints" / f"{name}.weights.h5")
            for folder in ("stopped", "whole")
        )
        assert one.keys() == two.keys() and len(one) > 50
        for key in one:
            np.testing.assert_array_equal(one[key], two[key], err_msg=f"{name}: {key}")
    histories = [
        [json.loads(line) for line in (tmp_path / folder / "run" / "history.jsonl").read_text().splitlines()]
        for folder in ("stopped", "whole")
    ]
    for one, two in zip(*histories, strict=True):  # means of the same numbers, added in another order
        assert one == pytest.approx(two, rel=1e-6)
    for folder in ("stopped", "whole"):
        assert (tmp_path / folder / "Format-Keras" / "model.keras").exists()
        assert (tmp_path / folder / "Format-Serving" / "saved_model.pb").exists()
    one, two = (read_calibration(tmp_path / folder) for folder in ("stopped", "whole"))
    assert one == two and one["faces"] == 16
    assert f"temperature: {one['frame']:.4g} (frames), {one['video']:.4g} (videos)" in other


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_killed_training_goes_on_to_the_same_bits(replicas, examples_dir, tmp_path):
    """SIGKILL within the second of three stages, some steps after the last saved state."""
    choices = {"validate_every": 5, "augmentation": "forensic", "cpu_replicas": replicas}
    killed = training(examples_dir, tmp_path / "killed", **choices)
    watchdog = threading.Timer(600, killed.kill)
    watchdog.start()
    lines = []
    for line in killed.stdout:
        lines.append(line)
        if line.startswith("step 10: validation"):
            break
    killed.kill()
    assert killed.wait() == -signal.SIGKILL, "".join(lines)
    killed.stdout.close()
    watchdog.cancel()
    state, _ = checkpoints.load_state(str(tmp_path / "killed" / "run"))
    assert 10 <= state["step"] < 16

    for name in ("killed", "whole"):
        process = training(examples_dir, tmp_path / name, **choices)
        output = finish(process)
        assert process.returncode == 0, output
        assert (
            f"{replicas} replica(s), from random weights, steps {state['step'] if name == 'killed' else 0} to 24"
            in output
        )
    one, two = (
        read_weights(tmp_path / folder / "run" / "checkpoints" / "state-24.weights.h5")
        for folder in ("killed", "whole")
    )
    assert one.keys() == two.keys() and len(one) > 50
    for key in one:  # weights, momenta, batch statistics, the centre, the step
        np.testing.assert_array_equal(one[key], two[key], err_msg=key)


def test_the_recipes_are_listed_without_any_other_flag():
    process = start("--list_recipes")
    output = finish(process)
    assert process.returncode == 0
    listed = [line.split("  ")[0] for line in output.splitlines() if "  " in line]
    assert listed == list(train.RECIPES)


def test_other_faces_in_the_same_folder_are_refused(run, small_recipe):
    with pytest.raises(ValueError, match=r"holds a training on other face examples\. Give another folder"):
        train.train(small_recipe(), run.train[:1] + run.val, run.val, str(run.dir), validate_every=10)


def test_weights_to_start_from_serve_the_first_step_only(run, tmp_path, small_recipe):
    run.detector.save(tmp_path / "model.keras")
    recipe = small_recipe(steps=2, initial_weights=str(tmp_path / "model.keras"), learning_rate=1e-9)
    detector, _ = train.train(recipe, run.train, run.val, str(tmp_path / "run"))
    for ours, theirs in zip(detector.trainable_variables, run.detector.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert detector.center.numpy() != pytest.approx(run.detector.center.numpy(), abs=1e-9)


def test_without_a_classifier_the_similarity_to_the_centre_chooses(run, tmp_path, small_recipe):
    recipe = small_recipe(cross_entropy_weight=0, expander=False)
    detector, history = train.train(recipe, run.train, run.val, str(tmp_path / "run"), validate_every=20)
    assert [row["val_acc"] for row in history] == [None, None]
    rows = scoring.join_batches(scoring.score_examples(scoring.predictor(detector), run.val))
    expected = scoring.accuracy_and_auc(rows["label"], -rows["center_similarity"])["auc"]
    assert max(row["val_auc"] for row in history) == pytest.approx(expected, abs=1e-6)


def test_help_and_wrong_flags_end_without_a_training(tmp_path):
    runs = {"help": start("--help"), "wrong": start("--examples=x", f"--model_dir={tmp_path / 'out'}", "--steps=abc")}
    output = {name: finish(process) for name, process in runs.items()}
    assert {name: process.returncode for name, process in runs.items()} == {"help": 0, "wrong": 2}
    for flag in ("--examples", "--model_dir", "--recipe", "--learning_rate", "--[no]expander"):
        assert flag in output["help"]
    assert "--steps=abc" in output["wrong"] and "Traceback" not in output["wrong"]
    assert not (tmp_path / "out").exists()
