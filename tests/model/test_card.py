import pytest

from model import card


def test_it_is_read_as_it_was_written(tmp_path):
    assert card.read(tmp_path) is None
    written = {"name": "paper", "trained_on": [{"dataset": "d", "videos": 3}], "tested_on": []}
    card.write(written, tmp_path)
    assert (tmp_path / "assets.extra" / "model_card.json").exists() and card.read(tmp_path) == written


def test_a_damaged_one_is_named(tmp_path):
    card.write({"name": "paper"}, tmp_path)
    (tmp_path / card.ASSET).write_text('{"name": ')
    with pytest.raises(ValueError, match=r"model_card\.json: damaged .*Push the model again"):
        card.read(tmp_path)


def test_it_holds_nothing_that_json_does_not(tmp_path):
    with pytest.raises(ValueError):
        card.write({"auc": float("nan")}, tmp_path)


def test_one_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / card.ASSET).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"model_card\.json: cannot be read \(Is a directory\)"):
        card.read(tmp_path)
