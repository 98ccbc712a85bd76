"""One picture, one answer: whichever way a crop takes to a model, the model sees the same pixels, to the last bit.

The ways: extraction; training and evaluation, on what extraction wrote and on records that hold the picture itself; the
SavedModel's own signature; the server's `:predict`; and `predict --kind crop`.
"""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from starlette.testclient import TestClient

from artifacts.face_examples import FaceExample
from artifacts.manifest import Video
from faces.extraction import FaceExtractor
from faces.settings import ExtractionSettings
from model.input_pipeline import evaluation_batches, load_crop, training_batches
from model.recipes import Recipe
from model.record_index import index_records
from model.scoring import join_batches, score_examples
from model.served import load_model, load_signature
from serving import predict
from serving.server import predict_api
from serving.server.app import Part, create_app
from serving.server.server_options import ServerOptions
from tests.fixtures import pictures
from tests.fixtures.model_server import CROPS, Tiny

pytestmark = pytest.mark.slow  # it exports a model, starts decoding processes, and takes every way

SHARED = Path(__file__).parents[2].parent / "shared"
SIZES = {"small": (61, 83), "wide": (200, 310), "large": (300, 411), "exact": (256, 256)}


class Fingerprint(Tiny):
    """A model whose logit changes when any pixel does: a weighted sum in whole numbers, by remainder."""

    def __init__(self):
        super().__init__(0.0)
        self.weights = tf.constant(np.random.default_rng(0).integers(1, 1 << 20, (256, 256, 3)), tf.int64)

    @tf.function(input_signature=[CROPS])
    def crops(self, crops):
        total = tf.reduce_sum(tf.cast(crops, tf.int64) * self.weights, axis=[1, 2, 3])
        logit = tf.cast(total % 99_991, tf.float32) / 10_000 - 5
        return {
            "fake_probability": tf.sigmoid(logit),
            "logit": logit,
            "center_similarity": tf.tanh(-logit),
            "embedding": tf.stack([logit, -logit], axis=1),
        }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "fingerprint" / "1"
    module = Fingerprint()
    signatures = {"serving_default": module.serving_default, "crops": module.crops, "heat_maps": module.heat_maps}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{name: path} of the pictures made here: every kind in one size, and some kinds in all sizes."""
    folder, found = tmp_path_factory.mktemp("pictures"), {}
    for size, (height, width) in SIZES.items():
        made = pictures.taken(pictures.scene(height, width))
        names = made if size == "large" else [name for name in made if "turned 6" in name or "4:2:0" in name]
        for number, name in enumerate(names):
            path = folder / f"{size}-{number:02d}"
            path.write_bytes(made[name])
            found[f"{name}, {size}"] = path
    return found


def extracted(paths):
    """The examples that extraction makes of crops."""
    videos = [Video(f"d/{k % 2}/{k}", str(path), "d", "m", k % 2, kind="crop") for k, path in enumerate(paths)]
    with FaceExtractor(ExtractionSettings()) as extractor:
        found = list(extractor.extract_all(videos))
    assert not [reject for one in found for reject in one.rejects if reject.scope != "note"]
    return [example for one in found for example in one.examples]


def as_it_is(path, number):
    """An example that holds the file itself, as other programs may write it."""
    return FaceExample(path.read_bytes(), "any", number % 2, "d", "m", f"d/{number}", 0, 0.0, (0, 0, 1, 1))


def write(path, examples):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example.serialize())
    return str(path)


def in_evaluation(path):
    return np.concatenate([batch["crop"].numpy() for batch in evaluation_batches([path])])


def in_training(path, count):
    """The crops that training sees within some passes, as bytes."""
    recipe = Recipe(batch_size=8, steps=count, augmentation="off", pairing=False)
    return {crop.tobytes() for crops, _ in training_batches(index_records([path]), recipe) for crop in crops.numpy()}


@pytest.fixture(scope="module")
def post(model):
    """post(encoded pictures) -> the server's answer to a predict request."""
    app = create_app(ServerOptions(model=str(model.parent), model_name="m"), (Part(predict_api.routes),))
    with TestClient(app) as client:

        def post(encoded):
            rows = [{"b64": base64.b64encode(one).decode()} for one in encoded]
            return client.post("/v1/models/m:predict", content=json.dumps({"instances": rows}))

        yield post


def by_the_server(post, paths):
    answer = post([path.read_bytes() for path in paths])
    assert answer.status_code == 200, answer.text
    return np.array([row["logit"] for row in answer.json()["predictions"]], np.float32)


def by_the_command(model, paths, target):
    predict.main([*map(str, paths), f"--model={model}", "--kind=crop", "--quiet", f"--json={target}"])
    by_path = {one["file"]: one["faces"] for one in json.loads(target.read_text())["files"]}
    return np.array([by_path[str(path)][0]["frames"][0]["logit"] for path in paths], np.float32)


def assert_one_answer(paths, model, post, tmp_path):
    """All ways agree on all pictures."""
    paths = list(paths)
    examples = extracted(paths)
    ingested = write(tmp_path / "ingested.tfrecord", examples)
    stored = write(tmp_path / "stored.tfrecord", [as_it_is(path, k) for k, path in enumerate(paths)])
    crops = np.stack([load_crop(example.image).numpy() for example in examples])
    for records in (ingested, stored):
        assert np.array_equal(in_evaluation(records), crops)
        assert in_training(records, len(paths)) == {crop.tobytes() for crop in crops}
    expected = load_signature(model)(tf.constant(crops))["logit"].numpy()
    assert len(np.unique(expected)) > len(paths) // 2  # they differ, so a wrong order would show
    encoded = tf.constant([path.read_bytes() for path in paths])
    ways = {
        "signature": load_signature(model, "serving_default")(encoded)["logit"].numpy(),
        "evaluation": join_batches(score_examples(load_model(model), [stored]))["logit"],
        ":predict": by_the_server(post, paths),
        "predict --kind crop": by_the_command(model, paths, tmp_path / "verdicts.json"),
    }
    for way, logits in ways.items():
        wrong = [str(path) for path, is_same in zip(paths, logits == expected, strict=True) if not is_same]
        assert not wrong, (way, wrong)


def test_pictures_of_every_kind(files, model, post, tmp_path):
    assert len(files) > 50
    assert_one_answer(files.values(), model, post, tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real files of ../shared")
def test_real_files(model, post, tmp_path):
    found = sorted((SHARED / "data").glob("dfdc_faces*/**/*.jpg"))[::1500]
    found += sorted((SHARED / "field").glob("*.jpg")) + sorted((SHARED / "data" / "images").glob("*.jpg"))
    assert len(found) > 15
    assert_one_answer(found, model, post, tmp_path)


def test_what_a_model_does_not_take_is_refused_alike(model, post):
    signature = load_signature(model, "serving_default")
    for encoded, why in pictures.refused(pictures.scene(40, 50)).values():
        with pytest.raises(tf.errors.InvalidArgumentError, match=why):
            signature(tf.constant([encoded]))
        answer = post([encoded])
        assert answer.status_code == 400 and f"Picture 0 {why}" in answer.json()["error"]
