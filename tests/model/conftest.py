"""Small face examples that can be learnt, and the method's losses as plain loops over explicit triplets."""

from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf

from model.examples import FaceExample
from model.recipes import CROP_SIZE, Recipe

# Everything that makes a detector small: it learns the examples below within a few dozen steps on one core.
SMALL = {
    "name": "small",
    "backbone": "resnet10",
    "image_size": 32,
    "embedding_size": 8,
    "batch_size": 8,
    "steps": 40,
    "learning_rate": 0.02,
    "schedule": "constant",
    "seed": 3,
}


@pytest.fixture(scope="session")
def small_recipe():
    """small_recipe(**overrides) is a recipe for a small, quick training."""
    return lambda **overrides: Recipe.model_validate({**SMALL, **overrides})


@pytest.fixture
def float64():
    """Keras computes in float64 during the test."""
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


def make_crop(label, seed, size=CROP_SIZE):
    """Smooth noise, uint8 [size, size, 3]; a fake also has blocks that survive shrinking to 32 pixels."""
    rng = np.random.default_rng([label % 3, seed])
    coarse = rng.integers(60, 190, (4, 4, 3)).astype(np.uint8)
    crop = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.int64)
    if label:
        x, y = np.meshgrid(np.arange(size), np.arange(size))
        crop += np.where((x * 8 // size + y * 8 // size) % 2, 45, -45)[..., None]
    return np.clip(crop, 0, 255).astype(np.uint8)


def make_face(label, seed, frames=2, **overrides):
    """A `FaceExample` of `make_crop`; each `frames` consecutive seeds are one video."""
    image = cv2.cvtColor(make_crop(label, seed), cv2.COLOR_RGB2BGR)
    method = "blocks" if label else "original"
    fields = {
        "image": cv2.imencode(".png", image)[1].tobytes(),
        "image_format": "png",
        "label": label,
        "dataset": "noise",
        "method": method,
        "video_id": f"noise/{method}/{seed // frames:03d}",
        "frame_index": seed % frames,
        "timestamp": (seed % frames) / 25,
        "box": (1.0, 2.0, 30.0, 40.0),
        "landmarks": np.arange(10, dtype=np.float32).reshape(5, 2),
        "score": 0.75,
    }
    return FaceExample(**{**fields, **overrides})


def write_records(path, records):
    """Write serialized records to a TFRecord file and return its path as a string."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


@pytest.fixture(scope="session")
def crop():
    """crop(label, seed, size=256) is `make_crop`."""
    return make_crop


@pytest.fixture(scope="session")
def face():
    """face(label, seed, **overrides) is `make_face`."""
    return make_face


@pytest.fixture(scope="session")
def write_tfrecord():
    """write_tfrecord(path, records) is `write_records`."""
    return write_records


@pytest.fixture(scope="session")
def examples_dir(tmp_path_factory):
    """An `examples` folder: Split-train with 11 reals and 17 fakes in two files, Split-val with 8 and 8 in one."""
    folder = tmp_path_factory.mktemp("examples")
    train = [(0, i) for i in range(11)] + [(1, i) for i in range(17)]
    val = [(label, 100 + i) for i in range(8) for label in (0, 1)]
    for name, rows in (
        ("Split-train/faces-00000-of-00002", train[::2]),
        ("Split-train/faces-00001-of-00002", train[1::2]),
        ("Split-val/faces-00000-of-00001", val),
    ):
        write_records(folder / f"{name}.tfrecord", [make_face(*row).serialize() for row in rows])
    return folder


# --- the losses by loops ----------------------------------------------------------------------------------------------
def loop_triplets(similarity, labels, margin, mining, negative_similarity=None):
    """The losses of all triplets that `mining` chooses, as a list of floats."""
    n = len(labels)

    def s_an(a, p, k):
        return similarity[a][k] if negative_similarity is None else negative_similarity[a][p][k]

    losses = []
    for a in range(n):
        positives = [p for p in range(n) if p != a and labels[p] == labels[a]]
        negatives = [k for k in range(n) if labels[k] != labels[a]]
        if not positives or not negatives:
            continue
        if mining == "hard":
            positives = [min(positives, key=lambda p: similarity[a][p])]
        for p in positives:
            values = [s_an(a, p, k) for k in negatives]
            if mining == "hard":
                values = [max(values)]
            if mining == "semi_hard":
                below = [v for v in values if v < similarity[a][p]]
                values = [max(below) if below else min(values)]
            losses += [max(0.0, v - similarity[a][p] + margin) for v in values]
    return losses


def loop_triplet_loss(similarity, labels, margin, mining, reduction, negative_similarity=None):
    """(loss, share of active triplets) by loops."""
    losses = loop_triplets(similarity, labels, margin, mining, negative_similarity)
    active = [value for value in losses if value > 0]
    counted = active if reduction == "active" else losses
    return sum(counted) / max(len(counted), 1), len(active) / max(len(losses), 1)


def loop_negatives(embedding, eta):
    """Similarity of each anchor to the synthetic negative, built as a vector; [anchor][positive][negative]."""
    n = len(embedding)
    result = np.empty((n, n, n))
    for a in range(n):
        for p in range(n):
            for k in range(n):
                z, positive, negative = embedding[a], embedding[p], embedding[k]
                d_positive, d_negative = np.linalg.norm(positive - z), np.linalg.norm(negative - z)
                synthetic = negative
                if d_negative > d_positive:
                    t = (eta * d_negative + (1 - eta) * d_positive) / d_negative
                    synthetic = z + t * (negative - z)
                result[a, p, k] = z @ synthetic
    return result


def loop_weight_center(center_similarity, is_real, scale, margin):
    """Eq. 3 by a loop."""
    total = sum(np.exp(-scale * (s - margin)) for s, real in zip(center_similarity, is_real, strict=True) if real)
    return np.log(1 + total) / scale


def loop_cross_entropy(logits, labels):
    """Softmax cross-entropy by a loop."""
    losses = [-np.log(np.exp(row[y]) / np.exp(row).sum()) for row, y in zip(logits, labels, strict=True)]
    return sum(losses) / len(losses)


@pytest.fixture(scope="session")
def loops():
    """The references: triplet_loss, negatives, weight_center, cross_entropy."""
    return SimpleNamespace(
        triplet_loss=loop_triplet_loss,
        negatives=loop_negatives,
        weight_center=loop_weight_center,
        cross_entropy=loop_cross_entropy,
    )


@pytest.fixture(scope="session")
def unit_vectors():
    """unit_vectors(n, d, seed) are n random vectors of length one, float64 [n, d]."""

    def make(n, d, seed=0):
        x = np.random.default_rng(seed).normal(size=(n, d))
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    return make
