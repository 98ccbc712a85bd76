import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from evaluation.report.tsne import project


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 40)
    return group, (3 * rng.normal(size=(3, 70)))[group] + rng.normal(size=(120, 70))


def test_what_is_apart_stays_apart(clusters):
    group, embeddings = clusters
    points = project(embeddings)
    assert points.shape == (120, 2) and points.dtype == np.float64 and silhouette_score(points, group) > 0.6


@pytest.mark.slow
def test_is_the_same_every_time_and_leaves_its_input(clusters):
    _, embeddings = clusters
    before = embeddings.copy()
    assert (project(embeddings) == project(embeddings)).all() and (embeddings == before).all()
    assert np.allclose(project(embeddings.astype(np.float32)), project(embeddings.astype(np.float32)), rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (2, 8)])
def test_too_few_to_have_a_shape(shape):
    assert (project(np.random.default_rng(0).normal(size=shape)) == np.zeros((shape[0], 2))).all()


def test_equal_embeddings_have_no_shape():
    assert (project(np.ones((10, 4))) == 0).all()


@pytest.mark.parametrize("shape", [(3, 8), (5, 2), (9, 1), (60, 200)])
def test_any_size(shape):
    points = project(np.random.default_rng(1).normal(size=shape))
    assert points.shape == (shape[0], 2) and np.isfinite(points).all() and np.ptp(points) > 0
