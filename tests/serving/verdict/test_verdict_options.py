"""What can be chosen, and that it is chosen of the extraction alike."""

import pytest
from pydantic import ValidationError

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
