"""InfraValidator: the executor."""

import json
import os
import subprocess
import sys
import tempfile

from artifacts.errors import InputError
from components.base import Context

# Runs with `python -I` in an empty folder. It must import nothing of this project.
PROBE = r"""
import json, sys
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
crops = tf.cast(tf.random.stateless_uniform([3, 256, 256, 3], [1, 2], 0, 256, tf.int32), tf.uint8)
encoded = tf.stack([tf.io.encode_png(crop) for crop in crops])
answers = {
    "crops": model.signatures["crops"](crops=crops),
    "serving_default": model.signatures["serving_default"](image_bytes=encoded),
}
for name, answer in answers.items():
    wanted = {"fake_probability", "logit", "center_similarity", "embedding"}
    assert set(answer) == wanted, f"{name} returns {sorted(answer)}, not {sorted(wanted)}"
    for key, value in answer.items():
        assert value.shape[0] == 3, f"{name}.{key} has shape {value.shape} for 3 faces"
        assert bool(tf.reduce_all(tf.math.is_finite(value))), f"{name}.{key} is not finite"
    p = answer["fake_probability"]
    assert bool(tf.reduce_all((p >= 0) & (p <= 1))), f"{name}.fake_probability leaves [0, 1]"
for name in {"heat_maps"} & set(model.signatures):  # models that were exported before there was one lack it
    heat = model.signatures[name](crops=crops)["heat_map"]
    assert heat.shape == (3, 256, 256), f"{name}.heat_map has shape {heat.shape} for 3 faces"
    assert bool(tf.reduce_all((heat >= 0) & (heat <= 1))), f"{name}.heat_map leaves [0, 1]"
gap = float(tf.reduce_max(tf.abs(answers["crops"]["logit"] - answers["serving_default"]["logit"])))
assert gap < 1e-4, f"the two signatures differ by {gap} in the logit of one picture"
ours = {"model", "components", "pipeline", "keras"} & {m.split(".")[0] for m in sys.modules if sys.modules[m]}
assert not ours & {"model", "components", "pipeline"}, f"the process loaded {ours}"
print(json.dumps({"signatures": sorted(model.signatures), "tensorflow": tf.__version__, "gap": gap}))
"""


def probe(folder, timeout):
    """Load and call a SavedModel in a process of its own.

    Returns:
        (passed, what it said).
    """
    with tempfile.TemporaryDirectory(prefix="infra-") as empty:
        command = [sys.executable, "-I", "-c", PROBE, os.path.abspath(folder)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        try:
            done = subprocess.run(
                command, cwd=empty, env=environment, capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired:
            return False, f"no answer within {timeout} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else f"the process ended with exit status {done.returncode}"


def execute(context: Context):
    """Write `INFRA_BLESSED` or `INFRA_NOT_BLESSED`.

    Raises:
        InputError: the model has no SavedModel at all.
    """
    folder = os.path.join(context.inputs["model"], "Format-Serving")
    if not os.path.exists(os.path.join(folder, "saved_model.pb")):
        raise InputError(f"{folder}: holds no saved_model.pb; Trainer writes it")
    passed, said = probe(folder, context.parameters.timeout)
    verdict = "INFRA_BLESSED" if passed else "INFRA_NOT_BLESSED"
    with open(os.path.join(context.outputs["infra_blessing"], verdict), "w") as stream:
        stream.write(said + "\n")
    return {"verdict": verdict, "answer": json.loads(said) if passed else said}
