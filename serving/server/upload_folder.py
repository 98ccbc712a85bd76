"""A private folder for uploads, which leaves nothing behind, not even after a crash."""

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import tempfile
from pathlib import Path

from artifacts.errors import InputError

log = logging.getLogger(__name__)

PREFIX = "deepfake-serve-"


class UploadFolder:
    """A folder that only this process's user can read. The process deletes it, or after a crash the next process does.

    Args:
        root: where to make it; the system's folder for temporary files by default.

    Raises:
        InputError: it cannot be made.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        try:
            self._root = root or tempfile.gettempdir()
            self.path, self._lock = _make(self._root)
        except OSError as error:
            where = f" in {root or tempfile.tempdir}" if root or tempfile.tempdir else ""
            raise InputError(
                f"no folder for uploads can be made{where} ({error.strerror}). Free some space, or set TMPDIR to "
                "another folder"
            ) from error

    def new(self) -> str:
        """A free path in the folder; it tells nothing about the client's name for the file.

        If the folder is gone, as after a clean-up of old temporary files, it is made again.

        Raises:
            OSError: it cannot be made again.
        """
        if not self._is_there():
            log.warning("the folder for uploads, %s, was removed: it is made again", self.path)
            path, lock = _make(self._root)
            os.close(self._lock)
            self.path, self._lock = path, lock
        return os.path.join(self.path, secrets.token_hex(8))

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), os.fstat(self._lock))
        except OSError:
            return False

    def close(self) -> None:
        """Delete the folder with all its files."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _make(root: Path | str) -> tuple[str, int]:
    """Make a folder and lock it; returns its path and the locked file descriptor."""
    remove_abandoned(root)
    while True:
        path = tempfile.mkdtemp(prefix=PREFIX, dir=root)  # mode 0700
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.isdir(path):
            return path, lock
        os.close(lock)  # another process removed it as abandoned before it was locked


def remove_abandoned(root: Path | str) -> None:
    """Delete the folders of processes that did not end in order: those on which nobody holds a lock."""
    for entry in os.scandir(root):
        if not entry.name.startswith(PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            if entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(entry.path, ignore_errors=True)
        finally:
            os.close(descriptor)
