"""The program that tries a SavedModel in a process of its own: loads it, calls it, and checks its answers.

It runs as `python -I probe.py FOLDER [FACES]` and imports TensorFlow and nothing of this project, as a model server
does. InfraValidator runs it before a model is pushed, and the server before a version is available; `model.trial`
starts it, with a limit of time.
"""

import contextlib
import ctypes
import json
import signal
import sys
from typing import Any

OUTPUTS = {"fake_probability", "logit", "center_similarity", "embedding"}
FACES = 3
ROUNDING = 1e-3  # by which, relatively, the logit of a face may differ in another batch
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def probe(folder: str, faces: int = FACES) -> dict[str, Any]:
    """Load and call a SavedModel.

    Args:
        folder: the SavedModel.
        faces: of the largest batch that it must take.

    Returns:
        `signatures`, the version of `tensorflow`, and `gap`, the difference between the logits of the two signatures.

    Raises:
        AssertionError: an answer is wrong; says which.
    """
    import tensorflow as tf

    model = tf.saved_model.load(folder)
    noise = tf.random.stateless_uniform([max(FACES, faces), 256, 256, 3], [1, 2], 0, 256, tf.int32)
    crops = tf.cast(noise, tf.uint8)
    encoded = tf.stack([tf.io.encode_png(crop) for crop in crops[:FACES]])
    whole = _scores(model, "crops", crops=crops[:FACES])["logit"]
    decoded = _scores(model, "serving_default", image_bytes=encoded)["logit"]
    has_maps = "heat_maps" in model.signatures  # models that were exported before this signature existed lack it
    plain = tf.stack([tf.zeros_like(crops[0]), tf.fill(crops[0].shape, tf.constant(255, tf.uint8))])  # black and white
    if faces > FACES:
        _scores(model, "crops", crops=crops)
    if has_maps:
        _heat(model, plain)
        _heat(model, crops)
    alone, pair = (_scores(model, "crops", crops=batch)["logit"][0] for batch in (plain[:1], plain))
    difference, allowed = float(abs(alone - pair)), ROUNDING * (1 + float(abs(alone)))
    assert difference <= allowed, f"crops.logit of a face changes by {difference:g} with the others in its batch"
    gap = float(tf.reduce_max(tf.abs(whole - decoded)))
    assert gap < 1e-4, f"the two signatures differ by {gap} in the logit of one picture"
    return {"signatures": sorted(model.signatures), "tensorflow": tf.__version__, "gap": gap}


def _scores(model: Any, name: str, **argument: Any) -> dict[str, Any]:
    """Call a signature that scores faces, and check its answer."""
    import tensorflow as tf

    ((count, *_),) = (value.shape for value in argument.values())
    answer: dict[str, Any] = model.signatures[name](**argument)
    assert set(answer) == OUTPUTS, f"{name} returns {sorted(answer)}, not {sorted(OUTPUTS)}"
    for key, value in answer.items():
        shape = tuple(value.shape)
        right = len(shape) == 2 and shape[1] > 0 if key == "embedding" else len(shape) == 1
        assert right and shape[0] == count, f"{name}.{key} has shape {shape} for {count} faces"
        assert value.dtype == tf.float32, f"{name}.{key} is of type {value.dtype.name}, not float32"
        assert bool(tf.reduce_all(tf.math.is_finite(value))), f"{name}.{key} is not finite"
    p = answer["fake_probability"]
    assert bool(tf.reduce_all((p >= 0) & (p <= 1))), f"{name}.fake_probability leaves [0, 1]"
    return answer


def _heat(model: Any, crops: Any) -> None:
    """Call the signature that makes heat maps, and check its answer."""
    import tensorflow as tf

    heat = model.signatures["heat_maps"](crops=crops)["heat_map"]
    assert heat.shape == (len(crops), 256, 256), f"heat_maps.heat_map has shape {heat.shape} for {len(crops)} faces"
    assert bool(tf.reduce_all((heat >= 0) & (heat <= 1))), "heat_maps.heat_map leaves [0, 1]"


def project_modules() -> set[str]:
    """Return the packages of this project that the process has loaded; a clean one has none."""
    ours = {"artifacts", "commands", "components", "evaluation", "faces", "model", "pipeline", "serving"}
    return ours & {name.split(".")[0] for name, module in sys.modules.items() if module}


if __name__ == "__main__":
    with contextlib.suppress(OSError, AttributeError):  # only Linux has it
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:
        stream.write("1000")  # a model that takes all memory ends this process, and not the server
    result = probe(sys.argv[1], *map(int, sys.argv[2:]))
    assert not project_modules(), f"the process loaded {project_modules()}"
    print(json.dumps(result))
