"""`python -m pipeline.tables`: several recipes on one config's data, cached, beside the published figures."""

import json

import pytest

from pipeline import tables


@pytest.fixture
def run(capsys):
    """run(*arguments) -> (exit code, standard output, standard error)."""

    def run(*arguments):
        code = tables.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--recipes=meso5"], "--recipes: 'meso5' is no recipe; known: paper,"),
        (["--seeds=0,x"], "--seeds: 'x' is not a number"),
        (["--set_for=capsule.steps=3", "--recipes=meso4"], "--set_for capsule.steps=3: must be RECIPE.FIELD=VALUE"),
        (["--set_for=meso4.steps", "--recipes=meso4"], "--set_for meso4.steps: must be RECIPE.FIELD=VALUE"),
        (["--set_for=meso4.stepz=3", "--recipes=meso4"], "--set_for meso4.stepz: unknown key; did you mean 'steps'?"),
        (["--set_for=meso4.steps=0", "--recipes=meso4"], "--set_for meso4.steps:"),
    ],
)
def test_mistakes_are_named_before_anything_runs(arguments, words, run, raw, write, tmp_path):
    code, out, error = run(f"--config={write(raw)}", *arguments)
    assert code == 2 and out == "" and words in error
    assert not (tmp_path / "root").exists()


@pytest.mark.slow
def test_two_recipes_on_the_sample(sample_config, tmp_path, execute, faults_of_report):
    arguments = [
        "pipeline.tables", "--config", sample_config, "--recipes=meso4,triplet", "--out", tmp_path / "out",
        "--set_for=meso4.backbone=meso4", "--set_for=meso4.image_size=64",
    ]  # fmt: skip
    first = execute(*arguments)
    assert first.returncode == 0, first.all
    assert first.stdout.count("[run   ] Trainer") == 2 and first.stdout.count("[run   ] FaceExampleGen") == 1
    found = json.loads((tmp_path / "out" / "tables.json").read_text())
    assert [each["recipe"] for each in found["detectors"]] == ["meso4", "triplet"]
    assert found["detectors"][0]["conditions"]["recipe"] == "meso4: 4 steps of 8, seed 0"
    assert set(found["facts"]) == {"data set sample", "digest of the splits", "digest of the faces"}
    page = (tmp_path / "out" / "tables.html").read_bytes()

    second = execute(*arguments)
    assert second.returncode == 0 and "[run" not in second.stdout, second.all
    assert (tmp_path / "out" / "tables.html").read_bytes() == page
