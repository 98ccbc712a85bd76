"""A recipe on Keras's JAX backend trains as `model.detector` does on TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_training.recipe_run import batches
from benchmarks.gpu_training.sampler import Pairs
from model.backbones import normalize_pixels
from model.detector import DeepfakeDetector
from model.optimizer import create_optimizer
from model.recipes import get_recipe

ROOT = Path(__file__).parents[2]
OVERRIDES = {
    "backbone": "resnet10", "image_size": 32, "batch_size": 8, "steps": 6, "decay_every": 2, "decay_rate": 0.5,
    "learning_rate": 1e-4,  # rounding grows with each larger step
}  # fmt: skip
STAGES = {"weight_center_start": 1, "expander_start": 3}
STEPS = """
import json, sys
sys.modules["tensorflow"] = None  # it must run where there is none
import numpy as np
from benchmarks.gpu_training.recipe_run import Training
from model.recipes import get_recipe

name, overrides, path = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
training = Training(get_recipe(name, **overrides))
with np.load(path) as found:
    chunk = {key: found[key] for key in ("step", "places", "mirrored", "partners")}
    pixels, weights = found["pixels"], [found[f"w{k}"] for k in range(len(training.state["trained"]))]
shapes = [w.shape for w in training.state["trained"]]
assert shapes == [w.shape for w in weights], shapes
training.state["trained"] = weights
state, terms = training.steps(training.state, pixels, chunk)
training.state = state
arrays = {f"{key}{k}": w for key in ("trained", "moving") for k, w in enumerate(state[key])}
np.savez(path + ".out.npz", terms=terms, center=state["center"], logits=training.logits(state, pixels), **arrays)
"""

pytestmark = pytest.mark.slow


def jax_or_skip():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")


def on_jax(*arguments):
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "stages"), [("paper", STAGES), ("cross_entropy", {})])
def test_steps_are_those_of_the_detector(name, stages, tmp_path):
    jax_or_skip()
    overrides = OVERRIDES | stages
    recipe = get_recipe(name, **overrides)
    detector = DeepfakeDetector(recipe)
    detector.preprocess = lambda crops: normalize_pixels(recipe.backbone, crops)  # these crops have that size
    detector.compile(optimizer=create_optimizer(recipe))
    random = np.random.default_rng(3)
    for variable in detector.trainable_variables:  # zero gammas would hide most of the network
        if variable.name == "gamma":
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    pixels = random.integers(0, 256, (24, 32, 32, 3), np.uint8)
    sampler = Pairs(np.arange(24) % 2, (np.arange(24) // 2).astype(str), recipe.batch_size, seed=0)
    (chunk,) = batches(sampler, np.arange(24), recipe.steps, seed=0)
    weights = {f"w{k}": v.numpy() for k, v in enumerate(detector.trainable_variables)}
    np.savez(tmp_path / "start.npz", pixels=pixels, **chunk, **weights)
    on_jax("-c", STEPS, name, json.dumps(overrides), str(tmp_path / "start.npz"))
    losses = []
    for places, mirrored in zip(chunk["places"], chunk["mirrored"], strict=True):
        crops = pixels[places].astype(np.float32)
        crops[mirrored] = crops[mirrored, :, ::-1]
        detector.reset_metrics()
        losses.append(float(detector.train_step((crops, np.arange(8) % 2))["loss"]))
    with np.load(tmp_path / "start.npz.out.npz") as found:
        assert found["terms"][:, 0] == pytest.approx(losses, rel=1e-4)
        assert found["center"] == pytest.approx(detector.center.numpy(), abs=1e-4)
        for k, variable in enumerate(detector.trainable_variables):
            learnt, wanted = found[f"trained{k}"] - weights[f"w{k}"], variable.numpy() - weights[f"w{k}"]
            assert learnt == pytest.approx(wanted, abs=0.02 * float(abs(wanted).max())), variable.path
        for k, variable in enumerate(detector.backbone.non_trainable_variables):
            value = variable.numpy()
            assert found[f"moving{k}"] == pytest.approx(value, abs=1e-4 * float(abs(value).max())), variable.path
        logit = detector(pixels.astype(np.float32))["logit"].numpy()
        assert found["logits"] == pytest.approx(logit, abs=1e-3)


def test_the_command_writes_figures(tmp_path):
    """From a small pack to a line for each assessment."""
    jax_or_skip()
    random = np.random.default_rng(0)
    names = np.arange(72)
    split = np.array(["train"] * 48 + ["val"] * 12 + ["test"] * 12)
    np.savez(
        tmp_path / "index.npz", part=np.zeros(72, int), label=names % 2, original=(names // 2).astype(str), split=split,
        found=np.ones(72, bool), to_source=np.zeros((72, 2, 3)),
    )  # fmt: skip
    np.save(tmp_path / "aligned-0.npy", random.integers(0, 256, (72, 32, 32, 3), np.uint8))
    settings = [f"{key}={value}" for key, value in (OVERRIDES | STAGES).items()]
    command = ["-m", "benchmarks.gpu_training.recipe_run", "--recipe=paper", f"--data={tmp_path}", "--every=3"]
    printed = on_jax(*command, f"--out={tmp_path / 'o.jsonl'}", "--set", *settings)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert len(lines) == len(printed.splitlines()) and lines[-1]["step"] == 6 and lines[-1]["faces"] == 48
    assert 0 <= lines[-1]["test_auc"] <= 1 and lines[-1]["terms"]["triplet"] > 0


def test_what_is_not_built_is_refused():
    from benchmarks.gpu_training.recipe_run import Training

    with pytest.raises(ValueError, match="only recipes with initial_weights='random' run here, not 'imagenet'"):
        Training(get_recipe("lite"))
