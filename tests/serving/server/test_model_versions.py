"""The newest version that works is served, whatever is put into the folder."""

import gc
import json
import logging
import os
import re
import shutil
import time
import weakref

import pytest

from serving.server.model_versions import ModelVersions
from serving.server.refusals import Refusal
from tests.fixtures.model_server import endless, save_odd

pytestmark = pytest.mark.slow  # it loads many models


@pytest.fixture
def models(versions):
    """`ModelVersions` of `versions`, loaded; `changes` has what it reported."""
    changes = []
    models = ModelVersions(str(versions), 2, changes.append)
    models.changes = changes
    models.load_first()
    yield models
    models.stop()


def logit(models, made):
    return models.current.model.predict(made.grey(128))["logit"].tolist()


def states(models):
    return {number: (status.state, status.error_code) for number, status in models.status()}


def test_the_newest_is_served(versions, push, made):
    push(versions, "b", 12)
    models = ModelVersions(str(versions))
    models.load_first()
    assert models.current.number == 12 and logit(models, made) == [100]
    assert states(models) == {12: ("AVAILABLE", "OK")}
    assert models.find() is models.find(12) is models.current


def test_one_saved_model_is_version_1(saved, made):
    models = ModelVersions(str(saved["a"]))
    models.load_first()
    models.watch(0.01)
    models.stop()
    assert models.current.number == 1 and logit(models, made) == [0]
    assert states(models) == {1: ("AVAILABLE", "OK")}


def test_a_new_version_replaces_the_old_one(models, versions, push, made):
    old = models.current
    push(versions, "b", 4)
    models.refresh()
    assert models.current.number == 4 and logit(models, made) == [100]
    assert states(models) == {4: ("AVAILABLE", "OK"), 3: ("END", "OK")}
    assert old.model.predict(made.grey(128))["logit"].tolist() == [0]  # for who began with it
    with pytest.raises(Refusal, match="Version 3 is not served; version 4 is") as refused:
        models.find(3)
    assert refused.value.code == 404
    assert models.changes == [True, True]


def test_a_version_that_nobody_holds_is_freed(models, versions, push):
    gone = weakref.ref(models.current.model)
    push(versions, "b", 4)
    models.refresh()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("name, message", [("broken", "cannot be loaded"), ("nan", "NaN or infinity")])
def test_a_broken_one_is_refused_once_and_the_old_one_stays(name, message, models, versions, push, made, caplog):
    push(versions, name, 4)
    with caplog.at_level(logging.ERROR):
        models.refresh()
        models.refresh()
    assert models.current.number == 3 and logit(models, made) == [0]
    assert states(models) == {4: ("END", "INVALID_ARGUMENT"), 3: ("AVAILABLE", "OK")}
    told = models.status(4)[0][1].error_message
    assert message in told and str(versions) not in told
    assert [str(versions / "4") in record.getMessage() for record in caplog.records] == [True]
    assert models.changes == [True, False]


def test_a_repaired_version_is_tried_again(models, versions, push, saved, made):
    push(versions, "broken", 4)
    models.refresh()
    shutil.copytree(saved["b"] / "variables", versions / "4" / "variables", dirs_exist_ok=True)
    models.refresh()
    assert models.current.number == 4


def test_a_broken_one_that_was_removed_is_forgotten(models, versions, push):
    push(versions, "broken", 4)
    models.refresh()
    shutil.rmtree(versions / "4")
    models.refresh()
    assert states(models) == {3: ("AVAILABLE", "OK")}


def test_what_is_not_whole_yet_is_not_looked_at(models, versions, push):
    push(versions, "b", 4)
    (versions / "4" / "saved_model.pb").rename(versions / "4" / "saved_model.pb.partial")
    (versions / "5").mkdir()
    (versions / "notes.txt").touch()
    models.refresh()
    assert models.current.number == 3 and models.changes == [True]
    (versions / "4" / "saved_model.pb.partial").rename(versions / "4" / "saved_model.pb")
    models.refresh()
    assert models.current.number == 4


def test_removing_the_newest_goes_back(models, versions, push):
    push(versions, "b", 4)
    models.refresh()
    shutil.rmtree(versions / "4")
    models.refresh()
    assert models.current.number == 3
    shutil.rmtree(versions / "3")
    models.refresh()
    assert models.current.number == 3  # better than nothing


