"""The detector: a `keras.Model` whose `train_step` is section 3 of the paper."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from artifacts.crop_size import CROP_SIZE
from model import expander, losses, replicas, spread
from model.backbones import create_backbone, normalize_pixels
from model.classifiers import create_classifier, logits_of
from model.recipes import Recipe


@keras.saving.register_keras_serializable(package="multi_metric")
class DeepfakeDetector(keras.Model):  # type: ignore[misc]  # Keras has no type hints
    """Maps face crops to an embedding and to a real and a fake logit, and learns by the Multi-metric Loss.

    Args:
        recipe: a `Recipe`, or its fields as a dict (as `get_config` returns them).

    Call it with crops [n, 256, 256, 3], RGB, 0-255, any number type. The result is a dict of float tensors: `embedding`
    [n, embedding_size], `logits` [n, 2] (real, fake), `logit` [n] (fake minus real), `fake_probability` [n] and
    `center_similarity` [n] (to the centre of the real training samples). The probability is the sigmoid of the logit
    divided by the variable `temperature`, which is 1 until `model.calibration` sets it; nothing else depends on it.

    Example:
        >>> import numpy as np
        >>> from model.recipes import get_recipe
        >>> detector = DeepfakeDetector(get_recipe("sample", backbone="resnet10", image_size=32))
        >>> outputs = detector(np.zeros((3, 256, 256, 3), np.uint8))
        >>> outputs["fake_probability"].shape, outputs["embedding"].shape
        (TensorShape([3]), TensorShape([3, 128]))
    """

    def __init__(self, recipe: Recipe | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recipe = recipe if isinstance(recipe, Recipe) else Recipe.of_saved_model(recipe)
        synchronized = self.recipe.batch_scope == "global" and replicas.count() > 1
        self.backbone = create_backbone(self.recipe.backbone, self.recipe.image_size, synchronized)
        features = self.backbone.output_shape[-1]
        size = self.recipe.embedding_size or features
        self.embedding = layers.Identity(name="embedding")
        if self.recipe.embedding_size:
            self.embedding = layers.Dense(size, dtype=keras.config.floatx(), name="embedding")
        self.dropout = layers.Dropout(self.recipe.dropout, name="dropout") if self.recipe.dropout else None
        self.classifier = create_classifier(self.recipe.classifier)
        self.embedding.build((None, features))
        of_feature = self.recipe.trains_classifier and self.recipe.classifier_input == "feature"
        self.classifier.build((None, features if of_feature else size))
        self.center = self.add_weight(
            name="real_center",
            shape=(size,),
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="mean",
        )
        self.temperature = self.add_weight(
            name="temperature",
            shape=(),
            initializer="ones",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )
        self.trackers = {name: keras.metrics.Mean(name) for name in TRACKED}
        self.built = True

    # --- the network ------------------------------------------------------------------------------------------------
    def call(self, crops: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Return the outputs that the class's docstring names."""
        return self.head(self.backbone(self.preprocess(crops), training=training), training)

    def head(self, feature: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Return the outputs of `call` from the backbone's features, float [n, features]."""
        raw = self.embedding(feature)
        embedding = _unit(raw) if self.recipe.normalize_embeddings else raw
        inputs = {"embedding": raw, "unit_embedding": embedding, "feature": feature}
        # A read-out, see `model.readout`, stands where the classifier would, on what the metric losses have shaped.
        chosen = inputs[self.recipe.classifier_input] if self.recipe.trains_classifier else embedding
        if self.dropout is not None:
            chosen = self.dropout(chosen, training=training)
        judged = self.classifier(chosen, training=training)
        logits = logits_of(judged)
        logit = logits[:, 1] - logits[:, 0]
        return {
            "embedding": embedding,
            "judged": judged,
            "logits": logits,
            "logit": logit,
            "fake_probability": ops.sigmoid(logit / self.temperature),
            "center_similarity": self.center_similarity(embedding),
        }

    def preprocess(self, crops: tf.Tensor) -> tf.Tensor:
        """Shrink and normalise crops; part of the model, so that training and serving cannot differ.

        Args:
            crops: [n, 256, 256, 3], RGB, 0-255, any number type.

        Returns:
            float [n, image_size, image_size, 3], as the backbone expects it.
        """
        size = self.recipe.image_size
        crops = ops.cast(crops, keras.config.floatx())
        if size != CROP_SIZE:
            crops = ops.image.resize(crops, (size, size), interpolation="bilinear", antialias=True)
        return normalize_pixels(self.recipe.backbone, crops)

    def center_similarity(self, embedding: tf.Tensor) -> tf.Tensor:
        """Return S_kc of Eq. 3, float [n]: the dot product of embeddings [n, d] with the centre, scaled to unit length.

        It is 0 as long as there is no centre.
        """
        return ops.sum(embedding * _unit(ops.convert_to_tensor(self.center)[None, :]), axis=-1)

    # --- section 3 --------------------------------------------------------------------------------------------------
    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Take one step on this replica's share of a global batch of crops and labels.

        By the recipe's `batch_scope`, the loss is that of the global batch, gathered from all replicas, or the mean of
        the losses of the shares. With one replica these are the same.

        Args:
            data: (crops, labels), [n, 256, 256, 3] and integer [n].

        Returns:
            The running means of `TRACKED`.
        """
        crops, labels = data
        with tf.GradientTape() as tape:
            outputs = self(crops, training=True)
            embedding, judged = outputs["embedding"], outputs["judged"]
            if self.recipe.batch_scope == "global":
                embedding, judged, labels = replicas.gather(embedding, judged, labels)
            terms = self.multi_metric_loss(embedding, judged, labels)
            # Keras sums the replicas' gradients, each of the loss of the whole batch or of a share. Hence the division.
            loss = (terms["loss"] + self.weight_penalty()) / replicas.count()
        variables = self.trainable_variables
        self.optimizer.apply(self._thawed(tape.gradient(loss, variables), variables), variables)
        terms["center_shift"] = self.move_center(embedding, labels)
        if self.recipe.batch_scope == "replica" and replicas.count() > 1:
            replicas.average_moving_statistics(self.backbone)
        return self.track(terms)

    def multi_metric_loss(self, embedding: tf.Tensor, judged: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Compute the Multi-metric Loss (Eq. 1) on a batch, in the stages of section 4.3.

        Triplet Loss (Eq. 2) and cross-entropy act from the first step on, Weight-Center Loss (Eq. 3) from the middle
        stage on, and the expander's negatives (Eq. 6) in the end stage.

        Args:
            embedding: float [n, d].
            judged: what the classifier gives, see `model.classifiers`; of a softmax classifier float [n, 2].
            labels: integer [n].

        Returns:
            Scalars by name: `loss`, its terms, and figures that show how training goes; see `TRACKED`.
        """
        recipe, is_real = self.recipe, ops.equal(labels, losses.REAL)
        gram = ops.matmul(embedding, ops.transpose(embedding))
        logits = logits_of(judged)
        cross_entropy = losses.cross_entropy_loss(judged if recipe.classifier == "routing" else logits, labels)
        eta = expander.balance_factor(cross_entropy, recipe.pulling_factor)
        triplet, active = losses.triplet_loss(
            gram if recipe.triplet_distance == "dot_product" else self._similarity(embedding),
            labels,
            recipe.triplet_margin,
            recipe.triplet_mining,
            recipe.triplet_reduction,
            negative_similarity=self._negatives(gram, eta),
            excluded=losses.partner_mask(ops.shape(gram)[0]) if recipe.triplet_partner == "exclude" else None,
        )
        classification = cross_entropy
        if recipe.classifier_loss == "mean_squared_error":
            classification = losses.mean_squared_error(logits, labels)
        similarity = self.center_similarity(embedding)
        weight_center = losses.weight_center_loss(
            similarity, is_real, recipe.weight_center_scale, recipe.weight_center_margin
        )
        weight_center = weight_center * self._from_step(recipe.weight_center_step, weight_center.dtype)
        total = (
            recipe.weight_center_weight * weight_center
            + recipe.triplet_weight * triplet
            + recipe.cross_entropy_weight * classification
        )
        predicted = ops.cast(ops.argmax(logits, axis=-1), labels.dtype)
        return {
            "loss": total,
            "triplet": triplet,
            "cross_entropy": cross_entropy,
            "weight_center": weight_center,
            "eta": eta,
            "active_triplets": active,
            "real_similarity": _mean_where(similarity, is_real),
            "fake_similarity": _mean_where(similarity, ops.logical_not(is_real)),
            "accuracy": ops.mean(ops.cast(ops.equal(predicted, labels), total.dtype)),
            "weight_center_pull": spread.weight_center_pull(
                weight_center, recipe.weight_center_scale, recipe.weight_center_weight, recipe.triplet_weight
            ),
            **spread.spread_figures(gram, labels),
        }

    def _negatives(self, gram: tf.Tensor, eta: tf.Tensor) -> tf.Tensor | None:
        """S_an, float [n, n, n]: to the synthetic negatives in the end stage; None if the expander is off."""
        if not self.recipe.expander:
            return None
        # With η = 1, Eq. 6 gives z̃ = z⁻, so one graph serves both stages.
        in_end_stage = self._from_step(self.recipe.expander_step, gram.dtype)
        return expander.expanded_negative_similarity(gram, in_end_stage * eta + (1 - in_end_stage))

    def _similarity(self, embedding: tf.Tensor) -> tf.Tensor:
        """How alike the faces of a batch are for the triplets, float [n, n], where it is not their dot product."""
        return losses.negative_distance(embedding, squared=self.recipe.triplet_distance == "squared_euclidean")

    def _thawed(self, gradients: list[tf.Tensor], variables: list[keras.Variable]) -> list[tf.Tensor]:
        """Hold back the backbone's gradients for the first `frozen_steps`; its batch statistics move all the same."""
        if not self.recipe.frozen_steps:
            return gradients
        learns = self._from_step(self.recipe.frozen_steps, keras.config.floatx())
        own = {id(variable) for variable in self.backbone.trainable_variables}
        pairs = zip(gradients, variables, strict=True)
        return [ops.cast(learns, g.dtype) * g if id(v) in own and g is not None else g for g, v in pairs]

    def _from_step(self, step: int, dtype: str) -> tf.Tensor:
        """1 from that step on, 0 before."""
        return ops.cast(self.optimizer.iterations >= step, dtype)

    def weight_penalty(self) -> tf.Tensor | float:
        """Return weight decay in its classic L2 form, as a term of the loss; 0 for the decoupled form."""
        if self.recipe.weight_decay_form != "l2" or not self.recipe.weight_decay:
            return 0.0
        kernels = [v for v in self.trainable_variables if v.path.endswith("kernel")]
        return 0.5 * self.recipe.weight_decay * sum(ops.sum(ops.square(kernel)) for kernel in kernels)

    def move_center(self, embedding: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Move the centre f(x_c) of Eq. 3 towards the mean real embedding of the batch.

        The centre is an exponential moving average without gradient, from the first step on, and starts at the first
        mean. It moves after the loss was taken against the old centre. A batch without a real sample, or with an
        embedding that is NaN or infinite, leaves it as it is. Replicas with shares of their own move it to the mean of
        where each would.

        Args:
            embedding: float [n, d].
            labels: integer [n].

        Returns:
            How far it moved, a float scalar.
        """
        is_real = ops.cast(ops.equal(labels, losses.REAL), embedding.dtype)[:, None]
        count = ops.sum(is_real)
        mean = ops.sum(ops.stop_gradient(embedding) * is_real, axis=0) / ops.maximum(count, 1)
        old = ops.convert_to_tensor(self.center)
        keep = ops.where(ops.any(old != 0), ops.cast(self.recipe.center_momentum, old.dtype), ops.zeros((), old.dtype))
        usable = ops.logical_and(count > 0, ops.all(ops.isfinite(mean)))
        new = ops.where(usable, keep * old + (1 - keep) * mean, old)
        shift = ops.norm(new - old)  # before the assignment: `old` is the variable itself
        self.center.assign(new)  # never inside a conditional: a mirrored variable cannot be assigned there
        return shift

    def track(self, terms: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Add the terms of this step to the running means, and return these by name."""
        for name, value in terms.items():
            self.trackers[name].update_state(value)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    @property
    def metrics(self) -> list[keras.Metric]:
        """The running means of `TRACKED`."""
        return list(self.trackers.values())

    def get_config(self) -> dict[str, Any]:
        """Return what the model is rebuilt from: the recipe's fields."""
        return {**super().get_config(), "recipe": self.recipe.model_dump()}


# The running means that training reports.
TRACKED = (
    "loss",
    "triplet",
    "cross_entropy",
    "weight_center",
    "eta",
    "active_triplets",
    "real_similarity",
    "fake_similarity",
    "accuracy",
    "weight_center_pull",
    "real_spread",
    "fake_spread",
    "signal_to_spread",
    "partner_share",
    "center_shift",
)


def _unit(x: tf.Tensor) -> tf.Tensor:
    """Scale the last axis to unit length; a zero vector stays zero, with a finite gradient."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12))


def _mean_where(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean of the values [n] where the mask [n] is true; 0 if it is true nowhere."""
    mask = ops.cast(mask, values.dtype)
    return ops.sum(values * mask) / ops.maximum(ops.sum(mask), 1)
