"""How a training is measured on the validation split, and which checkpoint is the best."""

import math
from collections.abc import Sequence

import numpy as np

from artifacts.words import counted
from model import scoring
from model.served import Predict
from model.video_logits import video_logits

# A line of the training's history: figures by name, "step" among them; None if a figure cannot be computed.
Row = dict[str, float | None]


class NotFinite(ValueError):
    """The model gives logits that are NaN or infinite."""


def validation_metrics(predict: Predict, files: Sequence[str]) -> Row:
    """Compute ACC and AUC of the logit on the validation files, for frames and for videos by their mean logit.

    Args:
        predict: see `scoring.score_examples`.
        files: TFRecord files of the validation split.

    Returns:
        `val_auc`, `val_acc`, `val_video_auc` and `val_video_acc`.

    Raises:
        NotFinite: a logit is NaN or infinite.
    """
    frames = scoring.join_batches(scoring.score_examples(predict, files))
    logit = frames["logit"]
    wrong = int(np.sum(~np.isfinite(logit)))
    if wrong:
        raise NotFinite(f"the logit is not finite for {wrong} of {counted(len(logit), 'validation face')}")
    by_frame = scoring.accuracy_and_auc(frames["label"], logit)
    by_video = scoring.accuracy_and_auc(*video_logits(frames))
    return {
        "val_auc": by_frame["auc"],
        "val_acc": by_frame["acc"],
        "val_video_auc": by_video["auc"],
        "val_video_acc": by_video["acc"],
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
