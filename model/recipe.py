"""A recipe: a flat, named set of choices for one training.

Defaults are the paper's (section 4.1) where it states a value, and the documented choice where it does not.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationInfo, model_validator

from artifacts.crop_size import CROP_SIZE
from artifacts.video_rules import VideoRule

NAMED_WEIGHTS = ("random", "imagenet")  # values of `initial_weights` that are not files
TRAINED = "trained"  # key of the validation's context: the recipe of a model that exists


class Recipe(BaseModel):
    """Everything that decides what a training computes: two runs of equal recipes on equal data do the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field("paper", description="The recipe's name.")
    backbone: Literal[
        "resnet34", "resnet18", "resnet10", "resnet50", "xception", "efficientnetb0", "efficientnetb4",
        "efficientnetb4att", "efficientnetlite0", "meso4", "mesoinception4", "capsule", "capsule_v1", "kumar",
    ] = Field("resnet34", description="Network below the embedding.")  # fmt: skip
    initial_weights: str = Field(
        "random",
        description="First weights: random, imagenet, or a file (*.safetensors, *.pth, *.h5, *.keras).",
    )
    image_size: int = Field(
        CROP_SIZE, ge=32, le=384, description="Side in pixels to which the 256x256 crops are shrunk or enlarged."
    )
    embedding_size: int = Field(
        128, ge=0, description="Dimensions of the embedding; 0: it is the backbone's feature itself."
    )
    normalize_embeddings: bool = Field(True, description="Scale embeddings to unit length before the metric losses.")
    classifier_input: Literal["embedding", "unit_embedding", "feature"] = Field(
        "embedding",
        description="Input of the linear classifier: the embedding before or after scaling, or the backbone's feature. "
        "Without cross-entropy it is the embedding as the metric losses see it.",
    )
    classifier: Literal["softmax", "sigmoid", "routing"] = Field(
        "softmax",
        description="softmax: a logit for real and one for fake; sigmoid: one logit; routing: Capsule-Forensics's "
        "dynamic routing between capsules.",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of the classifier's inputs left out in training.")
    readout: Literal["class_means", "logistic"] = Field(
        "class_means",
        description="Without cross-entropy, the logit that is fitted to the embeddings of the training faces when the "
        "network is trained: of the class means, or logistic regression.",
    )

    triplet_weight: float = Field(2.0, ge=0, description="β of Eq. 1.")
    triplet_margin: PositiveFloat = Field(1.0, description="κ of Eq. 2.")
    triplet_distance: Literal["dot_product", "euclidean", "squared_euclidean"] = Field(
        "dot_product",
        description="How far a triplet's faces are apart: by the similarity of Eq. 2, or by the distance of others.",
    )
    triplet_mining: Literal["all", "hard", "semi_hard"] = Field(
        "all", description="Which triplets of a batch are used."
    )
    triplet_reduction: Literal["active", "all"] = Field(
        "active", description="Mean over the non-zero triplets, or over all."
    )
    triplet_partner: Literal["include", "exclude"] = Field(
        "include", description="Whether the other face of a pair is a negative in the triplets of its partner."
    )
    cross_entropy_weight: float = Field(1.0, ge=0, description="χ of Eq. 1.")
    classifier_loss: Literal["cross_entropy", "mean_squared_error"] = Field(
        "cross_entropy", description="What χ weighs; the squared error is of the fake probability."
    )
    weight_center_weight: float = Field(1.0, ge=0, description="Weight of the Weight-Center term in Eq. 1.")
    weight_center_scale: PositiveFloat = Field(2.0, description="α of Eq. 3.")
    weight_center_margin: float = Field(0.5, description="λ of Eq. 3.")
    weight_center_start: int | None = Field(
        None, ge=0, description="Step from which Weight-Center acts; steps/3 by default."
    )
    center_momentum: float = Field(0.9, ge=0, lt=1, description="Share of the old centre that an update keeps.")
    expander: bool = Field(True, description="In the end stage, replace negatives by the hardness-aware expander's.")
    expander_start: int | None = Field(
        None, ge=0, description="Step from which the expander acts; 2/3 of steps by default."
    )
    pulling_factor: PositiveFloat = Field(1.0, description="γ of η = exp(-γ / L_CE) in Eq. 6.")

    steps: PositiveInt = Field(10_000, description="Training steps.")
    batch_size: int = Field(16, ge=4, description="Global batch, half real and half fake.")
    batch_scope: Literal["global", "replica"] = Field(
        "global",
        description="What the losses, P, the batch statistics and the centre's mean are taken over: the global batch, "
        "or each replica's share of it, the gradients being averaged.",
    )
    optimizer: Literal["sgd", "adam"] = Field("sgd", description="The optimizer.")
    learning_rate: PositiveFloat = Field(0.01, description="Initial learning rate.")
    schedule: Literal["step", "cosine", "constant", "plateau"] = Field(
        "step",
        description="Of the learning rate; step: times decay_rate every decay_every steps; plateau: times decay_rate "
        "when patience validations in a row were no better than the best one.",
    )
    decay_every: PositiveInt = Field(3000, description="Steps between two drops of the step schedule.")
    decay_rate: PositiveFloat = Field(0.1, description="Factor of each drop of the step or the plateau schedule.")
    patience: PositiveInt = Field(10, description="Validations without a better one before the plateau schedule drops.")
    cooldown: int = Field(0, ge=0, description="Validations after a drop that the plateau schedule does not count.")
    min_learning_rate: float = Field(0.0, ge=0, description="The plateau schedule does not go below it.")
    frozen_steps: int = Field(0, ge=0, description="First steps in which the backbone does not learn.")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD momentum.")
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay of kernels; normalisation and biases are exempt.")
    weight_decay_form: Literal["l2", "decoupled"] = Field(
        "l2", description="l2: part of the gradient; decoupled: as Keras does it."
    )
    pairing: bool = Field(
        True, description="Put each fake beside a real of the same identity (its original), if the data set names them."
    )
    fakes: Literal["examples", "warped_reals"] = Field(
        "examples",
        description="What is learnt as fake: the examples' fakes; or, as Li and Lyu (2019) do it, reals whose face is "
        "shrunk, blurred and put back, so that no fakes are needed.",
    )
    augmentation: Literal["off", "paper", "forensic", "strong"] = Field(
        "paper",
        description="Of training crops; paper: mirroring; forensic: also JPEG, downscaling, blur, noise, brightness, "
        "contrast; strong: also scale, shift, rotation, colour, covered parts.",
    )
    video_rule: VideoRule = Field(
        "mean_logit",
        description="How the scores of a clip's frames are joined; it travels with the model, and the Evaluator, "
        "predict and the server use it unless they are told otherwise.",
    )
    seed: int = Field(0, ge=0, description="Seed of weights, batches and augmentation.")

    @classmethod
    def of_saved_model(cls, fields: dict[str, Any]) -> "Recipe":
        """Return the recipe of a model that was trained, also if no training with it may start any more."""
        return cls.model_validate(fields, context={TRAINED: True})

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> "Recipe":
        if not (info.context or {}).get(TRAINED):
            problems = (self._batch_problem(), self._term_problem(), self._part_problem(), self._stage_problem())
            for problem in problems:
                if problem:
                    raise ValueError(problem)
        return self

    def _batch_problem(self) -> str | None:
        if self.batch_size % 2:
            return f"batch_size must be even, half real and half fake. Received: batch_size={self.batch_size}"
        if self.triplet_partner == "exclude" and not self.pairing:
            return "triplet_partner is 'exclude', but without pairing no face has a partner: set pairing"
        return None

    def _term_problem(self) -> str | None:
        """What a term of the loss lacks that it is made of."""
        if self.triplet_weight == 0 and self.cross_entropy_weight == 0:
            return "triplet_weight and cross_entropy_weight are both 0: nothing would tell real from fake"
        if self.expander and self.triplet_weight == 0:
            return (
                "expander is on, but triplet_weight is 0: there are no triplets whose negatives it could replace. "
                "Set expander to false, or triplet_weight above 0"
            )
        if self.expander and self.cross_entropy_weight == 0:
            return (
                "expander is on, but cross_entropy_weight is 0: its eta (Eq. 6) follows the cross-entropy, and that of "
                "an untrained classifier says nothing. Set expander to false, or cross_entropy_weight above 0"
            )
        return None

    def _part_problem(self) -> str | None:
        """Which parts of a network, or of a loss, do not go together."""
        of_capsules = self.backbone in ("capsule", "capsule_v1")
        if of_capsules != (self.classifier == "routing"):
            return (
                "classifier 'routing' joins capsules: set it with backbone capsule or capsule_v1, and only with these"
            )
        if of_capsules and self.classifier_input != "feature":
            return "classifier 'routing' takes the capsules themselves: set classifier_input to feature"
        if not self.trains_classifier and self.classifier != "softmax":
            return f"classifier is {self.classifier!r}, but without cross-entropy a read-out stands there: set softmax"
        if self.classifier == "routing" and self.classifier_loss != "cross_entropy":
            return "classifier 'routing' learns by cross-entropy alone: set classifier_loss to cross_entropy"
        if self.expander and self.triplet_distance != "dot_product":
            return (
                "expander is on, and Eq. 6 makes its negatives for the similarity of Eq. 2: set triplet_distance to "
                "dot_product, or expander to false"
            )
        return None

    def _stage_problem(self) -> str | None:
        """What is wrong with the step that a stage was given to start at."""
        if self.frozen_steps > self.steps:
            return f"frozen_steps is {self.frozen_steps}, beyond the last of steps={self.steps}: give fewer"
        for name, acts, switch in (
            ("weight_center_start", self.weight_center_weight > 0, "weight_center_weight to 0"),
            ("expander_start", self.expander, "expander to false"),
        ):
            start = getattr(self, name)
            if start is None:
                continue
            if not acts:
                return f"{name} is {start}, but this recipe sets {switch}: leave out one of the two"
            if start >= self.steps:
                return (
                    f"{name} is {start}, beyond the last step, {self.steps - 1} of steps={self.steps} (the first is "
                    f"0): that stage would never begin. Give an earlier step, or set {switch}"
                )
        return None

    @property
    def weight_center_step(self) -> int:
        """The first step with the Weight-Center term."""
        return self.steps // 3 if self.weight_center_start is None else self.weight_center_start

    @property
    def expander_step(self) -> int:
        """The first step with the expander's negatives."""
        return 2 * self.steps // 3 if self.expander_start is None else self.expander_start

    @property
    def trains_classifier(self) -> bool:
        """Whether the classifier learns; if not, its place is taken by a read-out, see `model.readout`."""
        return self.cross_entropy_weight > 0
