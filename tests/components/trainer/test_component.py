import json

import pytest
from pydantic import ValidationError

from artifacts.errors import InputError
from artifacts.preprocessing import Preprocessing
from components.base import Context, main
from components.trainer.component import COMPONENT, TrainerParameters
from model.recipes import RECIPES, Recipe, get_recipe


def test_parameters_offer_every_field_of_a_recipe():
    assert set(TrainerParameters.model_fields) == {"recipe", "validate_every"} | (set(Recipe.model_fields) - {"name"})
    assert all(info.description for info in TrainerParameters.model_fields.values())


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_named_recipe_is_that_recipe(name):
    assert TrainerParameters(recipe=name).to_recipe() == get_recipe(name)


def test_given_fields_override_the_recipe():
    paper = get_recipe("paper")
    recipe = TrainerParameters(recipe="paper", steps=paper.steps + 1, seed=paper.seed + 5).to_recipe()
    assert recipe.steps == paper.steps + 1 and recipe.seed == paper.seed + 5
    changed = {"steps", "seed"}
    assert {n for n in Recipe.model_fields if n != "name" and getattr(recipe, n) != getattr(paper, n)} == changed


@pytest.mark.parametrize("fields", [{"recipe": "nonsense"}, {"steps": 0}, {"stepz": 3}, {"validate_every": 0}])
def test_wrong_parameters_are_errors(fields):
    (name,) = fields
    with pytest.raises(ValidationError, match=name):
        TrainerParameters(**fields)


def _context(tmp_path, **parameters):
    folders = {key: str(tmp_path / key) for key in ("examples", "model", "model_run")}
    for key in folders:
        (tmp_path / key).mkdir(exist_ok=True)
    inputs = {"examples": folders.pop("examples")}
    return Context(inputs, folders, TrainerParameters(**parameters))


def test_no_examples(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}/examples/Split-train: holds no"):
        COMPONENT.execute(_context(tmp_path))


def test_command_line(tmp_path, capsys):
    (tmp_path / "examples").mkdir()
    common = [f"--examples={tmp_path}/examples", f"--model={tmp_path}/model", f"--model_run={tmp_path}/run"]
    assert main(COMPONENT, [*common, "--recipe=nonsense"]) == 2
    assert "--recipe" in capsys.readouterr().err
    assert main(COMPONENT, [*common, "--steps=0"]) == 2
    assert "steps" in capsys.readouterr().err
    assert main(COMPONENT, common) == 2
    assert f"error: {tmp_path}/examples/Split-train" in capsys.readouterr().err


def test_writes_the_model_of_its_recipe(tmp_path, monkeypatch):
    """What it hands on, and what it writes beside the model; training and calibration are tested with the model."""
    from components.trainer import executor

    for split in ("train", "val"):
        (tmp_path / "examples" / f"Split-{split}").mkdir(parents=True)
        (tmp_path / "examples" / f"Split-{split}" / "faces.tfrecord").touch()
    manifest = {"files": [], "preprocessing": {"crop_margin": 0.8}}
    (tmp_path / "examples" / "manifest.json").write_text(json.dumps(manifest))
    seen = {}

    def train(recipe, train_files, val_files, run_dir, validate_every):
        seen.update(recipe=recipe, train=train_files, val=val_files, run=run_dir, every=validate_every)
        return "detector", [{"val_auc": 0.6}, {"val_auc": None}, {"val_auc": 0.9}, {"val_auc": 0.7}, {}]

    monkeypatch.setattr(executor, "train", train)

    def calibrate(detector, files):
        seen.update(calibrated=(detector, files))
        return {"frame": 1.5}

    monkeypatch.setattr(executor, "calibrate", calibrate)
    monkeypatch.setattr(executor, "save_model", lambda *saved: seen.update(saved=saved))
    result = COMPONENT.execute(_context(tmp_path, steps=12, validate_every=4))
    assert result == {"recipe": "paper", "steps": 12, "best_validation_auc": 0.9, "temperature": 1.5}
    assert seen["recipe"].steps == 12 and seen["every"] == 4 and seen["run"] == str(tmp_path / "model_run")
    assert seen["train"] == [str(tmp_path / "examples" / "Split-train" / "faces.tfrecord")]
    assert seen["val"] == [str(tmp_path / "examples" / "Split-val" / "faces.tfrecord")]
    assert seen["calibrated"] == ("detector", seen["val"])
    assert seen["saved"] == ("detector", {"frame": 1.5}, str(tmp_path / "model"), Preprocessing(crop_margin=0.8))
    assert json.loads((tmp_path / "model" / "recipe.json").read_text()) == seen["recipe"].model_dump()
