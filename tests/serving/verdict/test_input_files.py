"""Which files are meant."""

import os

import pytest

from serving.verdict.input_files import find_files


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Clips, pictures and other files in folders; the working directory."""
    names = (
        "a.mp4", "B.MOV", "notes.txt", "deep/c.jpg", "deep/er/d.webm", "deep/er/readme", ".hidden/e.mp4", "deep/.f.mp4",
        "none/x.txt", "odd[1].mp4",
    )  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "arguments, paths, passed_over",
    [
        (["."], ["./B.MOV", "./a.mp4", "./odd[1].mp4", "./deep/c.jpg", "./deep/er/d.webm"], 3),
        (["deep"], ["deep/c.jpg", "deep/er/d.webm"], 1),
        (["deep/er", "deep"], ["deep/er/d.webm", "deep/c.jpg"], 1),
        (["notes.txt", "a.mp4"], ["notes.txt", "a.mp4"], 0),  # whatever is named is meant
        (["a.mp4", "./a.mp4", "*.mp4"], ["a.mp4", "odd[1].mp4"], 0),
        (["**/*.webm"], ["deep/er/d.webm"], 0),
        (["**"], ["B.MOV", "a.mp4", "deep/c.jpg", "deep/er/d.webm", "odd[1].mp4"], 3),
        (["**/er*"], ["deep/er/d.webm"], 1),
        (["d*"], ["deep/c.jpg", "deep/er/d.webm"], 1),
        (["*.txt"], ["notes.txt"], 0),
        (["[aB].*"], ["B.MOV", "a.mp4"], 0),
        (["odd[1].mp4"], ["odd[1].mp4"], 0),  # a name first, a pattern only if there is none such
        (["absent.mp4"], ["absent.mp4"], 0),
    ],
)
def test_names_folders_and_patterns(arguments, paths, passed_over, tree):
    found = find_files(arguments)
    assert (found.paths, len(found.passed_over), found.problems) == (paths, passed_over, [])
    assert all(os.path.exists(path) for path in found.passed_over) and not set(paths) & set(found.passed_over)


@pytest.mark.parametrize(
    "argument, words",
    [
        ("none", "none: no video and no picture, only 1 other file"),
        ("bare", "bare: there is no file in this folder"),
        ("*.avi", "*.avi: no file matches this"),
    ],
)
def test_an_argument_that_gives_nothing_is_named(argument, words, tree):
    found = find_files([argument, "a.mp4"])
    assert found.problems == [words] and "a.mp4" in found.paths


def test_a_folder_that_may_not_be_read(tree, monkeypatch):
    """As it is for who is not root."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr(os, "walk", lambda path: iter(()))
    assert find_files(["deep"]).problems == ["deep: this folder cannot be read (Permission denied)"]


def test_a_link_in_a_circle_is_not_followed_for_ever_and_two_names_of_a_file_are_one(tree):
    (tree / "deep" / "round").symlink_to(tree / "deep")
    (tree / "deep" / "again.jpg").symlink_to(tree / "deep" / "c.jpg")
    assert find_files(["deep"]).paths == ["deep/again.jpg", "deep/er/d.webm"]


def test_what_is_no_common_file_is_not_waited_for(tree):
    os.mkfifo("pipe.mp4")
    os.symlink("nowhere", "dangling.mp4")
    found = find_files([".", "pipe.mp4", os.devnull])
    assert found.paths == find_files(["."]).paths and "./pipe.mp4" not in found.paths
    assert len(found.passed_over) == 3 + 2 + 1 and "./notes.txt" in found.passed_over
    assert found.problems == ["pipe.mp4: not a regular file", f"{os.devnull}: not a regular file"]
    assert find_files(["dangling.mp4"]).paths == ["dangling.mp4"]  # who names it is told what it lacks
