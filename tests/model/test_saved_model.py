"""SavedModels on disk: where one is found, and what is read from beside it."""

import json
import os

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


def fitted(temperature, reason=None):
    return {"temperature": temperature, "nll_before": 0.7, "nll_after": 0.6, "reason": reason}


RULES = {"mean_logit": 1.5, "median_logit": 1.6, "mean_probability": 1.4, "max_logit": 4.0}
FITS = {
    "frame": fitted(2.0),
    "main": {rule: fitted(t + 1) for rule, t in RULES.items()},
    "all": {rule: fitted(t, "only reals" if rule == "max_logit" else None) for rule, t in RULES.items()},
}


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


def test_the_digest_is_of_all_that_decides_a_verdict(tmp_path):
    one, other = (make_saved_model(tmp_path / name) for name in ("one", "other"))
    write_card(CARD, other)
    assert digest(one) == digest(other)
    (tmp_path / "other" / "variables").mkdir()
    (tmp_path / "other" / "variables" / "variables.index").write_bytes(b"weights")
    assert digest(one) != digest(other)


@pytest.mark.parametrize("name", ["calibration.json", "preprocessing.json", "anything"])
def test_the_digest_covers_what_travels_with_the_model(name, tmp_path):
    model = make_saved_model(tmp_path / "model")
    before = digest(model)
    (tmp_path / "model" / "assets.extra").mkdir()
    (tmp_path / "model" / "assets.extra" / name).write_text("1")
    one = digest(model)
    (tmp_path / "model" / "assets.extra" / name).write_text("2")
    assert len({before, one, digest(model)}) == 3


@pytest.mark.parametrize("place", ["variables/pipe", "assets.extra/calibration.json", "assets.extra/model_card.json"])
def test_a_named_pipe_in_a_model_blocks_nobody(place, tmp_path):
    model = make_saved_model(tmp_path / "model")
    path = tmp_path / "model" / place
    path.parent.mkdir()
    os.mkfifo(path)
    with pytest.raises(InputError, match=rf"{path.name}: is no regular file"):
        digest(model), read_calibration(model), read_card(model)


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


@pytest.mark.parametrize(
    "change, words",
    [
        ({"frame": -1}, r"frame: must be greater than or equal to 0\.05, not '-1'"),
        ({"video": 0.0}, "video: "),
        ({"frame": 1e300}, "frame: "),
        ({"frame": "1.5"}, "frame: must be a number, not '1.5'"),
        ({"frame": None}, "frame: "),
        ({"frame": True}, "frame: "),
        ({"spread": -0.1}, "spread: "),
        ({"videos": 1.5}, "videos: "),
        ({"reason": 3}, "reason: "),
        ({"readout": "oracle"}, "readout: "),
        ({"threshold": 0.1}, "threshold: unknown key"),
        ({"fits": {**FITS, "all": {}}}, "fits: all has no mean_logit"),
        ({"fits": {**FITS, "frame": fitted(-2.0)}}, r"fits\.frame\.temperature: "),
        ({"fits": FITS}, "frame and video are other temperatures than those of fits"),
        ({"fits": 7}, "fits: must be an object"),
    ],
)
def test_a_calibration_that_cannot_be_is_refused_by_the_name_of_its_field(change, words, tmp_path):
    (tmp_path / "calibration.json").write_text(json.dumps(CALIBRATION | change))
    with pytest.raises(InputError, match=rf"calibration\.json: {words}"):
        read_calibration(str(tmp_path))


@pytest.mark.parametrize(
    "text, words",
    [
        ('{"frame": NaN, "video": 1.0}', "NaN is no number in JSON"),
        ('{"frame": 1e999, "video": 1.0}', "frame: "),
        ('{"frame": 1.0, "frame": 2.0, "video": 1.0}', "the key 'frame' is there twice"),
        ('{"video": 1.0}', "frame: is missing"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "nested too deep"),
        (b'{"reason": "\xff"}', "damaged"),
    ],
)
def test_json_that_is_none_is_refused(text, words, tmp_path):
    (tmp_path / "calibration.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=rf"calibration\.json: .*{words}"):
        read_calibration(str(tmp_path))


@pytest.mark.parametrize(
    "card, words",
    [
        ({"name": 3}, "name: "),
        ({"trained_on": {"dataset": "x"}}, r"trained_on: must be a list"),
        ({"trained_on": ["x"]}, r"trained_on\.0: "),
        ({"trained_on": [{"videos": "many"}]}, r"trained_on\.0\.videos: must be a whole number"),
        ({"tested_on": [{"auc": {"value": "high"}}]}, r"tested_on\.0\.auc\.value: must be a number"),
        ({"caveats": [1]}, "caveats"),
    ],
)
def test_a_card_of_wrong_types_is_refused_before_anything_is_judged(card, words, tmp_path):
    write_card(card, str(tmp_path))
    with pytest.raises(InputError, match=rf"model_card\.json: .*{words}"):
        read_card(str(tmp_path))


def test_preprocessing_is_read_from_the_model_folder_and_from_the_saved_model_alone(tmp_path):
    assert read_preprocessing(str(tmp_path)) is None
    how = Preprocessing(crop_margin=0.8, crop_lift=0.12)
    write_preprocessing(how, str(tmp_path))
    assert read_preprocessing(str(tmp_path)) == read_preprocessing(str(tmp_path / "Format-Serving")) == how


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


def test_a_folder_that_is_not_there_is_called_so(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: no such folder\. Give the `model` folder"):
        find_saved_model(tmp_path / "nowhere")
