"""Files are there whole, or not at all."""

import errno
import os

import pytest

from artifacts.errors import InputError
from artifacts.writing import check_writable, make_folder, whole


def test_it_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("before")
    with whole(str(path)) as beside:
        with open(beside, "w") as stream:
            stream.write("after")
        assert path.read_text() == "before" and beside.endswith(".json")
    assert path.read_text() == "after" and os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [RuntimeError("x"), KeyboardInterrupt()])
def test_what_fails_leaves_nothing(error, tmp_path):
    with pytest.raises(type(error)), whole(str(tmp_path / "a.json")) as beside:
        open(beside, "w").close()
        raise error
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_named(tmp_path):
    path = str(tmp_path / "a.json")
    with (
        pytest.raises(InputError, match=r"a\.json: cannot be written \(No space left on device\)"),
        whole(path) as beside,
    ):
        with open(beside, "w") as stream:
            stream.write("part")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert os.listdir(tmp_path) == []


def test_the_device_that_is_always_full_is_written_to_itself():
    with pytest.raises(InputError, match="/dev/full: cannot be written"), whole("/dev/full") as path:
        assert path == "/dev/full"
        with open(path, "w") as stream:
            stream.write("x")
    with whole("/dev/null") as path, open(path, "w") as stream:
        stream.write("x")
    check_writable("/dev/null")


@pytest.mark.parametrize(
    "path, why", [("absent/a.json", "No such file"), ("file/a.json", "Not a directory"), (".", "folder")]
)
def test_what_cannot_be_written_is_said_before(path, why, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"^{path}: .*{why}"):
        check_writable(path)


def test_a_check_changes_nothing(tmp_path):
    (tmp_path / "a").write_text("kept")
    check_writable(str(tmp_path / "a"))
    check_writable(str(tmp_path / "b"))
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "kept"


def test_folders_are_made(tmp_path):
    make_folder(str(tmp_path / "a" / "b"))
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be written"):
        make_folder(str(tmp_path / "file"))
