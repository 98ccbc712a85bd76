"""Digests of files and artifacts."""

import hashlib
import json
import os

from artifacts.errors import InputError
from artifacts.layout import MANIFEST, files_below

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


def artifact_digest(folder: str) -> str:
    """Return a digest of the names and contents of all files below a folder.

    Files that a `manifest.json` lists with their digests, as it does for face examples, are not read a second time.
    """
    known: dict[str, tuple[str, int]] = {}
    manifest = os.path.join(folder, MANIFEST)
    if os.path.exists(manifest):
        with open(manifest) as stream:
            known = {row["file"]: (row["digest"], row["bytes"]) for row in json.load(stream)["files"]}
    total = hashlib.blake2b(digest_size=16)
    for name, size in files_below(folder):
        digest, noted_size = known.get(name, ("", -1))
        if noted_size != size:
            digest = file_digest(os.path.join(folder, name))
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()
