"""The detector that comes with the package: what it says of itself, and what it does with real files."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from artifacts.layout import files_below
from model.saved_model import digest
from model.served import ServedModel
from serving import predict
from serving.default_model import SHIPPED

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
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
    clips = [next(DATA.rglob(f"{name}.mp4")) for name in ("519", "519_515", "004_982")]  # right, right, wrong
    assert predict.main([*map(str, clips), "--json=v.json", "--quiet"]) == 1
    content = json.loads((tmp_path / "v.json").read_text())
    for found in content["files"]:
        row = rows[Path(found["file"]).stem]
        assert found["verdict"] == row["verdict"] and found["face"] == 0
        assert found["fake_probability"] == pytest.approx(row["fake_probability"], abs=0.02)
    assert "doubtful_face" in content["files"][2]["notes"]  # a piece of skyline, which does not decide
    model = content["model"]
    assert model["preprocessing"]["min_face"] == model["card"]["preprocessing"]["min_face"] == 80
    assert content["parameters"]["min_face"] == 80


def test_the_docs_and_the_readme_tell_what_the_card_tells(model):
    """The table of real clips, row by row, and the counts."""
    text = (ROOT / "docs" / "detector.md").read_text()
    table = re.findall(
        r"^\| (?:FaceForensics\+\+|DFDC) (\w+).*? \| (real|fake) \| \W*(\w+)\W* \| (.+?) \|$", text, re.M
    )
    rows = {row["clip"]: row for row in model.card["clips"]["verdicts"]}
    assert {clip for clip, *_ in table} == set(rows)
    for clip, label, outcome, figures in table:
        row = rows[clip]
        said = "unsure" if row["verdict"] == "unsure" else "right" if row["verdict"] == row["label"] else "wrong"
        assert (label, outcome) == (row["label"], said)
        shown = re.sub(r"[^\d.]", "", figures.split("%")[0])
        assert abs(float(shown) - 100 * row["fake_probability"]) < 0.06 or row["fake_probability"] > 0.999
    counts = model.card["clips"]["counts"]
    right, wrong, unsure = (counts["real"][name] + counts["fake"][name] for name in ("right", "wrong", "unsure"))
    words = dict(enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight"]))
    said = f"{words[right]} are right, {words[wrong]} is wrong, {words[unsure]} are unsure"
    assert said in " ".join((ROOT / "README.md").read_text().split())


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
