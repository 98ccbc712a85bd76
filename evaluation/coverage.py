"""What became of every listed video in the extraction of faces: it has a face, it has none, or it was never decoded."""

from artifacts.manifest import read_manifest
from artifacts.rejects import read_rejects
from evaluation.metrics import ListedVideo
from evaluation.vocabulary import Outcome


def listed_videos(videos_dir: str, rejects_dir: str, split: str) -> list[ListedVideo]:
    """List a split's videos with what FaceExampleGen made of them; a clip whose crops are listed is one video.

    Args:
        videos_dir: a `videos` artifact.
        rejects_dir: the `rejects` artifact of FaceExampleGen.
        split: "train", "val" or "test".

    Raises:
        InputError: a manifest or a list of rejects cannot be read.
    """
    reasons = {reject.video_id: reject.reason for reject in read_rejects(rejects_dir) if reject.scope == "video"}
    rows: dict[str, ListedVideo] = {}
    for video in read_manifest(videos_dir, split):
        outcome = _outcome(reasons.get(video.video_id))
        known = rows.get(video.shown_as)
        if known is None or (outcome == "with_face" and video.clip):
            rows[video.shown_as] = {
                "video_id": video.shown_as,
                "dataset": video.dataset,
                "method": video.method,
                "label": video.label,
                "outcome": outcome,
            }
    return list(rows.values())


def _outcome(reason: str | None) -> Outcome:
    """Return what a video's reason for rejection means; None if it was not rejected."""
    if reason is None:
        return "with_face"
    return "no_face" if reason == "no_face" else "undecoded"
