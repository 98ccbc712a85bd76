"""The recipes by name: the paper's, the project's own, and those of the systems that the paper is compared with."""

from typing import Any, Literal

from model.recipe import NAMED_WEIGHTS, TRAINED, Recipe
from model.rivals import RIVALS

__all__ = ["NAMED_WEIGHTS", "RECIPES", "TRAINED", "Recipe", "RecipeName", "get_recipe"]

RecipeName = Literal[
    "paper", "without_expander", "triplet_cross_entropy", "triplet", "cross_entropy", "lite", "sample",
    "meso4", "mesoinception4", "xception", "fwa", "capsule", "kumar",
    "bonettini_b4", "bonettini_b4att", "bonettini_b4st", "bonettini_b4attst",
]  # fmt: skip

# Name -> (recipe, what it is).
RECIPES: dict[str, tuple[Recipe, str]] = {
    "paper": (
        Recipe(),
        "Multi-metric Loss with the Adaptive Hardness-aware Expander, as published; for a GPU: ResNet-34 at 256; "
        "92 seconds and validation AUC 0.747 from random weights on 28,901 DFDC faces (one NVIDIA H200, Keras on JAX, "
        "2026-11-26)",
    ),
    "without_expander": (
        Recipe(name="without_expander", expander=False),
        "the paper's without the expander (section 4.3.2; Table 3, third row)",
    ),
    "triplet_cross_entropy": (
        Recipe(name="triplet_cross_entropy", weight_center_weight=0, expander=False),
        "Triplet Loss and cross-entropy (Table 3, second row)",
    ),
    "triplet": (
        Recipe(name="triplet", cross_entropy_weight=0, weight_center_weight=0, expander=False),
        "Triplet Loss alone (Table 3, first row); its logit is a class-mean read-out, since no classifier is trained",
    ),
    "cross_entropy": (
        Recipe(name="cross_entropy", triplet_weight=0, weight_center_weight=0, expander=False),
        "a plain classifier: the same network and input, cross-entropy alone",
    ),
    "lite": (
        Recipe(
            name="lite",
            backbone="efficientnetlite0",
            image_size=160,
            initial_weights="imagenet",
            triplet_weight=0.5,
            triplet_partner="exclude",
            weight_center_weight=0.1,
            steps=1000,
            batch_size=32,
            learning_rate=0.02,
            schedule="cosine",
        ),
        "for two CPU cores: EfficientNet-Lite0 at 160 from ImageNet weights, gentler terms; 23 minutes and validation "
        "AUC 0.892 on 28,893 DFDC faces (two cores of an AMD EPYC, 2026-11-26)",
    ),
    "sample": (
        Recipe(name="sample", backbone="resnet18", image_size=96, steps=300, learning_rate=0.02, schedule="cosine"),
        "the paper's method, small and short, for the embedded sample on two CPU cores",
    ),
    **{name: (rival.recipe, rival.meaning) for name, rival in RIVALS.items()},
}


def get_recipe(name: str, /, **overrides: Any) -> Recipe:
    """Return the recipe of that name with some fields replaced.

    Raises:
        ValueError: the name or a field is unknown, or a value is out of range (pydantic's message names the field).

    Example:
        >>> recipe = get_recipe("paper", steps=1500)
        >>> recipe.triplet_weight, recipe.steps, recipe.expander_step
        (2.0, 1500, 1000)
    """
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}")
    return Recipe.model_validate({**RECIPES[name][0].model_dump(), **overrides})
