"""What became of every listed video: judged, without a face, or never decoded."""

import glob
import json
import os

from artifacts.errors import InputError
from artifacts.manifest import read_manifest


def outcomes(videos_dir, rejects_dir, split):
    """List a split's videos with what FaceExampleGen made of them.

    Args:
        videos_dir, rejects_dir: artifacts of VideoExampleGen and of FaceExampleGen.

    Returns:
        Dicts with `video_id, dataset, method, label, outcome`, as `evaluation.metrics.evaluate` takes them.

    Raises:
        InputError: a manifest or a list of rejects that cannot be read.
    """
    lost = _rejected_videos(rejects_dir)
    outcome = {None: "judged", "no_face": "no_face"}
    return [
        {
            "video_id": video.video_id,
            "dataset": video.dataset,
            "method": video.method,
            "label": video.label,
            "outcome": outcome.get(lost.get(video.video_id), "undecoded"),
        }
        for video in read_manifest(videos_dir, split)
    ]


def _rejected_videos(folder):
    """video_id -> why nothing came of it."""
    found = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.jsonl"))):
        with open(path) as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    row = json.loads(line)
                    if row["scope"] == "video":
                        found[row["video_id"]] = row["reason"]
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(f"{path}:{number}: not a line of rejects ({error})") from error
    return found
