"""From what a classifier gives to the logits of real and fake."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from model.classifiers import create_classifier, logits_of


def test_two_logits_stay():
    logits = np.array([[1.0, -2.0], [0.5, 3.0]])
    assert logits_of(logits) is logits


def test_of_one_logit_the_difference_is_kept():
    logits = np.asarray(logits_of(np.array([[3.0], [-1.0]])))
    assert logits[:, 1] - logits[:, 0] == pytest.approx([3, -1])


def test_of_several_judges_the_probability_is_the_mean_of_theirs():
    judged = np.random.default_rng(0).normal(size=(5, 4, 2)) * 3
    logits = np.asarray(logits_of(judged))
    assert expit(logits[:, 1] - logits[:, 0]) == pytest.approx(softmax(judged, axis=-1)[..., 1].mean(axis=1))


def test_far_logits_of_several_judges_stay_finite():
    judged = np.array([[[300.0, -300.0], [400.0, -400.0]]])
    logits = np.asarray(logits_of(judged))
    assert logits[0, 1] - logits[0, 0] == pytest.approx(-600 + np.log(1), abs=1)


@pytest.mark.parametrize("kind, shape", [("softmax", (1, 2)), ("sigmoid", (1, 1)), ("routing", (1, 4, 2))])
def test_every_kind_has_its_form(kind, shape):
    assert create_classifier(kind)(np.ones((1, 16), np.float32)).shape == shape
