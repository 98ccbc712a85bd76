"""What is said below every table; cards may lack anything."""

import pytest

from artifacts.preprocessing import Preprocessing
from serving.verdict.caveats import INTERVAL, NO_CARD, NO_PREPROCESSING, NOT_CALIBRATED, READY_CROPS, about, caveats_of

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
        "(videos that it was not trained on)",
    ]


@pytest.mark.parametrize("card", [None, {}, {"trained_on": None, "tested_on": []}])
def test_without_a_card_the_name_is_left(card):
    assert about({"name": "m", "card": card}) == ["Model: m"]
