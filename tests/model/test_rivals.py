"""The recipes of the systems that the paper is compared with: what was published, and that each of them learns."""

import numpy as np
import pytest

from artifacts import face_examples
from model import training
from model.recipes import RECIPES, get_recipe
from model.rivals import BONETTINI_ENSEMBLE, RIVALS

# Input, optimizer, rate, batch, loss: of the publications.
PUBLISHED = {
    "meso4": (256, "adam", 1e-3, 76, "mean_squared_error", "sigmoid"),
    "mesoinception4": (256, "adam", 1e-3, 76, "mean_squared_error", "sigmoid"),
    "xception": (299, "adam", 2e-4, 32, "cross_entropy", "softmax"),
    "fwa": (224, "sgd", 1e-3, 64, "cross_entropy", "softmax"),
    "capsule": (300, "adam", 5e-4, 32, "cross_entropy", "routing"),
    "bonettini_b4": (224, "adam", 1e-5, 32, "cross_entropy", "sigmoid"),
    "bonettini_b4att": (224, "adam", 1e-5, 32, "cross_entropy", "sigmoid"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_values(name):
    recipe = get_recipe(name)
    found = (recipe.image_size, recipe.optimizer, recipe.learning_rate, recipe.batch_size)
    assert (*found, recipe.classifier_loss, recipe.classifier) == PUBLISHED[name]
    assert recipe.triplet_weight == recipe.weight_center_weight == 0 and not recipe.expander


@pytest.mark.parametrize("name, distance", [
    ("kumar", "squared_euclidean"), ("bonettini_b4st", "euclidean"), ("bonettini_b4attst", "euclidean"),
])  # fmt: skip
def test_metric_learners_have_a_logistic_read_out(name, distance):
    recipe = get_recipe(name)
    assert (recipe.triplet_distance, recipe.triplet_margin, recipe.readout) == (distance, 1, "logistic")
    assert recipe.cross_entropy_weight == 0 and not recipe.normalize_embeddings and recipe.embedding_size == 0


def test_mesonet_ends_at_a_rate_of_a_millionth():
    from model.optimizer import create_optimizer

    recipe = get_recipe("meso4")
    schedule = create_optimizer(recipe)._learning_rate
    assert float(schedule(recipe.steps - 1)) == pytest.approx(1e-6)


def test_each_is_named_and_says_what_is_published_and_what_is_not():
    for name, rival in RIVALS.items():
        assert rival.recipe.name == name and RECIPES[name][0] is rival.recipe
        assert rival.published and rival.repaired and rival.meaning
    assert set(BONETTINI_ENSEMBLE) <= set(RIVALS)


# The networks themselves have tests of their own; here a tiny one stands in for the large ones.
TINY = {"backbone": "resnet10", "image_size": 32, "learning_rate": 0.01}
SMALL = {
    "meso4": {"image_size": 64},
    "capsule": {"image_size": 32},
    "fwa": TINY | {"learning_rate": 0.05},
    "bonettini_b4attst": TINY,
}


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_resnet")
@pytest.mark.parametrize("name", SMALL)
def test_each_recipe_learns(name, examples_dir, tmp_path):
    """A short training from random weights gets the loss down; the detector scores."""
    small = {"initial_weights": "random", "steps": 16, "batch_size": 8, "augmentation": "off"} | SMALL[name]
    recipe = get_recipe(name, **small)
    train_files, val_files = (face_examples.find_files(str(examples_dir), split) for split in ("train", "val"))
    detector, history = training.train(recipe, train_files, val_files, str(tmp_path), validate_every=8)
    assert history[1]["loss"] < history[0]["loss"]
    outputs = detector(np.zeros((2, 256, 256, 3), np.uint8))
    assert np.isfinite(outputs["logit"]).all() and outputs["fake_probability"].shape == (2,)
