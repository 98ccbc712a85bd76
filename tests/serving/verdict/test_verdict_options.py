"""What can be chosen, and that it is chosen of the extraction alike."""

import pytest
from pydantic import ValidationError

from artifacts.preprocessing import Preprocessing
from faces.settings import ExtractionSettings
from serving.verdict.verdict_options import VerdictOptions


def test_by_default_faces_are_found_as_for_training_but_for_everyone():
    assert VerdictOptions().extraction() == ExtractionSettings(faces="all")


def test_what_is_chosen_reaches_the_extraction():
    chosen = VerdictOptions(
        frames=8, faces="main", min_face_size=20, detect_every=4, decode_time_limit=9, threshold=0.7
    )
    expected = {"frames": 8, "faces": "main", "min_face_size": 20, "detect_every": 4, "decode_time_limit": 9}
    assert chosen.extraction() == ExtractionSettings(**expected)


@pytest.mark.parametrize(
    "wrong",
    [{"min_face_size": 50}, {"threshold": 1}, {"frames": 0}, {"faces": "some"}, {"min_score": 2}, {"frmes": 3}],
)
def test_what_is_wrong_is_named(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        VerdictOptions(**wrong)


def test_what_the_user_does_not_give_is_the_models():
    how = Preprocessing(crop_margin=0.8, crop_lift=0.12, min_face_size=20, detect_every=8)
    completed = VerdictOptions(detect_every=2, threshold=0.7).for_model(how)
    assert (completed.detect_every, completed.min_face_size, completed.threshold) == (2, 20, 0.7)
    assert completed.extraction() == ExtractionSettings(
        faces="all", crop_margin=0.8, crop_lift=0.12, min_face_size=20, detect_every=2
    )


def test_the_video_rule_is_the_models_unless_the_user_gives_another():
    how = Preprocessing(video_rule="max_logit")
    assert VerdictOptions().for_model(how).video_rule == "max_logit"
    assert VerdictOptions(video_rule="mean_probability").for_model(how).video_rule == "mean_probability"


def test_another_model_cuts_its_own_crops():
    first = VerdictOptions(frames=9).for_model(Preprocessing(crop_margin=0.8))
    assert first.for_model(Preprocessing(crop_margin=1.1, crop_lift=0.05)).extraction() == ExtractionSettings(
        faces="all", frames=9, crop_margin=1.1, crop_lift=0.05
    )


def test_a_model_that_does_not_say_gets_the_defaults():
    assert VerdictOptions().for_model(None).extraction() == VerdictOptions().extraction()