def test_watching_finds_it_by_itself_and_survives_a_missing_folder(models, versions, push, made):
    models.watch(0.01)
    versions.rename(versions.with_name("away"))
    versions.with_name("away").rename(versions)
    push(versions, "b", 4)
    made.wait_until(lambda: models.current.number == 4)


def test_at_the_start_an_older_one_stands_in(versions, push):
    push(versions, "broken", 9)
    models = ModelVersions(str(versions))
    models.load_first()
    assert models.current.number == 3
    assert states(models) == {9: ("END", "INVALID_ARGUMENT"), 3: ("AVAILABLE", "OK")}


def test_without_any_the_reason_is_reported(tmp_path, push):
    push(tmp_path / "models", "nan", 1)
    with pytest.raises(ValueError, match="none of its versions works(.|\n)*version 1: .*NaN or infinity"):
        ModelVersions(str(tmp_path / "models")).load_first()
    with pytest.raises(ValueError, match="holds no SavedModel"):
        ModelVersions(str(tmp_path)).load_first()


def test_before_the_first_there_is_none(versions):
    with pytest.raises(Refusal) as refused:
        ModelVersions(str(versions)).find()
    assert refused.value.code == 503


def test_signatures_are_those_of_the_file(models):
    signatures = models.current.signatures
    assert {"serving_default", "crops", "heat_maps"} <= signatures.keys()
    assert signatures["crops"]["inputs"]["crops"]["dtype"] == "DT_UINT8"
    sizes = [dim["size"] for dim in signatures["crops"]["inputs"]["crops"]["tensor_shape"]["dim"]]
    assert sizes == ["-1", "256", "256", "3"]
    assert signatures["serving_default"]["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert signatures["crops"]["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda crops, good: {"logit": good["logit"][:2]}, r"crops.logit has shape \(2,\) for 3 faces"),
        (lambda crops, good: {"embedding": good["embedding"][:4]}, r"crops.embedding has shape \(4, 2\) for 5 faces"),
    ],
)
def test_answers_that_would_jam_the_server_or_are_none_are_refused(change, words, models, versions, made, caplog):
    save_odd(versions / "4", change)
    models._max_batch = 5
    models.refresh()
    assert states(models) == {4: ("END", "INVALID_ARGUMENT"), 3: ("AVAILABLE", "OK")}
    assert logit(models, made) == [0] and words_in(words, caplog)


def words_in(words, caplog):
    return any(re.search(words, record.getMessage()) for record in caplog.records)


def test_a_version_that_never_answers_is_refused_in_time_and_stopping_waits_for_nothing(models, versions, made, caplog):
    save_odd(versions / "4", endless)
    models._trial_seconds = 15.0
    models.refresh()
    assert models.status(4)[0][1].error_message.startswith("Version 4 did not answer in time") and logit(
        models, made
    ) == [0]
    save_odd(versions / "5", endless)
    models._trial_seconds = 3600.0
    models.watch(0.01)
    made.wait_until(lambda: models.status(5) if 5 in states(models) else False)
    began = time.monotonic()
    assert models.stop() is True and time.monotonic() - began < 3


@pytest.mark.parametrize("name", ["model_card.json", "calibration.json", "other"])
def test_a_named_pipe_is_no_file_of_a_model(name, models, versions, push, caplog):
    push(versions, "b", 4)
    (versions / "4" / "assets.extra").mkdir(exist_ok=True)
    (versions / "4" / "assets.extra" / name).unlink(missing_ok=True)
    os.mkfifo(versions / "4" / "assets.extra" / name)
    os.utime(versions / "4")
    models.refresh()
    assert models.current.number == 3 and words_in(f"{name}: is no regular file", caplog)


def test_what_travels_with_a_version_is_checked_before_it_is_served(models, versions, push, caplog):
    push(versions, "b", 4)
    (versions / "4" / "assets.extra").mkdir(exist_ok=True)
    (versions / "4" / "assets.extra" / "calibration.json").write_text(json.dumps({"frame": -1, "video": -1}))
    models.refresh()
    assert models.current.number == 3 and words_in("calibration.json: frame: must be", caplog)
