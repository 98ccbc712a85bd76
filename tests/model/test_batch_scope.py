"""Losses within each replica's share of the batch, against the two halves computed one after the other."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from artifacts.errors import InputError
from artifacts.face_examples import find_files
from model.record_index import index_records
from model.spread import contraction_warning
from model.training import _check_batch, train

SCRIPT = """
import json, sys
from commands.quiet import import_tensorflow
tf = import_tensorflow()
import keras, numpy as np
from model import detector as module
from model.detector import DeepfakeDetector
from model.optimizer import create_optimizer
from model.recipes import Recipe

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
keras.config.set_floatx("float64")


def tiny_network(name, size, synchronized):
    images = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(6, 8, 8, use_bias=False)(images)
    x = keras.layers.BatchNormalization(momentum=0.9, synchronized=synchronized)(x)
    return keras.Model(images, keras.layers.GlobalMaxPooling2D()(x))


module.create_backbone = tiny_network
fields = json.loads(sys.argv[1])
steps = fields["steps"]
crops = np.random.default_rng(0).integers(0, 256, (steps, 8, 256, 256, 3), dtype=np.uint8)
labels = np.array([0, 1] * 4)


def build(scope):
    keras.utils.set_random_seed(5)
    detector = DeepfakeDetector(Recipe.model_validate(fields | {"batch_scope": scope}))
    detector.compile(optimizer=create_optimizer(detector.recipe), jit_compile=False)
    detector.optimizer.build(detector.trainable_variables)
    return detector


def on_two_replicas():
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        detector = build("replica")
    data = tf.data.Dataset.from_tensor_slices((crops.reshape(-1, 256, 256, 3), np.tile(labels, steps))).batch(8)
    logs = detector.fit(data, epochs=1, shuffle=False, verbose=0).history
    return {name: values[0] for name, values in logs.items()}, [v.numpy().tolist() for v in detector.weights]


def one_after_the_other(shares):
    detector, figures = build("global"), []
    for images in crops:
        before, after = [v.numpy() for v in detector.non_trainable_variables], []
        for share in np.split(np.arange(8), shares):
            for variable, value in zip(detector.non_trainable_variables, before):
                variable.assign(value)
            y = tf.constant(labels[share])
            with tf.GradientTape() as tape:
                outputs = detector(tf.constant(images[share]), training=True)
                terms = detector.multi_metric_loss(outputs["embedding"], outputs["logits"], y)
                loss = terms["loss"] + detector.weight_penalty()
            gradients = tape.gradient(loss, detector.trainable_variables)
            terms["center_shift"] = detector.move_center(outputs["embedding"], y)
            figures.append({name: float(value) for name, value in terms.items()})
            after.append((gradients, [v.numpy() for v in detector.non_trainable_variables]))
        for variable, *values in zip(detector.non_trainable_variables, *(values for _, values in after)):
            variable.assign(np.mean(values, axis=0))
        mean = [sum(of_shares) / shares for of_shares in zip(*(gradients for gradients, _ in after))]
        detector.optimizer.apply(mean, detector.trainable_variables)
    return {name: np.mean([row[name] for row in figures]) for name in figures[0]}, [
        v.numpy().tolist() for v in detector.weights
    ]


print(json.dumps({"replica": on_two_replicas(), "halves": one_after_the_other(2), "whole": one_after_the_other(1)}))
"""


@pytest.mark.slow
def test_a_step_on_shares_is_the_mean_of_their_steps(small_recipe):
    """Weights, batch statistics, the centre and all figures, over the three stages."""
    recipe = small_recipe(steps=4, weight_center_start=1, expander_start=2, weight_decay=0.01, momentum=0.5)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json()],
        cwd=Path(__file__).parents[2], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    (figures, weights), (expected_figures, expected_weights) = results["replica"], results["halves"]
    assert figures == pytest.approx(expected_figures, abs=1e-10)
    assert figures["weight_center"] > 0.1 and figures["center_shift"] > 0.01
    assert len(weights) == len(expected_weights) == 11  # convolution, norm, two dense layers, centre, temperature
    for one, other in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)
    # The whole batch is another matter.
    differences = [np.abs(np.subtract(*pair)).max() for pair in zip(weights, results["whole"][1], strict=True)]
    assert max(differences) > 1e-3


def test_shares_of_another_number_of_replicas_do_not_go_on(small_recipe, examples_dir, tmp_path):
    files, folder = find_files(str(examples_dir), "train"), tmp_path / "checkpoints"
    folder.mkdir()
    state = {"step": 1, "history": [], "sums": {}, "summed": 0, "examples": index_records(files).digest()}
    h5py.File(folder / "state-1.weights.h5", "w").close()
    (folder / "state.json").write_text(json.dumps({**state, "replicas": 2, "weights": "state-1.weights.h5"}))
    message = r"holds a training on 2 replicas, and batch_scope=replica depends on their number\. Received: 1 replicas"
    with pytest.raises(InputError, match=message):
        train(small_recipe(batch_scope="replica"), files, [], str(tmp_path))


def test_a_share_must_hold_a_triplet(small_recipe):
    _check_batch(small_recipe(batch_size=8, batch_scope="replica"), 2)
    _check_batch(small_recipe(batch_size=8), 4)
    with pytest.raises(InputError, match=r"at least 16 for batch_scope=replica.*batch_size=8, 4 replicas"):
        _check_batch(small_recipe(batch_size=8, batch_scope="replica"), 4)
    with pytest.raises(InputError, match="batch_size must be a multiple of 6"):
        _check_batch(small_recipe(batch_size=8), 3)


def test_partners_weigh_more_among_the_fewer_negatives_of_a_share(small_recipe):
    row = {"active_triplets": 1.0, "signal_to_spread": 0.15, "partner_share": 0.8, "weight_center_pull": 0.0}
    assert "< 0.20 (partners" in contraction_warning(small_recipe(batch_size=16), row, replicas=4)
    assert contraction_warning(small_recipe(batch_size=64), row, replicas=4) is None
    shares = small_recipe(batch_size=64, batch_scope="replica")
    assert "< 0.20 (partners" in contraction_warning(shares, row, replicas=4)
