"""The detector that comes with the package: what it says of itself, and what it does with real files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from artifacts.layout import files_below
from model.saved_model import digest
from model.served import ServedModel
from serving import predict
from serving.default_model import SHIPPED

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.slow  # it loads a model
real_files = pytest.mark.skipif(not DATA.is_dir(), reason="no shared/data with real files beside the repository")


@pytest.fixture(scope="module")
def model():
    return ServedModel(SHIPPED)


def test_it_is_small():
    assert sum(size for _, size in files_below(SHIPPED)) < 16e6


def test_its_card_says_where_it_comes_from_and_what_it_does_not_know(model):
    card = model.card
    for name in ("description", "made_by", "machines", "data", "protocol", "unknown", "caveats", "small_faces", "date"):
        assert card[name], name
    assert {row["label"] for row in card["trained_on"]} == {0, 1} and card["digest"] == digest(model.path)
    tested = [row for row in card["tested_on"] if row["level"] == "frame" and row["method"] is None]
    validated = [row for row in card["validated_on"] if row["level"] == "frame"]
    assert len(tested) == len(validated) == 1 and validated[0]["auc"]["value"] >= 0.94
    for row in (*tested, *validated):
        for figure in ("auc", "acc", "eer", "tpr_1"):
            assert row[figure]["low"] <= row[figure]["value"] <= row[figure]["high"]


def test_more_of_its_verdicts_on_clips_are_right_than_wrong_or_unsure(model):
    counts = model.card["clips"]["counts"]
    assert len(model.card["clips"]["verdicts"]) == sum(sum(of.values()) for of in counts.values())
    for of in counts.values():
        assert of["right"] > of["wrong"] + of["unsure"]


def test_it_knows_how_its_faces_are_cut_and_how_small_they_may_be(model):
    how = model.preprocessing
    assert (how.crop_margin, how.crop_lift, how.crop_size, how.min_face) == (0.8, 0.12, 256, 80)
    assert model.calibration["reason"] is None and model.calibration["frame"] > 0


@real_files
def test_the_command_gives_the_verdicts_of_the_card(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = {row["clip"]: row for row in model.card["clips"]["verdicts"]}
    clips = [next(DATA.rglob(f"{name}.mp4")) for name in ("519", "519_515")]
    assert predict.main([*map(str, clips), "--json=v.json", "--quiet"]) == 1
    for found in json.loads((tmp_path / "v.json").read_text())["files"]:
        row = rows[Path(found["file"]).stem]
        assert found["verdict"] == row["verdict"] == row["label"]
        assert found["fake_probability"] == pytest.approx(row["fake_probability"], abs=0.02)


@real_files
def test_the_command_tells_faces_that_it_never_learnt_from(tmp_path, monkeypatch):
    """120 validation crops: so few leave an interval of about 0.04 around the 0.97 of all."""
    monkeypatch.chdir(tmp_path)
    with open(DATA / "dfdc_faces" / "val.csv") as stream:
        rows = list(csv.DictReader(stream))[::8][:120]
    fake = {str(DATA / "dfdc_faces" / row["path"]): row["label"] == "fake" for row in rows}
    assert 40 < sum(fake.values()) < 80
    predict.main([*fake, "--json=v.json", "--quiet"])
    found = [row for row in json.loads((tmp_path / "v.json").read_text())["files"] if row["logit"] is not None]
    assert len(found) > 0.9 * len(fake)
    labels, logits = [fake[row["file"]] for row in found], np.array([row["logit"] for row in found])
    assert roc_auc_score(labels, logits) > 0.9
