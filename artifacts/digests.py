"""Content digests that stay cheap for large videos."""

import hashlib
import os

from artifacts.errors import InputError

BLOCK = 64 * 1024


def content_digest(path):
    """Return a digest of a file's size, head, middle and tail; a small file is read wholly.

    Three blocks tell videos apart, and a re-encoded or cut file differs in size, header and index; reading 1.9 TB of
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
