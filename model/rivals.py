"""The systems that the paper is compared with, as recipes of the one trainer.

A recipe follows what was published. What is repaired or replaced is said beside it, and printed with every figure.
Published trainings count in epochs of data sets of their own; here most take as many steps as the paper's method, so
that systems are compared after equal work. Feng et al. (2020) published no architecture and so have no recipe.
"""

from typing import NamedTuple

from model.recipe import Recipe


class Rival(NamedTuple):
    """A system that the paper is compared with.

    Attributes:
        system: its name in the paper's tables.
        recipe: of the trainer.
        meaning: one line for lists.
        published: what the recipe takes from the publication or its code.
        repaired: what it does otherwise, and why.
    """

    system: str
    recipe: Recipe
    meaning: str
    published: tuple[str, ...]
    repaired: tuple[str, ...]


_CLASSIFIER = {
    "embedding_size": 0,
    "normalize_embeddings": False,
    "classifier_input": "feature",
    "triplet_weight": 0,
    "weight_center_weight": 0,
    "expander": False,
    "weight_decay": 0,
    "pairing": False,
    "optimizer": "adam",
    "schedule": "constant",
}
_METRIC = _CLASSIFIER | {
    "classifier_input": "embedding",
    "triplet_weight": 1,
    "cross_entropy_weight": 0,
    "triplet_reduction": "all",
    "readout": "logistic",
}
_STEPS = "its epochs are counted in steps, as many as for the paper's method"
_CROPS = "faces are cut by this project's template instead of its own detector's boxes"
_AUGMENTED = "augmentation is this project's"

_MESO = _CLASSIFIER | {
    "classifier": "sigmoid",
    "classifier_loss": "mean_squared_error",
    "learning_rate": 1e-3,
    "schedule": "step",
    "decay_every": 1000,
    "steps": 4000,
    "batch_size": 76,
    "video_rule": "mean_probability",
}
_MESO_PUBLISHED = (
    "input 256, 0..1; squared error; Adam 1e-3, divided by 10 every 1,000 steps down to 1e-6, which is 4,000 steps",
)
_MESO_REPAIRED = (
    "the output is the probability of a fake; published is that of a real",
    "a video gets the mean probability of its frames; published is the share of frames above .5",
    "batches of 76 instead of 75, half real and half fake",
    "the published demonstration feeds pixels of 0..255 to a network that learnt from 0..1; here they are 0..1",
    f"{_AUGMENTED}: mirroring, without small zooms, rotations and hues",
    _CROPS,
)
_BONETTINI = {
    "image_size": 224,
    "initial_weights": "imagenet",
    "optimizer": "adam",
    "learning_rate": 1e-5,
    "schedule": "plateau",
    "patience": 10,
    "cooldown": 20,
    "min_learning_rate": 1e-10,
    "steps": 20_000,
    "augmentation": "forensic",
    "video_rule": "mean_logit",
}
_BONETTINI_PUBLISHED = (
    "input 224, ImageNet's mean and deviation; EfficientNet-B4 from ImageNet's weights",
    "Adam 1e-5, times .1 when ten validations bring nothing (set validate_every to 500); 20,000 steps",
    "a video's score is the mean logit of its frames",
)
_BONETTINI_REPAIRED = (
    "validation faces are not augmented; published they are",
    "the plateau is one of validation AUC instead of loss",
    f"{_AUGMENTED} preset 'forensic', which is of the same kind",
    _CROPS,
)
_SIAMESE_REPAIRED = (
    *_BONETTINI_REPAIRED,
    "all triplets of a batch of 24 instead of 12 drawn ones",
    "the classifier above the frozen features is logistic regression, fitted to its optimum; published is a normalised "
    "layer trained by Adam, whose frozen features drift, since they are computed in training mode",
)


def _bonettini(name: str, backbone: str, siamese: bool) -> Recipe:
    form = _METRIC | {"triplet_distance": "euclidean", "batch_size": 24} if siamese else _CLASSIFIER | {
        "classifier": "sigmoid", "dropout": 0.4, "batch_size": 32,
    }  # fmt: skip
    return Recipe.model_validate(form | _BONETTINI | {"name": name, "backbone": backbone})


