"""The method's losses as plain loops over explicit triplets, a recipe for a small training, and published networks."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from model.recipes import Recipe
from tests.fixtures.face_examples import crop, examples_dir, face, write_tfrecord

__all__ = ["crop", "examples_dir", "face", "write_tfrecord"]

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


@pytest.fixture(scope="session")
def train_command():
    """train_command(*arguments) is the exit code of `python -m model.train`, run in this process."""
    from absl import flags

    from model import train

    if "model_dir" not in flags.FLAGS:
        train.define_flags()

    def call(*arguments):
        flags.FLAGS.unparse_flags()
        for name in [*train.Recipe.model_fields, "examples", "model_dir", "recipe", "validate_every"]:
            if name in flags.FLAGS:
                flags.FLAGS[name].unparse()
        train.parse_flags(["train", *arguments])
        return train.main([])

    return call


@pytest.fixture
def float64():
    """Keras computes in float64 during the test."""
    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


# --- published networks -----------------------------------------------------------------------------------------------
def golden(name):
    """What a published network computed: its drawn weights by name, its image, and the file's content."""
    folder = Path(__file__).parent / "golden"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)  # as for the script, which imports what lies beside it
        module = importlib.import_module(f"make_{name}")
    content = json.loads((folder / f"{name}.json").read_text())
    return SimpleNamespace(weights=module.draw_weights(content["shapes"]), image=module.draw_image(), content=content)


@pytest.fixture(scope="session")
def resnet34():
    """What timm's ResNet-34 computed, see `golden`."""
    return golden("resnet34")


@pytest.fixture(scope="session")
def lite0():
    """What EfficientNet-Lite0 computed in torch, see `golden`."""
    return golden("lite0")


@pytest.fixture
def resnet34_file(resnet34, tmp_path):
    """resnet34_file(changes) is the path of a safetensors file with some tensors replaced, or left out by None."""

    def write(changes=()):
        tensors = {key: value for key, value in {**resnet34.weights, **dict(changes)}.items() if value is not None}
        save_file(tensors, tmp_path / "resnet34.safetensors")
        return str(tmp_path / "resnet34.safetensors")

    return write


# --- the losses by loops ----------------------------------------------------------------------------------------------
def loop_triplets(similarity, labels, margin, mining, negative_similarity=None, without_partner=False):
    """The losses of all triplets that `mining` chooses, as a list of floats; partners are rows 2i and 2i + 1."""
    n = len(labels)

    def s_an(a, p, k):
        return similarity[a][k] if negative_similarity is None else negative_similarity[a][p][k]

    losses = []
    for a in range(n):
        positives = [p for p in range(n) if p != a and labels[p] == labels[a]]
        negatives = [k for k in range(n) if labels[k] != labels[a]]
        if without_partner:
            negatives = [k for k in negatives if k // 2 != a // 2]
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


def loop_triplet_loss(similarity, labels, margin, mining, reduction, negative_similarity=None, without_partner=False):
    """(loss, share of active triplets) by loops."""
    losses = loop_triplets(similarity, labels, margin, mining, negative_similarity, without_partner)
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
