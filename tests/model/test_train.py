"""`python -m model.train`: its flags, and what a wrong one says."""

import re

import pytest

from model import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_resnet")]  # it trains


@pytest.mark.parametrize(
    "flag, named",
    [
        ("--batch_size=7", "--batch_size must be even"),
        ("--image_size=16", "--image_size: must be greater"),
        ("--learning_rate=-1", "--learning_rate: must be greater"),
        ("--steps=0", "--steps: must be greater"),
    ],
)
def test_a_value_out_of_range_ends_with_2_and_its_name(flag, named, train_command, examples_dir, tmp_path, capsys):
    assert train_command(f"--examples={examples_dir}", f"--model_dir={tmp_path / 'out'}", flag) == 2
    assert named in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_size_that_a_backbone_cannot_take_is_named_by_its_flag(train_command, examples_dir, tmp_path, capsys):
    flags = [f"--examples={examples_dir}", f"--model_dir={tmp_path}", "--backbone=xception", "--image_size=32"]
    assert train_command(*flags) == 2
    assert "error: --image_size: 32 is too small for the backbone xception" in capsys.readouterr().out


def test_a_training_that_diverges_ends_with_2_and_exports_nothing(train_command, examples_dir, tmp_path, capsys):
    choices = {"backbone": "resnet10", "image_size": 32, "batch_size": 8, "steps": 24, "validate_every": 8}
    arguments = [f"--{name}={value}" for name, value in {**choices, "learning_rate": 1e25}.items()]
    assert train_command("--recipe=sample", f"--examples={examples_dir}", f"--model_dir={tmp_path}", *arguments) == 2
    (message,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error: ")]
    assert re.search(r"training diverged at step [2-8]: .*lower learning_rate .*; no state was saved yet", message)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["logs", "recipe.json"]


def test_weights_to_start_from_that_are_missing_end_with_2_and_their_name(
    train_command, examples_dir, tmp_path, capsys
):
    flag = f"--initial_weights={tmp_path / 'gone.keras'}"
    assert (
        train_command(f"--examples={examples_dir}", f"--model_dir={tmp_path / 'out'}", "--backbone=resnet10", flag) == 2
    )
    assert f"initial_weights: {tmp_path / 'gone.keras'}: no such file" in capsys.readouterr().out


def test_weights_that_are_nearly_named_are_suggested(train_command, examples_dir, tmp_path, capsys):
    flags = [f"--examples={examples_dir}", f"--model_dir={tmp_path / 'out'}", "--backbone=resnet10"]
    assert train_command(*flags, "--initial_weights=imagenett") == 2
    assert "imagenett: no such file; did you mean imagenet?" in capsys.readouterr().out


def test_a_folder_without_examples_ends_with_2_and_its_name(train_command, tmp_path, capsys):
    assert train_command(f"--examples={tmp_path / 'nowhere'}", f"--model_dir={tmp_path / 'out'}") == 2
    assert f"{tmp_path / 'nowhere'}: no such folder of face examples" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--examples=x", "--model_dir=y", "--triplet_mining=easy"], "--triplet_mining"),
        (["--examples=x", "--model_dir=y", "--no_such_flag=1"], "no_such_flag"),
        (["--examples=x", "--model_dir=y", "--steps=abc"], '--steps: must be a whole number. Given: "abc"'),
        (["--examples=x", "--model_dir=y", "--learning_rate=x"], '--learning_rate: must be a number. Given: "x"'),
        (["--examples=x", "--model_dir=y", "--expander=x"], '--expander: must be true or false. Given: "x"'),
        (["--examples=x", "--model_dir=y", "--recipe=papers"], "did you mean 'paper'?"),
        (["--examples=x"], "--model_dir is missing"),
        (["--examples=x", "--model_dir"], "--model_dir: a value is missing"),
        (["--examples=x", "--model-dir=y", "--learning-rat=1"], "did you mean --learning_rate?"),
        (["--examples=x", "--model_dir=y", "foo"], "unrecognized arguments: foo"),
        (["--examples=x", "--model_dir=y", "--steps=4", "extra", "words"], "unrecognized arguments: extra words"),
        (["--examples=x", "--model_dir=y", "--validate_every=0"], "--validate_every: must be greater than 0. Given: 0"),
        (["--examples=x", "--model_dir=y", "--validate_every=-5"], "--validate_every: must be greater than 0"),
    ],
)
def test_a_wrong_flag_ends_with_2_and_its_name(arguments, named, train_command, capsys):
    with pytest.raises(SystemExit) as ended:
        train_command(*arguments)
    assert ended.value.code == 2
    assert named in capsys.readouterr().out


def test_the_recipes_are_listed_without_any_other_flag(train_command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        train_command("--list_recipes")
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ")[0] for line in lines if not line.startswith(" ")] == list(train.RECIPES)
    assert max(map(len, lines)) <= 80


def test_help_ends_without_a_training(execute):
    shown = execute("model.train", "--help")
    assert shown.returncode == 0
    for flag in ("--examples", "--model_dir", "--recipe", "--learning_rate", "--[no]expander"):
        assert flag in shown.all
    assert shown.all.startswith("Train a detector") and "train.py" not in shown.all
