"""What became of every listed video in the extraction of faces: it has a face, it has none, or it was never decoded."""

import glob
import json
import os

from artifacts.errors import InputError
from artifacts.manifest import read_manifest
from evaluation.metrics import ListedVideo
from evaluation.vocabulary import Outcome


def listed_videos(videos_dir: str, rejects_dir: str, split: str) -> list[ListedVideo]:
    """List a split's videos with what FaceExampleGen made of them.

    Args:
        videos_dir: a `videos` artifact.
        rejects_dir: the `rejects` artifact of FaceExampleGen.
        split: "train", "val" or "test".

    Raises:
        InputError: a manifest or a list of rejects cannot be read.
    """
    reasons = _rejected_videos(rejects_dir)
    return [
        {
            "video_id": video.video_id,
            "dataset": video.dataset,
            "method": video.method,
            "label": video.label,
            "outcome": _outcome(reasons.get(video.video_id)),
        }
        for video in read_manifest(videos_dir, split)
    ]


def _outcome(reason: str | None) -> Outcome:
    """Return what a video's reason for rejection means; None if it was not rejected."""
    if reason is None:
        return "with_face"
    return "no_face" if reason == "no_face" else "undecoded"


def _rejected_videos(folder: str) -> dict[str, str]:
    """Read why videos were rejected: video_id -> reason."""
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
