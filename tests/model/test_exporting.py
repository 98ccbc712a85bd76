"""The SavedModel answers as the Keras model does, from pixels and from encoded images of every kind."""

import io

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from artifacts.crop_decoding import decode_common
from artifacts.preprocessing import Preprocessing
from model import export, exporting
from model.detector import DeepfakeDetector
from model.explain import heat_maps
from model.input_pipeline import load_crop
from model.losses import FAKE
from model.saved_model import read_calibration, read_preprocessing, write_preprocessing
from model.served import load_signature

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_resnet")]  # it exports a SavedModel


@pytest.fixture(scope="module")
def detector(small_recipe):
    keras.utils.set_random_seed(1)
    detector = DeepfakeDetector(small_recipe())
    detector.center.assign(np.linspace(-1, 2, 8))
    detector.temperature.assign(0.3)
    return detector


@pytest.fixture(scope="module")
def folder(detector, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "Format-Serving"
    exporting.export_saved_model(detector, folder)
    return folder


def encoded(crop, kind, shape=None):
    image = crop if shape is None else cv2.resize(crop, shape[::-1])
    return cv2.imencode(kind, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def agree(served, expected):
    assert set(served) == set(exporting.SERVED)
    for name in exporting.SERVED:
        assert served[name].dtype == tf.float32
        assert served[name].numpy() == pytest.approx(expected[name].numpy(), abs=1e-5), name


@pytest.mark.parametrize("count", [1, 3])
def test_crops_agree_with_the_keras_model(count, detector, folder, crop):
    crops = np.stack([crop(i % 2, i) for i in range(count)])
    served = load_signature(folder)(tf.constant(crops))
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
    served = load_signature(folder, "serving_default")(tf.constant(images))
    crops = np.stack([load_crop(image).numpy() for image in images])
    agree(served, detector(crops, training=False))
    assert np.array_equal(crops[0], crop(0, 1))
    assert len(np.unique(served["logit"].numpy())) == 5


def test_the_probability_is_the_calibrated_one(folder, crop):
    served = load_signature(folder)(tf.constant(np.stack([crop(i % 2, i) for i in range(4)])))
    expected = 1 / (1 + np.exp(-served["logit"].numpy() / 0.3))
    assert served["fake_probability"].numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "signature, nothing",
    [("crops", np.zeros((0, 256, 256, 3), np.uint8)), ("serving_default", np.zeros(0, object))],
)
def test_no_face_is_answered_by_nothing(signature, nothing, folder):
    dtype = tf.uint8 if signature == "crops" else tf.string
    served = load_signature(folder, signature)(tf.constant(nothing, dtype))
    assert {name: tuple(value.shape) for name, value in served.items()} == {
        "fake_probability": (0,), "logit": (0,), "center_similarity": (0,), "embedding": (0, 8)
    }  # fmt: skip


def pillow(image, kind, **options):
    """Encode an array or a `PIL.Image` by Pillow."""
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, kind, **options)
    return stream.getvalue()


def kinds(crop, other):
    """{kind: (bytes, the crop that they mean)}."""
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    grey, deep = other[..., 0], crop.astype(np.uint16) * 256 + 200
    in_grey = np.repeat(grey[..., None], 3, axis=-1)
    first, second = (Image.fromarray(image).quantize(200) for image in (crop, other))
    jpeg = pillow(grey, "JPEG")
    return {
        "PNG with alpha": (pillow(np.dstack([crop, alpha]), "PNG"), crop),
        "grey PNG": (pillow(grey, "PNG"), in_grey),
        "grey PNG with alpha": (pillow(np.dstack([grey, alpha]), "PNG"), in_grey),
        "16-bit PNG": (cv2.imencode(".png", deep[..., ::-1])[1].tobytes(), crop),
        "16-bit grey PNG": (cv2.imencode(".png", grey.astype(np.uint16) * 256 + 9)[1].tobytes(), in_grey),
        "grey JPEG": (jpeg, np.array(Image.open(io.BytesIO(jpeg)).convert("RGB"))),
        "animated GIF": (pillow(first, "GIF", save_all=True, append_images=[second]), np.array(first.convert("RGB"))),
        "BMP with alpha": (cv2.imencode(".bmp", np.dstack([crop[..., ::-1], alpha]))[1].tobytes(), crop),
    }


