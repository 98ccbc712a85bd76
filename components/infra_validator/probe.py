"""The program that InfraValidator runs in a process of its own: load a SavedModel, call it, and check its answers.

It runs as `python -I probe.py FOLDER` and imports TensorFlow and nothing of this project, as a model server does.
"""

import json
import sys
from typing import Any

OUTPUTS = {"fake_probability", "logit", "center_similarity", "embedding"}
FACES = 3


def probe(folder: str) -> dict[str, Any]:
    """Load and call a SavedModel.

    Returns:
        `signatures`, the version of `tensorflow`, and `gap`, the difference between the logits of the two signatures.

    Raises:
        AssertionError: an answer is wrong; says which.
    """
    import tensorflow as tf

    model = tf.saved_model.load(folder)
    crops = tf.cast(tf.random.stateless_uniform([FACES, 256, 256, 3], [1, 2], 0, 256, tf.int32), tf.uint8)
    encoded = tf.stack([tf.io.encode_png(crop) for crop in crops])
    answers = {
        "crops": model.signatures["crops"](crops=crops),
        "serving_default": model.signatures["serving_default"](image_bytes=encoded),
    }
    for name, answer in answers.items():
        assert set(answer) == OUTPUTS, f"{name} returns {sorted(answer)}, not {sorted(OUTPUTS)}"
        for key, value in answer.items():
            assert value.shape[0] == FACES, f"{name}.{key} has shape {value.shape} for {FACES} faces"
            assert bool(tf.reduce_all(tf.math.is_finite(value))), f"{name}.{key} is not finite"
        p = answer["fake_probability"]
        assert bool(tf.reduce_all((p >= 0) & (p <= 1))), f"{name}.fake_probability leaves [0, 1]"
    if "heat_maps" in model.signatures:  # models that were exported before this signature existed lack it
        heat = model.signatures["heat_maps"](crops=crops)["heat_map"]
        assert heat.shape == (FACES, 256, 256), f"heat_maps.heat_map has shape {heat.shape} for {FACES} faces"
        assert bool(tf.reduce_all((heat >= 0) & (heat <= 1))), "heat_maps.heat_map leaves [0, 1]"
    gap = float(tf.reduce_max(tf.abs(answers["crops"]["logit"] - answers["serving_default"]["logit"])))
    assert gap < 1e-4, f"the two signatures differ by {gap} in the logit of one picture"
    return {"signatures": sorted(model.signatures), "tensorflow": tf.__version__, "gap": gap}


def project_modules() -> set[str]:
    """Return the packages of this project that the process has loaded; a clean one has none."""
    ours = {"artifacts", "commands", "components", "evaluation", "faces", "model", "pipeline", "serving"}
    return ours & {name.split(".")[0] for name, module in sys.modules.items() if module}


if __name__ == "__main__":
    result = probe(sys.argv[1])
    assert not project_modules(), f"the process loaded {project_modules()}"
    print(json.dumps(result))
