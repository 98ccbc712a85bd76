"""Names and places of artifacts."""

import os

import pytest

from artifacts.layout import artifact_dir, files_below, outline, staging_dir, versions


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "a" / "one").write_text("1")
    (tmp_path / "a" / "sub" / "two").write_text("22")
    return tmp_path / "a"


def test_places():
    assert artifact_dir("r", "Trainer", "model", 5) == os.path.join("r", "Trainer", "model", "5")
    assert staging_dir("r", "Trainer", "0123456789abcdef99") == os.path.join(
        "r", ".staging", "Trainer-0123456789abcdef"
    )


def test_files_and_outline(folder):
    assert list(files_below(folder)) == [("one", 1), (os.path.join("sub", "two"), 2)]
    assert outline(folder) == (2, 3)


def test_versions_are_those_that_are_complete_the_newest_first(tmp_path):
    for name in ("3", "20", "100", "x", ".7.partial"):
        (tmp_path / name).mkdir()
        if name != "100":
            (tmp_path / name / "saved_model.pb").touch()
    assert versions(str(tmp_path)) == [(20, str(tmp_path / "20")), (3, str(tmp_path / "3"))]
    assert versions(str(tmp_path / "absent")) == []
