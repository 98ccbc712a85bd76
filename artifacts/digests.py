"""Digests of files and artifacts."""

import contextlib
import hashlib
import os
from collections.abc import Iterable
from typing import NamedTuple

from artifacts.errors import InputError
from artifacts.layout import MANIFEST, files_below
from artifacts.regular_files import read_json

BLOCK = 64 * 1024  # bytes


def file_digest(path: str) -> str:
    """Return the digest of a whole file: 32 hex digits (BLAKE2b, 128 bits)."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def content_digest(path: str) -> str:
    """Return a digest of a file's size, head, middle and tail; a small file is read as a whole.

    Three blocks distinguish videos, and a re-encoded or cut file differs in size, header and index; reading 1.9 TB of
    raw FaceForensics++ to the last byte would take hours.

    Args:
        path: the file.

    Returns:
        32 hex digits (BLAKE2b, 128 bits).

    Raises:
        InputError: the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            digest.update(size.to_bytes(8, "big"))
            if size <= 3 * BLOCK:
                digest.update(stream.read())
            else:
                for offset in (0, (size - BLOCK) // 2, size - BLOCK):
                    stream.seek(offset)
                    digest.update(stream.read(BLOCK))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


class FileNote(NamedTuple):
    """A file of an artifact as it was: path in the artifact, bytes, time of change in ns, `file_digest`."""

    name: str
    size: int
    changed: int
    digest: str


def note_files(folder: str, believe_manifest: bool = True) -> list[FileNote]:
    """Return a note of every file below a folder, sorted by name.

    Args:
        folder: of the artifact.
        believe_manifest: files that a `manifest.json` lists with their digests, as it does for face examples that were
            just written, are not read a second time.
    """
    known: dict[str, tuple[str, int]] = {}
    manifest = os.path.join(folder, MANIFEST)
    if believe_manifest and os.path.exists(manifest):
        with contextlib.suppress(InputError, KeyError, TypeError):  # damaged: then all is read
            known = {row["file"]: (row["digest"], row["bytes"]) for row in read_json(manifest)["files"]}
    notes = []
    for name, size in files_below(folder):
        path = os.path.join(folder, name)
        digest, noted_size = known.get(name, ("", -1))
        changed = os.stat(path).st_mtime_ns  # before the content is read: a change in the meantime is seen later
        notes.append(FileNote(name, size, changed, digest if noted_size == size else file_digest(path)))
    return notes


def examples_digest(path: str) -> str:
    """Return the `file_digest` of a TFRecord file of face examples.

    It is that of the `manifest.json` in the folder above where the file has the size that is noted there and has not
    been written since, else it is read.

    Raises:
        OSError: the file cannot be read.
    """
    folder, name = os.path.split(os.path.abspath(path))
    above, split = os.path.split(folder)
    manifest = os.path.join(above, MANIFEST)
    status = os.stat(path)
    with contextlib.suppress(OSError, InputError, KeyError, TypeError):
        if status.st_mtime_ns <= os.stat(manifest).st_mtime_ns:
            for row in read_json(manifest)["files"]:
                if row["file"] == f"{split}/{name}" and row["bytes"] == status.st_size:
                    return str(row["digest"])
    return file_digest(path)


def joint_digest(notes: Iterable[FileNote]) -> str:
    """Return a digest of the names and contents of all files of an artifact."""
    total = hashlib.blake2b(digest_size=16)
    for note in notes:
        total.update(f"{note.name}\0{note.digest}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def artifact_digest(folder: str) -> str:
    """Return a digest of the names and contents of all files below a folder; see `note_files`."""
    return joint_digest(note_files(folder))
