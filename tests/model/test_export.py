"""The SavedModel answers as the Keras model does, from pixels and from encoded images."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from model import export
from model.detector import DeepfakeDetector
from model.input_pipeline import load_crop


@pytest.fixture(scope="module")
def detector(small_recipe):
    keras.utils.set_random_seed(1)
    detector = DeepfakeDetector(small_recipe())
    detector.center.assign(np.linspace(-1, 2, 8))
    return detector


@pytest.fixture(scope="module")
def folder(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "Format-Serving"
    export.export_saved_model(detector, folder)
    return folder


def encoded(crop, kind, shape=None):
    image = crop if shape is None else cv2.resize(crop, shape[::-1])
    return cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def agree(served, expected):
    assert set(served) == set(export.SERVED)
    for name in export.SERVED:
        assert served[name].dtype == tf.float32
        assert served[name].numpy() == pytest.approx(expected[name].numpy(), abs=1e-5), name


@pytest.mark.parametrize("count", [1, 3])
def test_crops_agree_with_the_keras_model(count, detector, folder, crop):
    crops = np.stack([crop(i % 2, i) for i in range(count)])
    served = export.load_signature(folder)(tf.constant(crops))
    assert served["embedding"].shape == (count, 8) and served["logit"].shape == (count,)
    agree(served, detector(crops, training=False))


def test_image_bytes_of_any_kind_and_size_agree_with_the_keras_model(detector, folder, crop):
    images = [
        encoded(crop(0, 1), ".png"),
        encoded(crop(1, 2), ".jpg"),
        encoded(crop(1, 3), ".png", (120, 90)),
        encoded(crop(0, 4), ".jpg", (300, 500)),
        encoded(crop(0, 5), ".bmp"),
    ]
    served = export.load_signature(folder, "serving_default")(tf.constant(images))
    crops = np.stack([load_crop(image).numpy() for image in images])
    agree(served, detector(crops, training=False))
    assert np.array_equal(crops[0], crop(0, 1))
    assert len(np.unique(served["logit"].numpy())) == 5


def test_a_folder_without_a_model_is_named(tmp_path, folder):
    with pytest.raises(ValueError, match=r"nowhere: holds no SavedModel"):
        export.load_signature(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no signature 'frames', only \['crops', 'serving_default'\]"):
        export.load_signature(folder, "frames")
