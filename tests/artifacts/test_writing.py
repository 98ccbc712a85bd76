"""Files are there whole, or not at all."""

import errno
import json
import os
import socket

import pytest

from artifacts.errors import InputError
from artifacts.writing import check_writable, make_folder, open_fixed, partial_name, remove_partial, whole, write_json


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


def test_an_error_of_another_file_is_not_blamed_on_this_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"), whole(str(tmp_path / "a.json")):
        open(tmp_path / "absent").close()
    assert os.listdir(tmp_path) == []


def test_json_is_whole_and_finite(tmp_path):
    path = tmp_path / "a.json"
    write_json(str(path), {"a": [1, None]})
    assert json.loads(path.read_text()) == {"a": [1, None]}
    with pytest.raises(ValueError):
        write_json(str(path), {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": [1, None]} and os.listdir(tmp_path) == ["a.json"]


def test_two_writers_of_one_file_never_share_its_partial(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: 7)  # containers on two machines have the same small numbers
    monkeypatch.setattr(socket, "gethostname", lambda: "node-a")
    path = str(tmp_path / "faces.tfrecord")
    with whole(path) as one, whole(path) as two:
        assert one != two and one.endswith(".tfrecord") and "node-a" in one and ".partial" in one
        with open(one, "w") as stream:
            stream.write("one")
    assert (tmp_path / "faces.tfrecord").read_text() == "one" and os.listdir(tmp_path) == ["faces.tfrecord"]


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "precious").write_text("kept")
    monkeypatch.setattr("artifacts.writing.partial_name", lambda stem, suffix="": f".{stem}.partial{suffix}")
    (tmp_path / ".a.partial.json").symlink_to(tmp_path / "precious")
    with pytest.raises(InputError, match=r"a\.json: cannot be written \(File exists\)"):
        write_json(str(tmp_path / "a.json"), 1)
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_file_that_is_written_in_place_is_no_link(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "a.progress").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        open_fixed(str(tmp_path / "a.progress"))
    for text in ("longer", "b"):
        with open_fixed(str(tmp_path / "b.progress")) as stream:
            stream.write(text)
    assert (tmp_path / "precious").read_text() == "kept" and (tmp_path / "b.progress").read_text() == "b"


@pytest.mark.parametrize("stem", ["a", "x" * 240, "é" * 120, os.fsdecode(b"\xe9" * 200)])
def test_the_longest_names_can_be_written(stem, tmp_path):
    assert len(os.fsencode(partial_name(stem, ".json"))) <= 255
    write_json(str(tmp_path / f"{stem}.json"), 1)
    assert os.listdir(tmp_path) == [f"{stem}.json"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "sub").mkdir()
    with whole(str(tmp_path / "sub" / "a.tfrecord")) as temporary:
        open(temporary, "w").close()
        remove_partial(str(tmp_path))
        assert os.listdir(tmp_path / "sub") == []
        open(temporary, "w").close()
