"""No output eats anything."""

import os

import pytest

from artifacts.errors import InputError
from commands.output_files import OutputFile, check_existing, check_outputs


def is_own(path):
    with open(path) as stream:
        return stream.read(3) == "own"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """in.mp4, the hard link hard.mp4 and the symbolic one soft.json to it, other.txt, own.json, empty; the cwd."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").write_text("evidence")
    os.link("in.mp4", "hard.mp4")
    os.symlink("in.mp4", "soft.json")
    (tmp_path / "other.txt").write_text("a letter")
    (tmp_path / "own.json").write_text("own before")
    (tmp_path / "empty").touch()
    os.makedirs("deep")
    os.symlink(".", "deep/up")
    return tmp_path


@pytest.mark.parametrize("path", ["in.mp4", "./in.mp4", "deep/../in.mp4", "hard.mp4", "soft.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_is_no_input_whatever_it_is_called(path, overwrite, folder):
    with pytest.raises(InputError, match=r"^--json .*: is an input.*which it would replace"):
        check_outputs([OutputFile("--json", path, lambda path: True)], ["in.mp4"], overwrite)


@pytest.mark.parametrize(
    "first, second",
    [("a", "a"), ("a", "./a"), ("deep/a", "deep/up/a"), ("own.json", "./own.json"), ("A.json", "a.json")],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_is_no_other_output(first, second, overwrite, folder):
    outputs = [OutputFile("--json", first, is_own), OutputFile("--csv", second, is_own)]
    with pytest.raises(InputError, match="^--csv .*: is also --json .*; one would be lost"):
        check_outputs(outputs, ["in.mp4"], overwrite)


def test_only_own_and_empty_files_are_replaced_unless_overwrite_is_given(folder):
    for path in ("own.json", "empty", "new.json", "absent/new.json"):
        check_outputs([OutputFile("--json", path, is_own)], ["in.mp4"])
    foreign = OutputFile("--json", "other.txt", is_own)
    with pytest.raises(InputError, match=r"^--json other\.txt: this file exists, and this .*--overwrite"):
        check_outputs([foreign], ["in.mp4"])
    with pytest.raises(InputError, match="exists"):
        check_existing(OutputFile("--json", "own.json"))  # by default nothing is known to be an earlier output
    check_outputs([foreign], ["in.mp4"], overwrite=True)


def test_what_an_input_is_may_be_said(folder):
    with pytest.raises(InputError, match=r"hard\.mp4: is a file of the model \(in\.mp4\)"):
        check_outputs([OutputFile("--csv", "hard.mp4")], {"in.mp4": "a file of the model"})


def test_streams_lose_nothing_and_a_missing_input_is_one_all_the_same(folder):
    check_outputs([OutputFile("--json", "/dev/null"), OutputFile("--csv", "/dev/null")], ["in.mp4"])
    os.mkfifo("pipe")
    check_outputs([OutputFile("--json", "pipe")], ["in.mp4"])
    with pytest.raises(InputError, match="is an input"):
        check_outputs([OutputFile("--json", "./absent.mp4")], ["absent.mp4"])


def test_a_name_with_a_nul_is_left_to_whoever_opens_it(folder):
    check_outputs([OutputFile("--json", "a\0b")], ["c\0d"])
