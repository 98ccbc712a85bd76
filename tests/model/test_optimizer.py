"""The optimizer and its learning rate, against Keras's own plateau schedule."""

import keras
import numpy as np
import pytest

from model.optimizer import create_optimizer, plateau_rate


@pytest.mark.parametrize(
    "choices, rates",
    [
        (
            {"schedule": "step", "decay_every": 10, "decay_rate": 0.5},
            {0: 0.02, 9: 0.02, 10: 0.01, 19: 0.01, 20: 0.005},
        ),
        ({"schedule": "cosine", "steps": 40}, {0: 0.02, 20: 0.01, 40: 0.0}),
        ({"schedule": "constant"}, {0: 0.02, 39: 0.02}),
    ],
)
def test_learning_rate_falls_at_the_named_step(choices, rates, small_recipe):
    optimizer = create_optimizer(small_recipe(**choices))
    optimizer.build([keras.Variable(np.zeros(1))])
    for step, rate in rates.items():
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(rate, abs=1e-7)


def test_the_optimizer_is_the_recipes(small_recipe):
    assert isinstance(create_optimizer(small_recipe()), keras.optimizers.SGD)
    adam = create_optimizer(small_recipe(optimizer="adam", weight_decay=0))
    assert isinstance(adam, keras.optimizers.Adam) and adam.weight_decay is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("patience, cooldown, floor", [(1, 0, 0.0), (2, 0, 0.0), (3, 2, 0.0), (2, 5, 0.004)])
def test_the_plateau_is_keras_plateau(seed, patience, cooldown, floor, small_recipe):
    recipe = small_recipe(
        schedule="plateau", decay_rate=0.5, patience=patience, cooldown=cooldown, min_learning_rate=floor
    )
    rng = np.random.default_rng(seed)
    aucs = np.round(0.6 + 0.3 * rng.random(30), 2)  # rounded: some are equal
    history = [{"step": k, "val_auc": float(auc), "val_acc": 0.5} for k, auc in enumerate(aucs)]
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(recipe.learning_rate))
    theirs = keras.callbacks.ReduceLROnPlateau(
        "val_auc", 0.5, patience, mode="max", min_delta=0, cooldown=cooldown, min_lr=floor
    )
    theirs.set_model(model)
    theirs.on_train_begin()
    for count in range(1, len(history) + 1):
        theirs.on_epoch_end(count, dict(history[count - 1]))
        rate = float(model.optimizer.learning_rate.numpy())
        assert plateau_rate(recipe, history[:count]) == pytest.approx(rate, rel=1e-6), aucs[:count]


def test_without_a_validation_the_rate_stays(small_recipe):
    assert plateau_rate(small_recipe(schedule="plateau"), []) == 0.02
