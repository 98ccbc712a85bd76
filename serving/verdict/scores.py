"""The model's scores for the faces of one file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import tensorflow as tf

from artifacts.crop_size import CROP_SIZE
from artifacts.errors import InputError
from artifacts.face_examples import FaceExample
from artifacts.preprocessing import Preprocessing
from model.input_pipeline import load_crop
from model.saved_model import Calibration, why_not_calibrated
from model.served import ServedModel
from serving.default_model import name_of
from serving.verdict.reliance import why_not_judged
from serving.verdict.stages import JUDGING, StageProgress, no_progress
from serving.verdict.verdict_json import ModelDescription
from serving.verdict.verdict_options import VerdictOptions

BATCH = 32  # faces per forward pass

# uint8 crops [n, 256, 256, 3] -> arrays with n rows, `logit`, `fake_probability` and `center_similarity` among them.
Predict = Callable[[np.ndarray], Mapping[str, np.ndarray]]
# uint8 crops [n, 256, 256, 3] -> float32 [n, 256, 256] within 0..1, or None from a model that has no heat maps.
MakeHeatMaps = Callable[[np.ndarray], np.ndarray | None]


@dataclass(frozen=True)
class ScoringModel:
    """A model as an `Assessor` uses it.

    Attributes:
        predict: see `Predict`.
        heat_maps: see `MakeHeatMaps`.
        calibration: its temperatures, or None.
        preprocessing: how the faces were made from which it learnt, or None if it does not say.
        description: what verdicts tell about the model.
    """

    predict: Predict
    heat_maps: MakeHeatMaps
    calibration: Calibration | None
    preprocessing: Preprocessing | None
    description: ModelDescription

    @classmethod
    def of_served(cls, model: ServedModel) -> "ScoringModel":
        """A `ServedModel` that is called directly."""
        return cls(model.predict, model.heat_maps, model.calibration, model.preprocessing, describe(model))


def describe(model: ServedModel) -> ModelDescription:
    """What verdicts by the default options tell about a model."""
    defaults = VerdictOptions().for_model(model.preprocessing)
    problem = why_not_calibrated(model.calibration, defaults.video_rule, defaults.faces)
    return {
        "name": name_of(model.path),
        "version": model.version,
        "digest": model.digest,
        "calibrated": problem is None,
        "calibration_problem": problem,
        "readout": model.calibration.get("readout") if model.calibration else None,
        "preprocessing": model.preprocessing.as_dict() if model.preprocessing else None,
        "not_judged": why_not_judged(model.card),
        "card": model.card,
    }


@dataclass(frozen=True)
class FaceScores:
    """The scores of some faces; each array is float32 [n].

    Attributes:
        logit: fake minus real.
        fake_probability: calibrated for single frames.
        center_similarity: cosine similarity to the centre of the real training faces.
    """

    logit: np.ndarray
    fake_probability: np.ndarray
    center_similarity: np.ndarray


SCORES = tuple(field.name for field in fields(FaceScores))


def crops_of(examples: Sequence[FaceExample]) -> np.ndarray:
    """The crops as a model takes them: uint8 [n, 256, 256, 3]."""
    crops = [load_crop(tf.constant(example.image)).numpy() for example in examples]
    return np.stack(crops) if crops else np.zeros((0, CROP_SIZE, CROP_SIZE, 3), np.uint8)


def score_faces(predict: Predict, examples: Sequence[FaceExample], progress: StageProgress = no_progress) -> FaceScores:
    """Score faces in batches.

    Args:
        predict: of the model.
        examples: the faces.
        progress: called first and after each batch.

    Raises:
        InputError: a score is NaN or infinite, a probability is none, or there are more or fewer scores than faces.
    """
    parts: dict[str, list[np.ndarray]] = {name: [np.zeros(0, np.float32)] for name in SCORES}
    if examples:
        progress(JUDGING, 0, len(examples))
    for start in range(0, len(examples), BATCH):
        faces = examples[start : start + BATCH]
        answers = predict(crops_of(faces))
        for name in SCORES:
            if answers[name].shape != (len(faces),):
                raise InputError(
                    f"the model's {name} has the shape {answers[name].shape} for {len(faces)} faces: it is no model of "
                    "this project. Use another model"
                )
            parts[name].append(answers[name])
        progress(JUDGING, min(start + BATCH, len(examples)), len(examples))
    scores = {name: np.concatenate(part) for name, part in parts.items()}
    odd = [name for name in SCORES if not np.isfinite(scores[name]).all()]
    if odd:
        raise InputError(f"the model's {' and '.join(odd)} is not finite: its training diverged. Use another model")
    probability = scores["fake_probability"]
    if ((probability < 0) | (probability > 1)).any():
        raise InputError("the model's fake_probability leaves [0, 1]: it is damaged. Use another model")
    return FaceScores(**scores)