def test_every_kind_of_picture_means_the_expected_crop(detector, folder, crop):
    found = kinds(crop(1, 7), crop(0, 8))
    crops = np.stack([load_crop(image, decode_common).numpy() for image, _ in found.values()])
    for given, (kind, (_, expected)) in zip(crops, found.items(), strict=True):
        # Two JPEG decoders may round differently.
        assert np.abs(given.astype(int) - expected).max() <= (1 if "JPEG" in kind else 0), kind
    served = load_signature(folder, "serving_default")(tf.constant([image for image, _ in found.values()]))
    agree(served, detector(crops, training=False))


@pytest.mark.parametrize(
    "image, named",
    [
        (b"", "is not a JPEG, PNG, BMP or GIF"),
        (b"no picture at all", "is not a JPEG, PNG, BMP or GIF"),
        (encoded(np.zeros((256, 256, 3), np.uint8), ".png")[:300], "Invalid PNG"),
        (encoded(np.zeros((256, 256, 3), np.uint8), ".jpg")[:300], "Invalid JPEG"),
    ],
)
def test_bytes_that_are_no_picture_are_an_error(image, named, folder, crop):
    with pytest.raises(tf.errors.InvalidArgumentError, match=named):
        load_signature(folder, "serving_default")(tf.constant([encoded(crop(0, 1), ".png"), image]))


def test_a_folder_without_a_model_is_named(tmp_path, folder):
    with pytest.raises(ValueError, match=r"nowhere: cannot be loaded as a SavedModel"):
        load_signature(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no signature 'frames', only \['crops', 'heat_maps', 'serving_default'\]"):
        load_signature(folder, "frames")


def stored_weights(folder):
    """Every array that a SavedModel stores."""
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return [reader.get_tensor(name) for name in names]


def test_every_weight_is_stored_once(detector, folder):
    assert sum(array.size for array in stored_weights(folder)) == sum(np.prod(v.shape) for v in detector.variables)


def test_half_precision_halves_the_bytes_and_computes_as_before(detector, folder, tmp_path, crop):
    """With weights that float16 holds exactly, the same outputs; else as near as the rounding of the weights."""
    model_dir = tmp_path / "model"
    (model_dir / "Format-Keras").mkdir(parents=True)
    rounded = DeepfakeDetector(detector.recipe)
    for variable, ours in zip(rounded.variables, detector.variables, strict=True):
        variable.assign(ours.numpy().astype(np.float16))
    rounded.save(model_dir / "Format-Keras" / "model.keras")
    (model_dir / "calibration.json").write_text('{"frame": 1.5, "video": 2.0, "reason": null}')
    write_preprocessing(Preprocessing(crop_margin=0.8), str(model_dir))
    out = tmp_path / "half"
    assert export.main([f"--model={model_dir}", f"--out={out}", "--half_precision"]) == 0
    assert {array.dtype.itemsize for array in stored_weights(out)} == {2}
    crops = np.stack([crop(i % 2, i) for i in range(3)])
    agree(load_signature(out)(tf.constant(crops)), rounded(crops, training=False))
    maps = load_signature(out, "heat_maps")(tf.constant(crops))["heat_map"]
    assert maps.numpy() == pytest.approx(heat_maps(rounded, crops, FAKE).numpy(), abs=1e-4)
    whole, half = (load_signature(where)(tf.constant(crops))["logit"].numpy() for where in (folder, out))
    assert half == pytest.approx(whole, abs=0.02)
    assert read_calibration(str(out))["frame"] == 1.5
    assert read_preprocessing(str(out)) == Preprocessing(crop_margin=0.8)


def test_every_finite_half_is_read_exactly():
    bits = np.arange(2**16, dtype=np.uint16)
    halves = bits.view(np.float16)
    finite = np.isfinite(halves)
    assert finite.sum() == 2 * 31 * 1024
    found = exporting._of_half_bits(tf.constant(bits[finite])).numpy()
    np.testing.assert_array_equal(found, halves[finite].astype(np.float32))
    assert np.array_equal(exporting._half_bits(found), bits[finite])


@pytest.mark.parametrize("model, out, told", [("gone", "new", "holds no Format-Keras"), ("model", ".", "is not empty")])
def test_what_cannot_be_exported_ends_with_2_and_its_name(model, out, told, tmp_path, capsys):
    (tmp_path / "model" / "Format-Keras").mkdir(parents=True)
    (tmp_path / "model" / "Format-Keras" / "model.keras").write_bytes(b"damaged")
    assert export.main([f"--model={tmp_path / model}", f"--out={tmp_path / out}"]) == 2
    assert told in capsys.readouterr().err
