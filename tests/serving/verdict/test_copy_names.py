"""What copies are called."""

import os

import pytest

from artifacts.errors import InputError
from serving.verdict.copy_names import CopyNames


def test_names_are_known_before_anything_is_opened(tmp_path):
    out = str(tmp_path / "out")
    sources = ["a/x.mp4", "a/X.png", "b/x.mov", "b/x.jpg", "c/noname", "c/X.MP4"]
    names = [os.path.basename(path) for path in CopyNames(out, sources).expected()]
    assert names == [
        "x-marked.mp4", "X-marked.png", "x-marked-2.mp4", "x-marked.jpg", "noname-marked.mp4", "X-marked-3.mp4",
    ]  # fmt: skip


def test_what_is_not_what_its_suffix_says_changes_no_other_name(tmp_path):
    names = CopyNames(str(tmp_path / "out"), ["x.mp4", "x.png"])
    assert [os.path.basename(names.of("x.mp4", False)), os.path.basename(names.of("x.png", False))] == [
        "x-marked-2.png", "x-marked.png",
    ]  # fmt: skip


def test_a_single_file_keeps_the_name_it_was_given():
    names = CopyNames("a.png", ["x.jpg"])
    assert not names.is_folder and list(names.expected()) == ["a.png"] == [names.of("x.jpg", False)]
    with pytest.raises(InputError, match=r"x\.jpg is a video; give a name with \.mp4"):
        names.of("x.jpg", True)
