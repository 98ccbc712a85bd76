"""A served model answers as the detector that was exported, and tells what it is."""

import shutil

import keras
import numpy as np
import pytest

from model import explain, exporting
from model.detector import DeepfakeDetector
from model.saved_model import SERVED
from model.served import ServedModel

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_resnet")]  # it exports a SavedModel


@pytest.fixture(scope="module")
def detector(small_recipe):
    keras.utils.set_random_seed(2)
    detector = DeepfakeDetector(small_recipe(image_size=96))
    detector.center.assign(np.linspace(-1, 2, 8))
    return detector


@pytest.fixture(scope="module")
def artifact(detector, tmp_path_factory):
    """A `model` artifact."""
    folder = tmp_path_factory.mktemp("artifact")
    exporting.export_saved_model(detector, folder / "Format-Serving")
    return folder


@pytest.fixture
def serving_dir(artifact, tmp_path):
    """A model server's folder: version 9, a newer one that is not ready, and what is no version."""
    shutil.copytree(artifact / "Format-Serving", tmp_path / "9")
    (tmp_path / "10").mkdir()
    (tmp_path / "notes").mkdir()
    return tmp_path


@pytest.fixture
def crops(crop):
    return np.stack([crop(k % 2, k) for k in range(3)])


@pytest.fixture(scope="module")
def served(artifact):
    return ServedModel(artifact)


def test_it_answers_as_the_detector(served, detector, crops):
    answers, expected = served.predict(crops), detector(crops, training=False)
    assert set(answers) == set(SERVED)
    for name, values in answers.items():
        assert values.dtype == np.float32 and values == pytest.approx(expected[name].numpy(), abs=1e-5)
    assert all(len(values) == 0 for values in served.predict(crops[:0]).values())


def test_its_heat_maps_are_grad_cam(served, detector, crops):
    maps = served.heat_maps(crops)
    assert maps.dtype == np.float32 and maps.max() > 0.5
    np.testing.assert_allclose(maps, explain.heat_maps(detector, crops, 1).numpy(), atol=1e-5)
    assert served.heat_maps(crops[:0]).shape == (0, 256, 256)


def test_of_a_servers_folder_the_newest_version_that_is_ready_counts(serving_dir, served, crops):
    (serving_dir / "8").mkdir()
    (serving_dir / "8" / "saved_model.pb").write_bytes(b"older")
    newest = ServedModel(serving_dir)
    assert (newest.version, served.version) == (9, None)
    assert newest.predict(crops)["logit"] == pytest.approx(served.predict(crops)["logit"])


def test_it_tells_what_travels_with_it(serving_dir):
    plain = ServedModel(serving_dir)
    assert (plain.calibration, plain.card) == (None, None)
    extra = serving_dir / "9" / "assets.extra"
    extra.mkdir(exist_ok=True)
    (extra / "calibration.json").write_text('{"frame": 1.5, "video": 2.5, "reason": null}')
    (extra / "model_card.json").write_text('{"name": "paper"}')
    told = ServedModel(serving_dir)
    assert told.calibration == {"frame": 1.5, "video": 2.5, "reason": None} and told.card == {"name": "paper"}
    assert told.digest != plain.digest  # the network is the same, its verdicts are not


def test_another_network_has_another_digest(serving_dir, served):
    assert ServedModel(serving_dir).digest == served.digest
    with open(serving_dir / "9" / "fingerprint.pb", "ab") as stream:
        stream.write(b"x")
    assert ServedModel(serving_dir).digest != served.digest


def test_what_is_no_model_of_ours_is_refused(serving_dir, tmp_path):
    with pytest.raises(ValueError, match="holds no SavedModel"):
        ServedModel(tmp_path / "notes")
    graph = serving_dir / "9" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(ValueError, match="9: cannot be loaded as a SavedModel"):
        ServedModel(serving_dir)


def test_a_model_without_our_signatures_is_refused(tmp_path):
    import tensorflow as tf

    class Other(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(self, x):
            return {"y": 2 * x}

    tf.saved_model.save(Other(), str(tmp_path / "other"))
    with pytest.raises(ValueError, match="no signature crops, only"):
        ServedModel(tmp_path / "other")


def test_a_model_that_gives_no_numbers_does_not_warm_up(detector, artifact, tmp_path):
    ServedModel(artifact).warm_up()
    before = detector.classifier.bias.numpy()
    detector.classifier.bias.assign(np.full_like(before, np.nan))
    try:
        exporting.export_saved_model(detector, tmp_path / "Format-Serving")
    finally:
        detector.classifier.bias.assign(before)
    with pytest.raises(ValueError, match="logit .*not finite: its training diverged"):
        ServedModel(tmp_path).warm_up()
