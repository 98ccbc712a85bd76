"""Where artifacts lie, and digests of what they hold."""

import hashlib
import json
import os

METADATA = "metadata.sqlite"


def artifact_dir(root, component, key, execution):
    """`<pipeline_root>/<Component>/<output key>/<execution id>`."""
    return os.path.join(root, component, key, str(execution))


def staging_dir(root, component, cache_key):
    """Where an execution works until it has succeeded; the same for the same work, so that it can be resumed."""
    return os.path.join(root, ".staging", f"{component}-{cache_key[:16]}")


def files_below(folder):
    """Yield (relative path, size) of every file below a folder, sorted."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)
            yield os.path.relpath(path, folder), os.path.getsize(path)


def content_digest(folder):
    """Digest of the names and contents of all files below a folder.

    Files that a `manifest.json` lists with their digests, as face examples are, are not read a second time.
    """
    known = {}
    manifest = os.path.join(folder, "manifest.json")
    if os.path.exists(manifest):
        with open(manifest) as stream:
            known = {row["file"]: (row["digest"], row["bytes"]) for row in json.load(stream)["files"]}
    total = hashlib.blake2b(digest_size=16)
    for name, size in files_below(folder):
        if known.get(name, (None, None))[1] == size:
            digest = known[name][0]
        else:
            with open(os.path.join(folder, name), "rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


def outline(folder):
    """A cheap sign that nothing was removed or cut since: (number of files, sum of their sizes)."""
    sizes = [size for _, size in files_below(folder)]
    return len(sizes), sum(sizes)
