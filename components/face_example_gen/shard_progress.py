"""Progress of an extraction on any runner: each shard notes how far it is, and the launching process adds them up."""

import contextlib
import glob
import json
import os

from commands import progress

SUFFIX = ".progress"


def note(summary_path, videos, faces, rejects):
    """Called where the shard is written: overwrite its note."""
    with open(summary_path + SUFFIX, "w") as stream:
        json.dump([videos, faces, rejects], stream)


def forget(summary_path):
    """Called when the shard is done: from here on its summary counts."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(summary_path + SUFFIX)


def count(examples_dir):
    """Sum (videos, faces, rejects) over the shards that are done or under way."""
    totals = [0, 0, 0]
    for path in glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", "shard-*.json*")):
        try:
            with open(path) as stream:
                row = json.load(stream)
        except (OSError, ValueError):  # just being replaced: it counts the next time
            continue
        if isinstance(row, dict):
            row = [row["videos"], row["examples"], row["rejects"]]
        totals = [total + value for total, value in zip(totals, row, strict=True)]
    return tuple(totals)


def shown(examples_dir, videos):
    """Show a progress bar of `videos` while the body runs: videos done, faces, rejects, rate and time left."""

    def state():
        done, faces, rejects = count(examples_dir)
        return done, {"faces": faces, "rejects": rejects}

    return progress.shown(state, videos, desc="extracting faces", unit="video")
