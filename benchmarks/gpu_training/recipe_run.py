"""One of the project's recipes on one GPU, by Keras's JAX backend: a machine with a GPU may have no TensorFlow.

    KERAS_BACKEND=jax python -m benchmarks.gpu_training.recipe_run --recipe=paper --data=PACK --out=recipes.jsonl

Network and losses are the project's own (`model.backbones`, `model.losses`, `model.expander`); batches, schedule,
stages and weight decay follow the recipe, and the crops are mirrored at random (the augmentation "paper").
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.gpu_training import measures
from benchmarks.gpu_training.crops import Crops
from benchmarks.gpu_training.sampler import Pairs

CHUNK = 50  # steps that the GPU takes by itself
Batches = dict[str, np.ndarray]


def batches(sampler: Pairs, rows: np.ndarray, steps: int, seed: int) -> Iterator[Batches]:
    """Yield what `CHUNK` steps need: places of the crops, who is mirrored, who is whose partner."""
    random = np.random.default_rng([seed, 11])
    for start in range(0, steps, CHUNK):
        chosen = [sampler.draw() for _ in range(min(CHUNK, steps - start))]
        places = np.stack(chosen)
        yield {
            "step": np.arange(start, start + len(places)),
            "places": rows[places],
            "mirrored": random.random(places.shape) < 0.5,
            "partners": np.stack([sampler.partners(each) for each in chosen]),
        }


class Training:
    """A recipe's training, as pure functions of its state.

    Args:
        recipe: a `Recipe` with random weights and the augmentation "paper" or "off".

    Attributes:
        state: variables, velocities and the centre, a dict of arrays.

    Raises:
        ValueError: the recipe asks for what is not built here.
    """

    def __init__(self, recipe: Any) -> None:
        import jax
        import keras
        from keras import layers, ops

        from benchmarks.gpu_training.multi_metric import unit
        from model.backbones import create_backbone

        built = {
            "initial_weights": "random", "classifier_input": "embedding", "triplet_mining": "all", "schedule": "step",
            "triplet_reduction": "active", "weight_decay_form": "l2", "normalize_embeddings": True, "image_size": 256,
        }  # fmt: skip
        for name, value in built.items():
            if getattr(recipe, name) != value and (name, recipe.image_size) != ("image_size", 32):
                raise ValueError(f"only recipes with {name}={value!r} run here, not {getattr(recipe, name)!r}")
        self.recipe = recipe
        keras.utils.set_random_seed(recipe.seed)
        backbone = create_backbone(recipe.backbone, recipe.image_size)
        raw = layers.Dense(recipe.embedding_size, name="embedding")(backbone.output)
        logits = layers.Dense(2, name="classifier")(raw)
        self.model = keras.Model(backbone.input, [layers.Lambda(unit)(raw), logits])
        self._is_kernel = [v.path.endswith("kernel") for v in self.model.trainable_variables]
        trained = [v.value for v in self.model.trainable_variables]
        self.state = {
            "trained": trained,
            "moving": [v.value for v in self.model.non_trainable_variables],
            "velocity": [ops.zeros_like(v) for v in trained],
            "center": ops.zeros(recipe.embedding_size),
        }
        self.steps = jax.jit(self._steps)
        self.logits = jax.jit(self._logits)

    def _images(self, crops: Any) -> Any:
        from keras import ops

        from model.backbones import normalize_pixels

        return normalize_pixels(self.recipe.backbone, ops.cast(crops, "float32"))

    def _loss(self, trained: list[Any], state: dict[str, Any], crops: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
        from keras import ops

        from benchmarks.gpu_training.multi_metric import multi_metric_loss

        recipe, step = self.recipe, batch["step"]
        (embedding, logits), moving = self.model.stateless_call(
            trained, state["moving"], self._images(crops), training=True
        )
        acts = {"weight_center": recipe.weight_center_step, "expander": recipe.expander_step}
        begun = {name: ops.cast(step >= start, "float32") for name, start in acts.items()}
        settings = {
            "triplet": recipe.triplet_weight,
            "cross_entropy": recipe.cross_entropy_weight,
            "weight_center": recipe.weight_center_weight * begun["weight_center"],
            "expander": float(recipe.expander) * begun["expander"],
            "exclude_partner": float(recipe.triplet_partner == "exclude"),
        }
        labels = ops.arange(len(crops)) % 2
        loss, terms = multi_metric_loss(embedding, logits, state["center"], settings, labels, batch["partners"])
        kernels = [value for value, is_kernel in zip(trained, self._is_kernel, strict=True) if is_kernel]
        penalty = 0.5 * recipe.weight_decay * sum(ops.sum(ops.square(kernel)) for kernel in kernels)
        return loss + penalty, (terms, embedding, moving)

    def _step(self, state: dict[str, Any], crops: Any, batch: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        """Take one step of SGD as Keras does, and move the centre as `DeepfakeDetector.move_center` does."""
        import jax
        from keras import ops

        recipe = self.recipe
        take = jax.value_and_grad(self._loss, has_aux=True)
        (_, (terms, embedding, moving)), gradients = take(state["trained"], state, crops, batch)
        rate = recipe.learning_rate * recipe.decay_rate ** (batch["step"] // recipe.decay_every)
        velocity = [
            recipe.momentum * v - rate * gradient for v, gradient in zip(state["velocity"], gradients, strict=True)
        ]
        mean = ops.mean(embedding[::2], axis=0)  # of the reals, which stand at even places
        keep = recipe.center_momentum * ops.cast(ops.any(state["center"] != 0), "float32")
        return {
            "trained": [w + v for w, v in zip(state["trained"], velocity, strict=True)],
            "moving": moving,
            "velocity": velocity,
            "center": keep * state["center"] + (1 - keep) * mean,
        }, terms

    def _steps(self, state: dict[str, Any], pixels: Any, chunk: Batches) -> tuple[dict[str, Any], Any]:
        """Take the steps of a chunk; `pixels` are all crops, uint8 [N, side, side, 3]."""
        import jax
        from jax import numpy as jnp

        def one(state: dict[str, Any], batch: dict[str, Any]) -> tuple[dict[str, Any], Any]:
            crops = pixels[batch["places"]]
            crops = jnp.where(batch["mirrored"][:, None, None, None], crops[:, :, ::-1], crops)
            return self._step(state, crops, batch)

        return jax.lax.scan(one, state, chunk)

    def _logits(self, state: dict[str, Any], crops: Any) -> Any:
        """Fake minus real, float [n]."""
        (_, logits), _ = self.model.stateless_call(state["trained"], state["moving"], self._images(crops))
        return logits[:, 1] - logits[:, 0]


def assess(training: Training, pixels: Any, sets: dict[str, np.ndarray], label: np.ndarray) -> dict[str, float]:
    """Return AUC and accuracy (at the threshold that is best on "val") on some rows of the crops by name of the set."""
    found, threshold = {}, None
    for name, rows in sets.items():
        pieces = np.array_split(rows, max(len(rows) // 250, 1))
        logit = np.concatenate([np.asarray(training.logits(training.state, pixels[piece])) for piece in pieces])
        if threshold is None:
            threshold, _ = measures.best_threshold(label[rows], logit)
        found[f"{name}_auc"] = measures.auc(label[rows], logit)
        found[f"{name}_acc"] = float(((logit > threshold) == label[rows]).mean())
    return found


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    import jax
    from jax import numpy as jnp

    from benchmarks.gpu_training.multi_metric import TERMS
    from model.recipes import get_recipe

    overrides = dict(each.split("=", 1) for each in options.set)
    recipe = get_recipe(options.recipe, seed=options.seed, **overrides)
    crops = Crops(options.data)
    pixels = jnp.concatenate([jnp.asarray(crops.pixels("aligned", part)) for part in crops.parts])
    rows = crops.rows("train")[: options.limit]
    sets = {split: crops.rows(split)[: options.limit] for split in ("val", "test")}
    training = Training(recipe)
    sampler = Pairs(crops.label[rows], crops.original[rows], recipe.batch_size, recipe.seed, recipe.pairing)
    line = {
        "recipe": recipe.name, "set": overrides, "seed": recipe.seed, "faces": len(rows),
        "device": jax.devices()[0].device_kind, "jax": jax.__version__,
    }  # fmt: skip
    began = time.perf_counter()
    done, due = 0, options.every
    for chunk in batches(sampler, rows, recipe.steps, recipe.seed):
        training.state, terms = training.steps(training.state, pixels, chunk)
        done += len(chunk["step"])
        if done < min(due, recipe.steps):
            continue
        due += options.every
        means = np.asarray(terms).mean(0)
        if not np.isfinite(means).all():
            raise SystemExit(f"step {done}: the loss is {means[0]}")
        figures = assess(training, pixels, sets, crops.label)
        progress = {"step": done, "seconds": round(time.perf_counter() - began, 1), **figures}
        print(json.dumps(progress), flush=True)
        with open(options.out, "a") as log:
            log.write(
                json.dumps({**line, **progress, "terms": dict(zip(TERMS, map(float, means), strict=True))}) + "\n"
            )


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(description="Train one recipe on one GPU by Keras's JAX backend.")
    parser.add_argument("--recipe", default="paper", help="name of the recipe (default: %(default)s)")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of it to replace")
    parser.add_argument("--data", required=True, help="folder of the pack")
    parser.add_argument("--out", required=True, help="JSON lines go there, one for each assessment")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1000, help="steps between assessments (default: %(default)s)")
    parser.add_argument("--limit", type=int, help="crops of each split; for trials")
    run(parser.parse_args())
    return 0


if __name__ == "__main__":
    sys.exit(main())
