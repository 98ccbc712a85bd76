"""The optimizer and its learning rate: by the step, or by how validation goes."""

from collections.abc import Sequence

import keras

from model.recipes import Recipe
from model.validation import Row, criterion


def create_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """Create the recipe's optimizer with its schedule (SGD as in section 4.1 by default), not yet built.

    The rate of the schedule "plateau" is a variable, which `plateau_rate` gives after each validation.
    """
    schedules = keras.optimizers.schedules
    rate: keras.optimizers.schedules.LearningRateSchedule | float = recipe.learning_rate
    if recipe.schedule == "step":
        rate = schedules.ExponentialDecay(rate, recipe.decay_every, recipe.decay_rate, staircase=True)
    elif recipe.schedule == "cosine":
        rate = schedules.CosineDecay(rate, recipe.steps)
    decay = recipe.weight_decay if recipe.weight_decay_form == "decoupled" else None
    if recipe.optimizer == "adam":
        optimizer = keras.optimizers.Adam(rate, weight_decay=decay)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=recipe.momentum, weight_decay=decay)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def plateau_rate(recipe: Recipe, history: Sequence[Row]) -> float:
    """Return the learning rate after some validations, as Keras's ReduceLROnPlateau would set it.

    It is a function of the history alone, so that a training that was interrupted goes on with the same rate. Better
    means what it means for the best weights: a higher validation AUC; see `validation.criterion`.

    Args:
        recipe: its learning_rate, decay_rate, patience, cooldown and min_learning_rate count.
        history: a row per validation, in order.

    Example:
        >>> from model.recipes import get_recipe
        >>> recipe = get_recipe("cross_entropy", schedule="plateau", learning_rate=0.5, decay_rate=0.5, patience=2)
        >>> history = [{"step": k, "val_auc": 0.7, "val_acc": 0.5} for k in range(5)]
        >>> [plateau_rate(recipe, history[:validations]) for validations in (1, 2, 3, 5)]
        [0.5, 0.5, 0.25, 0.125]
    """
    rate, best, waited, cooling = recipe.learning_rate, None, 0, 0
    for row in history:
        if cooling:
            cooling -= 1
            waited = 0
        reached = criterion(row)
        if best is None or reached > best:
            best, waited = reached, 0
        elif not cooling:
            waited += 1
            if waited >= recipe.patience:
                rate = max(rate * recipe.decay_rate, recipe.min_learning_rate)
                cooling, waited = recipe.cooldown, 0
    return rate
