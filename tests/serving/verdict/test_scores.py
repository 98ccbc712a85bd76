"""Scores of faces, in batches, and what verdicts tell about the model."""

import numpy as np
import pytest

from faces.alignment import encode
from serving.verdict import scores

CALIBRATION = {"frame": 2.0, "video": 0.5, "spread": 0.7, "reason": None}


def test_scores_come_in_batches_and_in_order(made):
    image = [encode(np.full((256, 256, 3), k, np.uint8), "webp") for k in range(70)]
    examples = [made.example(0, k, image=image[k]) for k in range(70)]
    model, seen = made.Brightness(), []
    found = scores.score_faces(model.predict, examples, lambda *of: seen.append(of))
    assert model.batches == [32, 32, 6]
    assert seen == [("judging", 0, 70), ("judging", 32, 70), ("judging", 64, 70), ("judging", 70, 70)]
    assert found.logit == pytest.approx((np.arange(70) - 128) / 16)
    assert scores.crops_of(examples[:3])[2].max() == 2


def test_without_faces_there_are_no_scores_and_no_forward_pass(made):
    model = made.Brightness()
    found = scores.score_faces(model.predict, [])
    assert model.batches == [] and {len(values) for values in vars(found).values()} == {0}
    assert scores.crops_of([]).shape == (0, 256, 256, 3)


def test_a_model_whose_answer_is_no_number_is_named(made):
    image = encode(np.zeros((256, 256, 3), np.uint8), "webp")

    def diverged(crops):
        return {name: np.full(len(crops), np.nan) for name in ("logit", "fake_probability")} | {
            "center_similarity": np.zeros(len(crops))
        }

    with pytest.raises(ValueError, match="logit and fake_probability is not finite"):
        scores.score_faces(diverged, [made.example(0, 0, image=image)])


def test_progress_may_give_up(made):
    image = encode(np.zeros((256, 256, 3), np.uint8), "webp")
    with pytest.raises(KeyboardInterrupt):
        scores.score_faces(
            made.Brightness().predict,
            [made.example(0, 0, image=image)],
            lambda *_: (_ for _ in ()).throw(KeyboardInterrupt),
        )


@pytest.mark.parametrize(
    "calibration, problem, readout",
    [
        (None, "the model has no calibration", None),
        ({"reason": "one class", "readout": "class_means"}, "one class", "class_means"),
        (CALIBRATION, None, None),
    ],
)
def test_a_model_tells_of_itself(calibration, problem, readout, made):
    model = scores.describe(made.Brightness(calibration))
    assert model == {
        "name": "toys",
        "version": 7,
        "digest": "d1",
        "calibrated": problem is None,
        "calibration_problem": problem,
        "readout": readout,
        "preprocessing": made.Brightness.preprocessing.as_dict(),
        "not_judged": None,
        "card": made.Brightness.card,
    }