RIVALS: dict[str, Rival] = {
    "meso4": Rival(
        "MesoNet",
        Recipe.model_validate(_MESO | {"name": "meso4", "backbone": "meso4"}),
        "MesoNet's Meso-4 (Afchar et al., 2018)",
        _MESO_PUBLISHED,
        _MESO_REPAIRED,
    ),
    "mesoinception4": Rival(
        "MesoNet",
        Recipe.model_validate(_MESO | {"name": "mesoinception4", "backbone": "mesoinception4"}),
        "MesoNet's MesoInception-4 (Afchar et al., 2018)",
        _MESO_PUBLISHED,
        _MESO_REPAIRED,
    ),
    "xception": Rival(
        "XceptionNet",
        Recipe.model_validate(
            _CLASSIFIER
            | {
                "name": "xception",
                "backbone": "xception",
                "image_size": 299,
                "initial_weights": "imagenet",
                "learning_rate": 2e-4,
                "batch_size": 32,
                "frozen_steps": 1667,
                "video_rule": "mean_probability",
            }
        ),
        "XceptionNet as in FaceForensics++ (Rössler et al., 2019)",
        (
            "input 299, -1..1; ImageNet's weights; Adam 2e-4, batches of 32",
            "the head learns alone for the first sixth (3 of 18 epochs), then all weights",
        ),
        ("crops of 256 are enlarged to 299", _STEPS, f"{_AUGMENTED}: mirroring", _CROPS),
    ),
    "fwa": Rival(
        "Li et al.",
        Recipe.model_validate(
            _CLASSIFIER
            | {
                "name": "fwa",
                "backbone": "resnet50",
                "image_size": 224,
                "initial_weights": "imagenet",
                "fakes": "warped_reals",
                "optimizer": "sgd",
                "momentum": 0,
                "learning_rate": 1e-3,
                "schedule": "step",
                "decay_every": 1000,
                "decay_rate": 0.95,
                "batch_size": 64,
                "augmentation": "strong",
                "video_rule": "mean_probability",
            }
        ),
        "Face warping artifacts (Li and Lyu, 2019): learns from reals alone, and from what warping makes of them",
        (
            "input 224; ResNet-50 from ImageNet's weights; SGD without momentum, 1e-3, times .95 every 1,000 steps",
            "no fakes: a real's face is shrunk, blurred and put back within an outline of brows and chin",
        ),
        (
            "the outline is a fixed polygon of the aligned crop, instead of that of 68 landmarks",
            "Keras's ResNet-50, whose strides and biases differ from the published one's",
            "one crop a face instead of ten, and no mining of hard examples afterwards",
            "a video gets the mean probability instead of that of the highest third",
            _STEPS,
            f"{_AUGMENTED} preset 'strong'",
        ),
    ),
    "capsule": Rival(
        "Capsule",
        Recipe.model_validate(
            _CLASSIFIER
            | {
                "name": "capsule",
                "backbone": "capsule",
                "image_size": 300,
                "classifier": "routing",
                "initial_weights": "imagenet",
                "learning_rate": 5e-4,
                "batch_size": 32,
                "video_rule": "mean_probability",
            }
        ),
        "Capsule-Forensics, second version (Nguyen et al., 2019)",
        (
            "input 300, ImageNet's mean and deviation; VGG19 up to its third pooling, which does not learn",
            "ten capsules, two iterations of routing; the sum of four cross-entropies; Adam 5e-4, batches of 32",
        ),
        (
            "squashing keeps a zero vector zero; published is a division by zero",
            "crops of 256 are enlarged to 300",
            _STEPS,
            _CROPS,
        ),
    ),
    "kumar": Rival(
        "Kumar et al.",
        Recipe.model_validate(
            _METRIC
            | {
                "name": "kumar",
                "backbone": "kumar",
                "image_size": 160,
                "triplet_distance": "squared_euclidean",
                "triplet_mining": "semi_hard",
                "learning_rate": 3e-4,
                "batch_size": 256,
                "video_rule": "mean_probability",
            }
        ),
        "layers above FaceNet by a triplet loss (Kumar et al., 2020)",
        (
            "input 160, -1..1; FaceNet, which does not learn, and four layers above it; semi-hard triplets by squared "
            "distance, margin 1, Adam 3e-4",
            "logistic regression on the embeddings",
        ),
        (
            "batches of 256, as the author advises, instead of the file's 32, with which it does not learn",
            "faces are split by person; published is a split by frame",
            _STEPS,
            _CROPS,
        ),
    ),
    "bonettini_b4": Rival(
        "Bonettini et al.",
        _bonettini("bonettini_b4", "efficientnetb4", siamese=False),
        "EfficientNet-B4 (Bonettini et al., 2020)",
        (*_BONETTINI_PUBLISHED, "dropout .4, one logit, cross-entropy; batches of 32"),
        _BONETTINI_REPAIRED,
    ),
    "bonettini_b4att": Rival(
        "Bonettini et al.",
        _bonettini("bonettini_b4att", "efficientnetb4att", siamese=False),
        "EfficientNet-B4 with an attention map (Bonettini et al., 2020)",
        (*_BONETTINI_PUBLISHED, "an attention map behind the third stage; dropout .4, one logit; batches of 32"),
        _BONETTINI_REPAIRED,
    ),
    "bonettini_b4st": Rival(
        "Bonettini et al.",
        _bonettini("bonettini_b4st", "efficientnetb4", siamese=True),
        "EfficientNet-B4 by a triplet loss (Bonettini et al., 2020)",
        (*_BONETTINI_PUBLISHED, "a triplet loss by distance, margin 1, on the network's feature"),
        _SIAMESE_REPAIRED,
    ),
    "bonettini_b4attst": Rival(
        "Bonettini et al.",
        _bonettini("bonettini_b4attst", "efficientnetb4att", siamese=True),
        "EfficientNet-B4 with an attention map, by a triplet loss (Bonettini et al., 2020)",
        (*_BONETTINI_PUBLISHED, "an attention map, and a triplet loss by distance, margin 1"),
        _SIAMESE_REPAIRED,
    ),
}

# Whose logits are averaged for Bonettini et al.'s ensemble.
BONETTINI_ENSEMBLE = ("bonettini_b4", "bonettini_b4att", "bonettini_b4st", "bonettini_b4attst")
