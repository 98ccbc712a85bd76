"""What is said below every table; cards may lack anything."""

import pytest

from artifacts.preprocessing import Preprocessing
from serving.verdict.caveats import (
    AUC,
    INTERVAL,
    NO_CARD,
    NO_PREPROCESSING,
    NOT_CALIBRATED,
    ONE_FACE_EACH,
    READY_CROPS,
    about,
    caveats_of,
)

REAL_FAKE = ("real", "fake")
FIGURE = {"value": 0.91, "low": 0.9, "high": 0.923, "reason": None}


@pytest.mark.parametrize(
    "card, said",
    [
        (None, [NO_CARD]),
        ({"name": "x"}, []),
        ({"caveats": None, "name": "x"}, []),
        ({"caveats": {"toys": "they are no faces"}}, ["Toys: they are no faces."]),
        ({"caveats": ["One.", "two"]}, ["One.", "Two."]),
        ({"caveats": "alone"}, ["Alone."]),
    ],
)
def test_caveats(card, said):
    model = {"card": card, "calibrated": True, "calibration_problem": None, "readout": None}
    model["preprocessing"] = Preprocessing().as_dict()
    assert caveats_of(model) == [*said, INTERVAL]
    bare = caveats_of({**model, "calibrated": False, "calibration_problem": "one class"})
    assert bare == [*said, NOT_CALIBRATED.format("one class"), INTERVAL]
    assert "This model is not calibrated (one class): " in bare[-2]
    untrained = caveats_of({**model, "readout": "class_means"})
    assert untrained[:-2] == said and "is a class-mean read-out of the embedding" in untrained[-2]


@pytest.mark.parametrize(
    "preprocessing, said", [(None, NO_PREPROCESSING), (Preprocessing(ready_crops=True).as_dict(), READY_CROPS)]
)
def test_crops_that_may_lie_otherwise_than_those_of_the_training(preprocessing, said):
    model = {"card": {"name": "x"}, "preprocessing": preprocessing, "calibrated": True, "readout": None}
    assert caveats_of(model) == [said, INTERVAL]


def test_what_it_was_trained_and_tested_on():
    trained = [
        {"dataset": "ffpp", "method": "df", "label": 1, "videos": 720},
        {"dataset": "ffpp", "method": "fs", "label": 1, "videos": 20},
        {"dataset": "ffpp", "method": "real", "label": 0, "videos": 1720},
        {"dataset": "dfdc", "method": None, "label": 0, "videos": None},
    ]
    tested = [
        {"dataset": "ffpp", "method": None, "level": "video", "auc": FIGURE, "real": 1140, "fake": 1},
        {"dataset": "old", "method": None, "level": "video", "auc": FIGURE},
        {"dataset": "ffpp", "method": "df", "level": "video", "auc": FIGURE},
        {"dataset": "dfdc", "method": None, "level": "video", "auc": {"value": None, "reason": "one class"}},
        {"dataset": "x", "level": "frame"},
    ]
    lines = about({"name": "serving_model", "card": {"name": "paper", "trained_on": trained, "tested_on": tested}})
    assert lines == [
        "Model: serving_model, recipe paper",
        "Trained on ffpp: 1,720 real and 740 fake videos (df, fs); dfdc: 0 real and 0 fake videos",
        "Tested on ffpp AUC 0.910 (0.900 to 0.923) on 1,140 real and 1 fake video; old AUC 0.910 (0.900 to 0.923) "
        f"(videos that it was not trained on; {AUC})",
    ]


def test_a_test_of_single_faces_is_not_told_as_one_of_clips():
    """As with the detector in the package: one crop of each video, all of one method."""
    trained = [{"dataset": "dfdc", "method": method, "label": k, "videos": 20} for k, method in enumerate(REAL_FAKE)]
    tested = [
        {"dataset": "dfdc", "method": method, "level": level, "auc": FIGURE, "real": 991, "fake": 963}
        for level in ("video", "frame")
        for method in (None, "fake")
    ]
    card = {"trained_on": trained, "tested_on": tested}
    model = {"name": "m", "card": card, "calibrated": True, "readout": None, "preprocessing": {}}
    assert about(model)[1] == "Trained on dfdc: 20 real and 20 fake videos"
    assert "on one face of each of 991 real and 963 fake videos" in about(model)[2]
    assert caveats_of(model) == [ONE_FACE_EACH, INTERVAL]
    tested[2]["fake"] += 1  # of one video there were two faces
    assert "one face" not in about(model)[2] and caveats_of(model) == [INTERVAL]


@pytest.mark.parametrize("card", [None, {}, {"trained_on": None, "tested_on": []}])
def test_without_a_card_the_name_is_left(card):
    assert about({"name": "m", "card": card}) == ["Model: m"]
