"""SavedModels on disk: where one is found, and what is read from beside it."""

import json

import pytest

from artifacts.errors import InputError
from artifacts.preprocessing import Preprocessing
from model.saved_model import (
    CALIBRATION_ASSET,
    CARD_ASSET,
    digest,
    find_saved_model,
    read_calibration,
    read_card,
    read_preprocessing,
    temperature_of,
    why_not_calibrated,
    write_calibration,
    write_card,
    write_preprocessing,
)

CARD = {"name": "paper", "trained_on": [{"dataset": "d", "videos": 3}], "tested_on": []}
CALIBRATION = {"frame": 1.25, "video": 2.0, "reason": None}


def make_saved_model(folder, graph=b"graph"):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(graph)
    return str(folder)


def test_it_is_found_in_an_artifact_by_itself_and_in_a_servers_folder(tmp_path):
    path = make_saved_model(tmp_path / "artifact" / "Format-Serving")
    assert find_saved_model(tmp_path / "artifact") == find_saved_model(path) == path
    versions = [make_saved_model(tmp_path / "serving" / number) for number in ("8", "9", "notes")]
    (tmp_path / "serving" / "10").mkdir()  # not complete
    assert find_saved_model(tmp_path / "serving") == versions[1]
    with pytest.raises(InputError, match=r"10: holds no SavedModel"):
        find_saved_model(tmp_path / "serving" / "10")


def test_the_digest_is_of_graph_and_weights_alone(tmp_path):
    one, other = (make_saved_model(tmp_path / name) for name in ("one", "other"))
    write_card(CARD, other)
    assert digest(one) == digest(other)
    (tmp_path / "other" / "variables").mkdir()
    (tmp_path / "other" / "variables" / "variables.index").write_bytes(b"weights")
    assert digest(one) != digest(other)


def test_a_card_is_read_as_it_was_written(tmp_path):
    assert read_card(str(tmp_path)) is None
    write_card(CARD, str(tmp_path))
    assert (tmp_path / "assets.extra" / "model_card.json").exists() and read_card(str(tmp_path)) == CARD


def test_a_card_holds_nothing_that_json_does_not(tmp_path):
    with pytest.raises(ValueError):
        write_card({"auc": float("nan")}, str(tmp_path))


def test_a_calibration_is_read_from_the_model_folder_and_from_the_saved_model_alone(tmp_path):
    assert read_calibration(str(tmp_path)) is None
    write_calibration(CALIBRATION, str(tmp_path))
    assert json.loads((tmp_path / "calibration.json").read_text()) == CALIBRATION
    assert read_calibration(str(tmp_path)) == read_calibration(str(tmp_path / "Format-Serving")) == CALIBRATION


@pytest.mark.parametrize(
    "place, read",
    [("calibration.json", read_calibration), (CALIBRATION_ASSET, read_calibration), (CARD_ASSET, read_card)],
)
def test_a_file_that_is_damaged_or_cannot_be_read_is_named(place, read, tmp_path):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"frame": 1.')
    with pytest.raises(InputError, match=rf"{path.name}: damaged"):
        read(str(tmp_path))
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=rf"{path.name}: cannot be read \(Is a directory\)"):
        read(str(tmp_path))


def test_preprocessing_is_read_from_the_model_folder_and_from_the_saved_model_alone(tmp_path):
    assert read_preprocessing(str(tmp_path)) is None
    how = Preprocessing(crop_margin=0.8, crop_lift=0.12)
    write_preprocessing(how, str(tmp_path))
    assert read_preprocessing(str(tmp_path)) == read_preprocessing(str(tmp_path / "Format-Serving")) == how


def fitted(temperature, reason=None):
    return {"temperature": temperature, "nll_before": 0.7, "nll_after": 0.6, "reason": reason}


RULES = {"mean_logit": 1.5, "median_logit": 1.6, "mean_probability": 1.4, "max_logit": 4.0}
FITS = {
    "frame": fitted(2.0),
    "main": {rule: fitted(t + 1) for rule, t in RULES.items()},
    "all": {rule: fitted(t, "only reals" if rule == "max_logit" else None) for rule, t in RULES.items()},
}


@pytest.mark.parametrize("rule", RULES)
def test_the_temperature_is_that_of_the_rule_and_of_the_faces(rule):
    calibration = {"frame": 2.0, "video": 1.5, "fits": FITS, "reason": "max_logit: only reals"}
    assert temperature_of(calibration, rule) == {"frame": 2.0, "video": RULES[rule]}
    assert temperature_of(calibration, rule, "main") == {"frame": 2.0, "video": RULES[rule] + 1}
    assert why_not_calibrated(calibration, rule) == ("only reals" if rule == "max_logit" else None)
    assert why_not_calibrated(calibration, rule, "main") is None
    no_frames = {**calibration, "fits": {**FITS, "frame": fitted(1.0, "no rows")}}
    assert why_not_calibrated(no_frames, rule) == "no rows"


@pytest.mark.parametrize("rule", RULES)
def test_a_calibration_of_before_holds_for_the_mean_logit_only(rule, tmp_path):
    (tmp_path / "calibration.json").write_text(json.dumps(CALIBRATION))
    calibration = read_calibration(str(tmp_path))
    of_mean = rule == "mean_logit"
    assert temperature_of(calibration, rule) == {"frame": 1.25, "video": 2.0 if of_mean else None}
    problem = why_not_calibrated(calibration, rule)
    assert problem is None if of_mean else f"not for {rule}" in problem
    assert why_not_calibrated({**CALIBRATION, "reason": "one class"}, "mean_logit") == "one class"


def test_without_a_calibration_there_is_no_temperature():
    assert temperature_of(None, "mean_logit") is None
    assert why_not_calibrated(None, "mean_logit") == "the model has no calibration"
