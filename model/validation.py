"""How a training is measured on the validation split, and which checkpoint is the best."""

import math
from collections.abc import Sequence

import numpy as np

from model import scoring
from model.served import Predict

# A line of the training's history: figures by name, "step" among them; None if a figure cannot be computed.
Row = dict[str, float | None]


class NotFinite(ValueError):
    """The model gives scores that are NaN or infinite."""


def validation_metrics(predict: Predict, files: Sequence[str], score: str = "logit") -> Row:
    """Compute ACC and AUC on the validation files, for frames and for videos.

    Args:
        predict: see `scoring.score_examples`.
        files: TFRecord files of the validation split.
        score: the output that tells fakes from reals, "logit" or "center_similarity". The latter has no ACC: only its
            order counts, the less similar the more fake.

    Returns:
        `val_auc`, `val_acc`, `val_video_auc` and `val_video_acc`.

    Raises:
        NotFinite: a score is NaN or infinite.
    """
    frames = scoring.join_batches(scoring.score_examples(predict, files))
    wrong = int(np.sum(~np.isfinite(frames[score])))
    if wrong:
        raise NotFinite(f"{score} is not finite for {wrong} of {len(frames[score])} validation faces")
    videos = scoring.mean_by_video(frames)
    sign = 1 if score == "logit" else -1
    by_frame, by_video = (scoring.accuracy_and_auc(rows["label"], sign * rows[score]) for rows in (frames, videos))
    return {
        "val_auc": by_frame["auc"],
        "val_acc": by_frame["acc"] if score == "logit" else None,
        "val_video_auc": by_video["auc"],
        "val_video_acc": by_video["acc"] if score == "logit" else None,
    }


def criterion(row: Row) -> tuple[float, float, float]:
    """Return what the best checkpoint has the highest of: frame AUC on validation, then ACC; else it is the latest.

    A row whose loss is not a finite number ranks below all others. Such rows are in histories of earlier versions only.
    """
    loss = row.get("loss", 0.0)
    if loss is None or not math.isfinite(loss):
        return -1.0, 0.0, 0.0
    auc, accuracy = row.get("val_auc"), row.get("val_acc")
    if auc is None and accuracy is None:
        return 0.0, 0.0, row["step"] or 0
    return auc or 0.0, accuracy or 0.0, 0.0


def figure(value: float | None) -> str:
    """Format an AUC or ACC for people; "none" if there is none."""
    return "none" if value is None else f"{value:.4f}"
