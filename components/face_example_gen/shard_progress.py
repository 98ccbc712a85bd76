"""Progress of an extraction on any runner: each shard notes how far it is, and the launching process adds them up."""

import contextlib
import glob
import json
import os
from collections.abc import Mapping

from artifacts.writing import open_fixed
from commands import progress

SUFFIX = ".progress"


def note(summary_path: str, videos: int, faces: int, rejects: int) -> None:
    """Note how far a shard is; called where it is written."""
    with open_fixed(summary_path + SUFFIX) as stream:
        json.dump([videos, faces, rejects], stream)


def forget(summary_path: str) -> None:
    """Remove the note of a shard that is done: from here on its summary counts."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(summary_path + SUFFIX)


def count(examples_dir: str) -> tuple[int, int, int]:
    """Return the sums of videos, faces and rejects over the shards that are done or under way."""
    videos = faces = rejects = 0
    for path in glob.glob(os.path.join(glob.escape(examples_dir), "Split-*", "shard-*.json*")):
        try:
            with open(path) as stream:
                row = json.load(stream)
        except (OSError, ValueError):  # it is being replaced: it counts the next time
            continue
        if isinstance(row, dict):
            row = [row["videos"], row["examples"], row["rejects"]]
        videos, faces, rejects = videos + row[0], faces + row[1], rejects + row[2]
    return videos, faces, rejects


def shown(examples_dir: str, videos: int, starting: str) -> contextlib.AbstractContextManager[None]:
    """Show a bar while the body runs: how many of `videos` are done, faces, rejects, rate and time left.

    Until one is done, it says `starting`, if that is not empty.
    """

    def state() -> tuple[int, Mapping[str, int]]:
        done, faces, rejects = count(examples_dir)
        return done, {"faces": faces, "rejects": rejects}

    return progress.watched(state, videos, starting, desc="extracting faces", unit="video")
