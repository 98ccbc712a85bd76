"""Recipes: the paper's values, overrides and what is refused."""

from typing import get_args

import pytest
from pydantic import ValidationError

from model.recipes import RECIPES, Recipe, RecipeName, get_recipe


def test_the_paper_recipe_holds_the_published_values():
    recipe = get_recipe("paper")
    assert (recipe.triplet_weight, recipe.cross_entropy_weight, recipe.triplet_margin) == (2, 1, 1)
    assert (recipe.weight_center_scale, recipe.weight_center_margin, recipe.pulling_factor) == (2, 0.5, 1)
    assert (recipe.backbone, recipe.image_size, recipe.batch_size, recipe.steps) == ("resnet34", 256, 16, 10_000)
    assert (recipe.learning_rate, recipe.decay_every, recipe.decay_rate, recipe.weight_decay) == (0.01, 3000, 0.1, 5e-4)


def test_stages_start_at_a_third_and_two_thirds_of_the_steps():
    recipe = Recipe(steps=300)
    assert (recipe.weight_center_step, recipe.expander_step) == (100, 200)
    recipe = Recipe(steps=300, weight_center_start=0, expander_start=7)
    assert (recipe.weight_center_step, recipe.expander_step) == (0, 7)


def test_overrides_replace_fields_of_the_named_recipe():
    recipe = get_recipe("cross_entropy", steps=5)
    assert (recipe.name, recipe.steps, recipe.triplet_weight, recipe.expander) == ("cross_entropy", 5, 0, False)


def test_without_pairing_no_partner_can_be_excluded():
    assert get_recipe("paper").triplet_partner == "include"
    assert get_recipe("paper", triplet_partner="exclude").pairing
    with pytest.raises(ValidationError, match="triplet_partner is 'exclude', but without pairing"):
        get_recipe("paper", triplet_partner="exclude", pairing=False)


def test_the_type_of_names_holds_every_recipe():
    assert get_args(RecipeName) == tuple(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_bears_its_name_and_survives_a_dump(name):
    recipe, meaning = RECIPES[name]
    assert recipe.name == name and meaning
    assert Recipe.model_validate(recipe.model_dump()) == recipe


@pytest.mark.parametrize(
    "field, value",
    [
        ("batch_size", 7),
        ("batch_size", 2),
        ("image_size", 16),
        ("image_size", 512),
        ("steps", 0),
        ("learning_rate", 0),
        ("backbone", "vgg"),
        ("triplet_mining", "easy"),
        ("triplet_partner", "skip"),
        ("center_momentum", 1),
        ("weight_decay", -1),
        ("augmentation", "all"),
        ("no_such_field", 1),
    ],
)
def test_a_value_out_of_range_is_named(field, value):
    with pytest.raises(ValidationError, match=field):
        get_recipe("paper", **{field: value})


def test_a_recipe_must_tell_real_from_fake():
    with pytest.raises(ValidationError, match="nothing would tell real from fake"):
        get_recipe("paper", triplet_weight=0, cross_entropy_weight=0)


@pytest.mark.parametrize("start", [10, 11])
@pytest.mark.parametrize(
    "field, cure", [("weight_center_start", "weight_center_weight to 0"), ("expander_start", "expander to false")]
)
def test_a_stage_that_would_never_begin_is_named_with_its_cure(field, cure, start):
    assert getattr(get_recipe("paper", steps=10, **{field: 9}), field) == 9  # the last step
    message = rf"{field} is {start}, beyond the last step, 9 of steps=10 .*Give an earlier step, or set {cure}"
    with pytest.raises(ValidationError, match=message):
        get_recipe("paper", steps=10, **{field: start})


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_stages_begin_in_the_shortest_trainings_too(steps):
    recipe = Recipe(steps=steps)
    assert 0 <= recipe.weight_center_step <= recipe.expander_step < steps


@pytest.mark.parametrize(
    "off, field",
    [({"weight_center_weight": 0}, "weight_center_start"), ({"expander": False}, "expander_start")],
)
def test_a_term_that_is_off_has_no_start(off, field):
    with pytest.raises(ValidationError, match=rf"{field} is 5, but this recipe sets {next(iter(off))} to"):
        get_recipe("paper", **off, **{field: 5})


@pytest.mark.parametrize("field", ["cross_entropy_weight", "triplet_weight"])
def test_the_expander_needs_triplets_and_a_trained_classifier(field):
    with pytest.raises(ValidationError, match=f"expander is on, but {field} is 0.*Set expander to false"):
        get_recipe("paper", **{field: 0})
    assert not get_recipe("paper", expander=False, **{field: 0}).expander


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["learning_rate", "weight_center_margin", "triplet_weight", "weight_decay"])
def test_numbers_are_finite(field, value):
    with pytest.raises(ValidationError, match=field):
        get_recipe("paper", **{field: value})


def test_the_recipe_of_a_saved_model_is_read_as_it_is():
    """Also one that no training takes any more, and one without the fields that came later."""
    fields = get_recipe("paper", steps=10).model_dump() | {"cross_entropy_weight": 0.0, "expander_start": 10}
    del fields["triplet_partner"]
    recipe = Recipe.of_saved_model(fields)
    assert (recipe.expander, recipe.expander_start, recipe.triplet_partner) == (True, 10, "include")
    with pytest.raises(ValidationError):
        Recipe.model_validate(fields)
    with pytest.raises(ValidationError, match="batch_size"):
        Recipe.of_saved_model(fields | {"batch_size": "many"})


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(
        ValueError,
        match="unknown recipe 'papers'.*paper, without_expander, .*, cross_entropy, lite, sample",
    ):
        get_recipe("papers")


def test_a_recipe_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        get_recipe("paper").steps = 1
