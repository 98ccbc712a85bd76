import json
import time

import pytest
import tensorflow as tf

from artifacts.errors import InputError
from components.base import Context
from components.infra_validator.component import COMPONENT, InfraValidatorParameters
from components.infra_validator.executor import run_probe
from components.infra_validator.probe import probe, project_modules

pytestmark = pytest.mark.slow  # it loads SavedModels, also in other processes

CROPS = [tf.TensorSpec([None, 256, 256, 3], tf.uint8, name="crops")]
BYTES = [tf.TensorSpec([None], tf.string, name="image_bytes")]


def _answer(crops):
    logit = tf.reduce_mean(tf.cast(crops, tf.float32), axis=[1, 2, 3]) / 100
    return {
        "fake_probability": tf.sigmoid(logit),
        "logit": logit,
        "center_similarity": tf.tanh(logit),
        "embedding": tf.stack([logit, logit], axis=1),
    }


def _decode(image_bytes):
    decoded = tf.map_fn(
        lambda b: tf.io.decode_png(b, 3), image_bytes, fn_output_signature=tf.TensorSpec([256, 256, 3], tf.uint8)
    )
    return tf.ensure_shape(decoded, [None, 256, 256, 3])


def _save(folder, of_crops, of_bytes=None, names=("crops", "serving_default"), of_heat=None):
    """Save a module whose signatures answer by these functions of crops; `heat_maps` only if there is one for it."""
    module = tf.Module()
    module.crops = tf.function(of_crops, input_signature=CROPS)
    module.bytes = tf.function(lambda image_bytes: (of_bytes or of_crops)(_decode(image_bytes)), input_signature=BYTES)
    both = dict(zip(("crops", "serving_default"), (module.crops, module.bytes), strict=True))
    signatures = {name: both[name] for name in names}
    if of_heat:
        module.heat = tf.function(lambda crops: {"heat_map": of_heat(crops)}, input_signature=CROPS)
        signatures["heat_maps"] = module.heat
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _heat(crops):
    return tf.cast(crops[..., 0], tf.float32) / 255


def _change(**outputs):
    """The good answer with some outputs changed, or left out where None."""

    def answer(crops):
        good = _answer(crops)
        changed = good | {name: change(good) for name, change in outputs.items() if change}
        return {name: value for name, value in changed.items() if outputs.get(name, True)}

    return answer


def _hang(crops):
    logit = _answer(crops)["logit"]
    (waited,) = tf.while_loop(lambda x: tf.reduce_all(x > -1), lambda x: (tf.abs(x),), (logit,))
    return _answer(crops) | {"logit": waited}


BROKEN = {
    "output missing": ((_change(embedding=None),), "crops returns"),
    "output too many": ((_change(extra=lambda good: good["logit"]),), "crops returns"),
    "not a number": ((_change(logit=lambda good: good["logit"] / 0 * 0),), "crops.logit is not finite"),
    "one answer for all": ((_change(logit=lambda good: good["logit"][:1]),), r"crops.logit has shape \(1,\) for 3"),
    "no probability": ((_change(fake_probability=lambda good: good["logit"] + 2),), "fake_probability leaves"),
    "another number for few": (
        (_change(embedding=lambda good: tf.ensure_shape(good["embedding"], [None, 2])[: 4 - tf.size(good["logit"])]),),
        r"crops.embedding has shape \(1, 2\) for 3",
    ),
    "a table for a column": ((_change(logit=lambda good: good["logit"][:, None]),), r"crops.logit has shape \(3, 1\)"),
    "another type": ((_change(logit=lambda good: tf.cast(good["logit"], tf.float64)),), "float64, not float32"),
    "a probability only of grey faces": (
        (_change(fake_probability=lambda good: tf.where(good["logit"] > 2.4, 7.5, good["fake_probability"])),),
        "fake_probability leaves",
    ),
    "company matters": (
        (_change(logit=lambda good: good["logit"] - tf.reduce_mean(good["logit"]) * 0.5),),
        "changes by .* with the others in its batch",
    ),
    "two opinions": ((_answer, _change(logit=lambda good: good["logit"] + 1)), "the two signatures differ by 1"),
    "no serving_default": ((_answer, None, ("crops",)), "serving_default"),
    "heat of another size": (
        (_answer, None, ("crops", "serving_default"), lambda crops: _heat(crops)[:, :8]),
        "8, 256",
    ),
    "heat that is no share": (
        (_answer, None, ("crops", "serving_default"), lambda crops: _heat(crops) + 1),
        r"leaves \[0, 1\]",
    ),
    "no crops": ((_answer, None, ("serving_default",)), "crops"),
}


