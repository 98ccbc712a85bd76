"""Which model is used if none is named."""

import os

import pytest

from serving.default_model import NOTE, PUSHED, SHIPPED, choose_model, name_of


def test_a_named_model_is_used_whatever_else_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_model("mine") == ("mine", None)


def test_what_was_pushed_comes_before_the_packages_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_model(None) == (SHIPPED, NOTE)
    version = tmp_path / PUSHED / "7"
    version.mkdir(parents=True)
    assert choose_model(None) == (SHIPPED, NOTE), "an unfinished push is none"
    (version / "saved_model.pb").touch()
    assert choose_model(None) == (PUSHED, None)


def test_the_package_has_one():
    assert os.path.isfile(os.path.join(SHIPPED, "1", "saved_model.pb"))


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/serving_model/1764", "serving_model"), ("a/mine", "mine"), ("/x/Format-Serving/", "Format-Serving")],
)
def test_what_a_model_is_called(path, name):
    assert name_of(path) == name
