"""The class-mean read-out, against scikit-learn's discriminant analysis and loops."""

import cv2
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from artifacts import face_examples
from model import readout
from model.detector import DeepfakeDetector
from model.record_index import index_records


def draw(reals, fakes, shift, dimensions=6, seed=0):
    rng = np.random.default_rng(seed)
    label = np.repeat([0, 1], [reals, fakes])
    spread = np.linspace(0.2, 2, dimensions)
    return rng.normal(size=(len(label), dimensions)) * spread + shift * np.outer(label, np.ones(dimensions)), label


@pytest.mark.parametrize("counts", [(60, 60), (15, 80)])
def test_it_is_discriminant_analysis_along_the_difference_of_the_means(counts):
    x, label = draw(*counts, 0.7)
    weights, bias = readout.fit(x, label)
    delta = x[label == 1].mean(axis=0) - x[label == 0].mean(axis=0)
    along = LinearDiscriminantAnalysis(solver="lsqr", priors=[0.5, 0.5]).fit((x @ delta)[:, None], label)
    assert x @ weights + bias == pytest.approx(along.decision_function((x @ delta)[:, None]), rel=1e-9)


def test_the_middle_of_the_means_has_no_evidence():
    x, label = draw(30, 20, 0.5)
    weights, bias = readout.fit(x, label)
    middle = (x[label == 0].mean(axis=0) + x[label == 1].mean(axis=0)) / 2
    assert middle @ weights + bias == pytest.approx(0, abs=1e-12)


def test_classes_that_do_not_overlap_get_finite_logits():
    weights, bias = readout.fit([[0.0, 1.0]] * 3 + [[0.0, 4.0]] * 2, [0, 0, 0, 1, 1])
    assert np.array([[0.0, 1.0], [0.0, 4.0]]) @ weights + bias == pytest.approx([-20, 20])


def test_equal_means_say_nothing():
    weights, bias = readout.fit([[1.0], [3.0], [1.0], [3.0]], [0, 0, 1, 1])
    assert weights.tolist() == [0] and bias == 0


@pytest.fixture
def index(examples_dir):
    return index_records(face_examples.find_files(str(examples_dir), "train"))


@pytest.mark.slow
def test_at_most_so_many_faces_of_each_class_spread_over_all(index, monkeypatch):
    """11 reals and 17 fakes lie in two files."""
    monkeypatch.setattr(readout, "MOST", 5)
    seen = []

    def predict(crops):
        seen.extend(crops)
        return {"embedding": np.asarray(crops, np.float64).mean(axis=(1, 2))}

    found = readout.fit_on_examples(predict, index)
    reals, fakes = (np.flatnonzero(index.label == kind) for kind in (0, 1))
    chosen = sorted([*reals[[0, 2, 4, 6, 8]], *fakes[[0, 3, 6, 10, 13]]])
    encoded = [face_examples.parse(index.read(k))["image/encoded"].numpy() for k in chosen]
    images = [cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] for each in encoded]
    assert np.array_equal(np.stack(seen), np.stack(images))
    expected = readout.fit(np.mean(images, axis=(1, 2), dtype=np.float64), index.label[chosen])
    assert found.weights == pytest.approx(expected.weights) and found.bias == pytest.approx(expected.bias)


@pytest.mark.parametrize("choices", [{}, {"classifier_input": "feature"}, {"normalize_embeddings": False}])
def test_installed_or_applied_it_is_the_logit_of_the_embedding(choices, small_recipe, crop):
    detector = DeepfakeDetector(small_recipe(cross_entropy_weight=0, expander=False, **choices))
    fitted = readout.Readout(np.linspace(-2, 3, 8), 0.75)
    crops = np.stack([crop(label, seed) for seed, label in enumerate((0, 1, 1))])
    applied = readout.apply(lambda crops: detector(crops, training=False), fitted)(crops)
    readout.install(detector, fitted)
    outputs = detector(crops, training=False)
    expected = outputs["embedding"].numpy() @ fitted.weights + 0.75
    assert outputs["logit"].numpy() == pytest.approx(expected, rel=1e-5)
    assert applied["logit"].numpy() == pytest.approx(expected, rel=1e-5)
    assert outputs["logits"].numpy()[:, 1] == pytest.approx(expected / 2, rel=1e-5)
    assert outputs["fake_probability"].numpy() == pytest.approx(1 / (1 + np.exp(-expected)), rel=1e-5)


# --- logistic regression ----------------------------------------------------------------------------------------------
def test_logistic_is_scikit_learns_on_standardised_embeddings():
    x, label = draw(60, 40, 0.7)
    x = 3 * x + 5
    weights, bias = readout.fit_logistic(x, label)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, label)
    assert x @ weights + bias == pytest.approx(pipeline.decision_function(x), abs=1e-6)


def test_a_dimension_without_variance_has_no_weight():
    x, label = draw(20, 20, 0.7)
    weights, bias = readout.fit_logistic(np.c_[x, np.full(len(x), 7.0)], label)
    assert weights[-1] == 0 and np.isfinite(weights).all() and np.isfinite(bias)