def _execute(tmp_path, timeout=120):
    (tmp_path / "out").mkdir()
    context = Context(
        {"model": str(tmp_path)}, {"infra_blessing": str(tmp_path / "out")}, InfraValidatorParameters(timeout=timeout)
    )
    result = COMPONENT.execute(context)
    (verdict,) = (tmp_path / "out").iterdir()
    return result, verdict.name, verdict.read_text()


def test_a_good_model_passes(tmp_path):
    _save(tmp_path / "Format-Serving", _answer, of_heat=_heat)
    result, name, text = _execute(tmp_path)
    assert name == "INFRA_BLESSED" == result["verdict"]
    assert result["answer"] == json.loads(text) and result["answer"]["tensorflow"] == tf.__version__
    assert result["answer"]["signatures"] == ["crops", "heat_maps", "serving_default"]
    assert result["answer"]["gap"] < 1e-4


def test_a_broken_model_fails_with_words(tmp_path):
    _save(tmp_path / "model", _change(logit=lambda good: good["logit"] / 0 * 0))
    passed, answer = run_probe(str(tmp_path / "model"), 120)
    assert not passed and answer == "AssertionError: crops.logit is not finite"


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_probe_finds(tmp_path, name):
    """Every check, without a process for each."""
    arguments, words = BROKEN[name]
    _save(tmp_path / "model", *arguments)
    with pytest.raises((AssertionError, KeyError), match=words):
        probe(str(tmp_path / "model"))


def test_this_process_is_not_a_clean_one():
    assert "components" in project_modules()


def test_a_model_that_hangs_fails_in_time(tmp_path):
    _save(tmp_path / "Format-Serving", _hang)
    start = time.monotonic()
    result, name, text = _execute(tmp_path, timeout=2)
    assert time.monotonic() - start < 60
    assert name == "INFRA_NOT_BLESSED" == result["verdict"] and text == "no answer within 2 s\n"


def test_a_file_that_is_no_model_fails_with_words(tmp_path):
    (tmp_path / "Format-Serving").mkdir()
    (tmp_path / "Format-Serving" / "saved_model.pb").write_bytes(b"no model at all")
    result, name, text = _execute(tmp_path)
    assert name == "INFRA_NOT_BLESSED" and result["answer"] == text.strip() and "Error" in text


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(InputError, match=r"Format-Serving: holds no saved_model.pb; Trainer writes it"):
        _execute(tmp_path)


def test_what_travels_with_it_is_checked_too(tmp_path):
    _save(tmp_path / "Format-Serving", _answer)
    (tmp_path / "Format-Serving" / "assets.extra").mkdir()
    (tmp_path / "Format-Serving" / "assets.extra" / "calibration.json").write_text('{"frame": -1, "video": 1}')
    _, name, text = _execute(tmp_path)
    assert name == "INFRA_NOT_BLESSED" and "calibration.json: frame: must be" in text


def test_a_larger_batch_can_be_asked_for(tmp_path):
    of_few = _change(embedding=lambda good: tf.ensure_shape(good["embedding"], [None, 2])[:4])
    _save(tmp_path / "model", of_few)
    probe(str(tmp_path / "model"))
    with pytest.raises(AssertionError, match=r"crops.embedding has shape \(4, 2\) for 6 faces"):
        probe(str(tmp_path / "model"), 6)
