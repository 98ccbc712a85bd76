"""A training that is stopped or killed goes on to the same bits as one that nobody interrupted."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from artifacts import face_examples
from model import checkpoints, training
from model.recipes import get_recipe
from model.saved_model import read_calibration

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_resnet")]  # it trains, also in other processes

ROOT = Path(__file__).parents[2]
RECIPE = {"backbone": "resnet10", "image_size": 32, "embedding_size": 8, "batch_size": 8, "steps": 24}
FORENSIC, PAPER = ({**RECIPE, "augmentation": name} for name in ("forensic", "paper"))
EVERY = 5  # steps between two validations; the stages of 24 steps begin at 0, 8 and 16

TRAIN = "from tests.fixtures import tiny_resnet; tiny_resnet.train()"
# Goes on in the first folder, then trains in the second one from the start.
ON_REPLICAS = """
import json, sys
from commands.quiet import import_tensorflow
import_tensorflow()
from artifacts import face_examples
from model import training
from model.recipes import get_recipe
from tests.fixtures import tiny_resnet

tiny_resnet.shrink()
recipe, examples, every, replicas = json.loads(sys.argv[1])
strategy = training.create_strategy(replicas)
files = [face_examples.find_files(examples, split) for split in ("train", "val")]
for folder in sys.argv[2:]:
    training.train(get_recipe("sample", **recipe), *files, folder, every, strategy)
"""


def start(program, *arguments):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def flags_of(examples_dir, model_dir, recipe, **others):
    values = {"examples": examples_dir, "model_dir": model_dir, "recipe": "sample", "validate_every": EVERY}
    return [f"--{name}={value}" for name, value in {**values, **recipe, **others}.items()]


def interrupt(number, *arguments):
    """Train in another process, and send it a signal after step 10; returns what it printed, when it has ended."""
    process = start(TRAIN, *arguments)
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("step 10: validation"):
            process.send_signal(number)
            break
    lines.append(process.communicate()[0])
    watchdog.cancel()
    assert process.returncode == (128 + number if number == signal.SIGTERM else -number), "".join(lines)
    return "".join(lines)


def read_weights(run_dir, name):
    found = {}
    with h5py.File(run_dir / "checkpoints" / f"{name}.weights.h5") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def assert_same_bits(one, other, *names):
    """Weights, momenta, batch statistics, the centre and the step of two runs."""
    for name in names:
        ours, theirs = read_weights(one, name), read_weights(other, name)
        assert ours.keys() == theirs.keys() and len(ours) > 40
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=f"{name}: {key}")


def history(run_dir):
    return [json.loads(line) for line in (run_dir / "history.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, examples_dir, train_command):
    """The folder of a training that nobody interrupted; `printed.txt` is what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert train_command(*flags_of(examples_dir, folder, FORENSIC)) == 0
    (folder / "printed.txt").write_text(printed.getvalue())
    return folder


def test_a_stopped_training_goes_on_to_the_same_end(examples_dir, tmp_path, train_command, whole, capsys):
    arguments = flags_of(examples_dir, tmp_path, FORENSIC)
    printed = interrupt(signal.SIGTERM, *arguments)
    assert "its state is saved. The same command goes on from there." in printed.splitlines()[-1]
    state, _ = checkpoints.load_state(str(tmp_path / "run"))
    assert 10 <= state["step"] < 24
    assert not (tmp_path / "Format-Serving").exists()

    # Another recipe does not go on from there.
    assert train_command(*flags_of(examples_dir, tmp_path, FORENSIC, seed=77)) == 2
    assert "holds a training with another seed" in capsys.readouterr().out

    assert train_command(*arguments) == 0
    assert f"steps {state['step'] + 1} to 24" in capsys.readouterr().out
    assert_same_bits(tmp_path / "run", whole / "run", "state-24", "best")
    for one, two in zip(history(tmp_path / "run"), history(whole / "run"), strict=True):
        assert one == pytest.approx(two, rel=1e-6)  # means of the same numbers, added in another order
    for folder in (tmp_path, whole):
        assert (folder / "Format-Keras" / "model.keras").exists()
        assert (folder / "Format-Serving" / "saved_model.pb").exists()
    one, two = read_calibration(tmp_path), read_calibration(whole)
    assert one == two and one["faces"] == 16
    told = f"temperature: {one['frame']:.4g} (frames), {one['video']:.4g} (videos)"
    assert told in (whole / "printed.txt").read_text()


def test_a_killed_training_goes_on_to_the_same_bits(examples_dir, tmp_path, whole, capsys):
    """SIGKILL within the second of three stages, some steps after the last saved state."""
    interrupt(signal.SIGKILL, *flags_of(examples_dir, tmp_path, FORENSIC))
    state, _ = checkpoints.load_state(str(tmp_path / "run"))
    assert 10 <= state["step"] < 16
    files = [face_examples.find_files(str(examples_dir), split) for split in ("train", "val")]
    training.train(get_recipe("sample", **FORENSIC), *files, str(tmp_path / "run"), EVERY)
    assert f"1 replica, from random weights, steps {state['step'] + 1} to 24" in capsys.readouterr().out
    assert_same_bits(tmp_path / "run", whole / "run", "state-24")


def test_a_killed_training_on_replicas_goes_on_to_the_same_bits(examples_dir, tmp_path):
    """As with one; the CPU can only be divided in a process of its own."""
    interrupt(signal.SIGKILL, *flags_of(examples_dir, tmp_path / "killed", PAPER, cpu_replicas=2))
    state, _ = checkpoints.load_state(str(tmp_path / "killed" / "run"))
    assert 10 <= state["step"] < 16
    folders = [tmp_path / "killed" / "run", tmp_path / "whole"]
    process = start(ON_REPLICAS, json.dumps([PAPER, str(examples_dir), EVERY, 2]), *map(str, folders))
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    for first in (state["step"], 0):
        assert f"2 replicas, from random weights, steps {first + 1} to 24" in printed
    assert_same_bits(*folders, "state-24")
