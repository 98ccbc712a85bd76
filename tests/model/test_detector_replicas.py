"""A training on several replicas equals one on the global batch, and each part that makes it so is needed."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # it trains in processes of its own

REPLICAS = """
import inspect, json, sys, textwrap
from pathlib import Path
from commands.quiet import import_tensorflow
tf = import_tensorflow()
import keras, numpy as np
from model import detector as module
from model.detector import DeepfakeDetector
from model.optimizer import create_optimizer
from model.recipes import Recipe
from tests.fixtures import tiny_resnet

tiny_resnet.shrink()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
keras.config.set_floatx("float64")
recipe = Recipe.model_validate(json.loads(sys.argv[1]))
rng = np.random.default_rng(0)
crops = rng.integers(0, 256, (6 * 8, 256, 256, 3), dtype=np.uint8)
labels = np.array([0, 1] * 24)
labels[16:24] = [1, 1, 1, 1, 0, 0, 0, 0]  # in this step one of two replicas has no real and the other no fake


class Log(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.rows.append({name: float(logs[name]) for name in logs})


def run():
    log = Log()
    log.rows = []
    with strategy.scope():
        keras.utils.set_random_seed(5)
        detector = DeepfakeDetector(recipe)
        detector.compile(optimizer=create_optimizer(recipe), jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices((crops, labels)).batch(8)
    detector.fit(data, epochs=1, shuffle=False, verbose=0, callbacks=[log])
    return log.rows, [(v.path, v.numpy()) for v in detector.weights], detector.center.numpy()


def without_gather():
    module.replicas.gather = lambda *tensors: tensors


def without_scaling():
    source = textwrap.dedent(inspect.getsource(DeepfakeDetector.train_step))
    assert ") / replicas.count()" in source
    scope = {}
    exec(source.replace(") / replicas.count()", ")"), vars(module), scope)
    DeepfakeDetector.train_step = scope["train_step"]


def without_synchronized_norms():
    create = module.create_backbone
    module.create_backbone = lambda name, size, synchronized: create(name, size)


CHANGES = (without_gather, without_scaling, without_synchronized_norms)
whole = module.replicas.gather, DeepfakeDetector.train_step, module.create_backbone
folder, replicas = Path(sys.argv[2]), int(sys.argv[3])
strategy = tf.distribute.MirroredStrategy([f"CPU:{k}" for k in range(replicas)])  # one: it numbers its collectives
for name in sys.argv[4:]:
    module.replicas.gather, DeepfakeDetector.train_step, module.create_backbone = whole
    for change in CHANGES:
        if change.__name__ == name:
            change()
    rows, weights, center = run()
    path = folder / f"{replicas}-{name}"
    path.with_suffix(".json").write_text(json.dumps(rows))
    arrays = {name.replace("/", "|"): value for name, value in weights}
    np.savez(path.with_suffix(".npz"), center=center, **arrays)
"""
EXACT = "exact"
CHANGES = ("without_gather", "without_scaling", "without_synchronized_norms")


@pytest.fixture(scope="module")
def trained(small_recipe, tmp_path_factory):
    """(replicas, change) -> (losses of six steps, weights by name).

    From a process for each number of replicas: logical devices and floatx are set before anything else runs, and
    collectives are for one number of devices only.
    """
    # 64 pixels: at 32 the last batch statistics are over a handful of values, and rounding grows to 1e-12 in six steps.
    recipe = small_recipe(
        steps=6, image_size=64, weight_center_start=2, expander_start=4, weight_decay=0.01, triplet_partner="exclude"
    )
    folder, found = tmp_path_factory.mktemp("replicas"), {}
    for replicas, changes in {1: [EXACT], 2: [EXACT, *CHANGES], 4: [EXACT]}.items():
        done = subprocess.run(
            [sys.executable, "-c", REPLICAS, recipe.model_dump_json(), str(folder), str(replicas), *changes],
            cwd=Path(__file__).parents[2], capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        for change in changes:
            path = folder / f"{replicas}-{change}"
            with np.load(path.with_suffix(".npz")) as arrays:
                found[replicas, change] = json.loads(path.with_suffix(".json").read_text()), dict(arrays)
    return found


def largest_differences(one, other):
    """Of losses, weights, batch statistics and the centre."""
    (rows, weights), (other_rows, other_weights) = one, other
    found = {"losses": max(abs(a[k] - b[k]) for a, b in zip(rows, other_rows, strict=True) for k in a)}
    for (name, a), b in zip(weights.items(), other_weights.values(), strict=True):
        kind = "center" if name == "center" else "statistics" if "moving" in name else "weights"
        found[kind] = max(found.get(kind, 0.0), float(np.abs(a - b).max()))
    assert len(found) == 4
    return found


def test_several_replicas_equal_one(trained):
    rows, weights = one = trained[1, EXACT]
    # Both stage borders are crossed, and every step does something.
    assert [row["weight_center"] > 0.1 for row in rows] == [False, False, True, True, True, True]
    assert all(abs(a["loss"] - b["loss"]) > 1e-3 for a, b in itertools.pairwise(rows))
    assert np.linalg.norm(weights["center"]) > 0.1
    for replicas in (2, 4):
        for what, difference in largest_differences(one, trained[replicas, EXACT]).items():
            assert difference < 1e-12, (replicas, what)


@pytest.mark.parametrize("change", CHANGES)
def test_what_makes_replicas_equal_cannot_be_left_out(change, trained):
    assert largest_differences(trained[1, EXACT], trained[2, change])["weights"] > 1e-4
