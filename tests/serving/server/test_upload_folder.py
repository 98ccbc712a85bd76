"""The folder for uploads: private, and gone with its process."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from serving.server.upload_folder import UploadFolder, remove_abandoned


def test_the_folder_is_private_and_goes_with_its_content(tmp_path):
    folder = UploadFolder(tmp_path)
    assert stat.S_IMODE(os.stat(folder.path).st_mode) == 0o700 and Path(folder.path).parent == tmp_path
    Path(folder.new()).write_bytes(b"x")
    assert folder.new() != folder.new()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_crash_leaves_nothing_for_long(tmp_path):
    code = f"""
import pytest

from serving.server.upload_folder import UploadFolder
folder = UploadFolder({str(tmp_path)!r})
open(folder.new(), "w").close()
print("made", flush=True)
input()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"made\n"
    (theirs,) = tmp_path.iterdir()
    (tmp_path / "deepfake-serve-a-file").touch()
    (tmp_path / "other").mkdir()
    mine = UploadFolder(tmp_path)
    assert theirs.exists(), "its process lives"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    remove_abandoned(tmp_path)
    assert not theirs.exists() and Path(mine.path).exists()
    mine.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deepfake-serve-a-file", "other"]


def test_cleaning_follows_no_link(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "deepfake-serve-x").symlink_to(tmp_path / "precious")
    UploadFolder(tmp_path).close()
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("planted", [False, True])
def test_a_folder_that_was_removed_is_made_again(tmp_path, planted):
    folder = UploadFolder(tmp_path)
    before = folder.path
    shutil.rmtree(before)
    if planted:  # somebody else's, who may have let everybody read it
        os.mkdir(before, 0o777)
    path = Path(folder.new())
    assert path.parent != Path(before) and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_bytes(b"x")
    remove_abandoned(tmp_path)
    assert path.exists(), "it is locked as the first one was"
    assert Path(folder.new()).parent == path.parent
    folder.close()
    assert not path.parent.exists()


def test_a_folder_that_cannot_be_made_again_is_an_error_each_time_and_no_more(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    folder = UploadFolder(root)
    shutil.rmtree(root)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            folder.new()
    root.mkdir()
    assert Path(folder.new()).parent.parent == root
    folder.close()
