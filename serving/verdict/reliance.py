"""Whether the scores of a model may be put into words: what is known of it must speak for that."""

from evaluation.vocabulary import VIDEO_FIRST
from serving.verdict.verdict_json import Json

GUESSING = 0.6  # AUC below which a model is near guessing, which is 0.5


def why_not_judged(card: Json | None) -> str | None:
    """Why a model gives no verdicts, only scores; None if it gives verdicts.

    Args:
        card: of the model, see `components.pusher`; any part of it may be missing. Only blessed models are pushed, and
            only pushed ones have a card.

    Returns:
        What follows "this model", without a full stop.
    """
    if not card:
        return "has no card: what it was trained and tested on is not known"
    tested = [(str(row.get("dataset")), auc) for row in _of_whole_data_sets(card) if (auc := row.get("auc") or {})]
    tested = [(dataset, auc) for dataset, auc in tested if auc.get("value") is not None]
    if not tested:
        return "was not tested on files that it was not trained on"
    caveats = card.get("caveats")
    said = caveats if isinstance(caveats, dict) else {}
    relevant = [auc for dataset, auc in tested if dataset not in said]
    if not relevant:
        dataset = tested[0][0]
        return f"was tested on {dataset!r} alone ({str(said[dataset]).strip().rstrip('.')})"
    best = max(relevant, key=lambda auc: float(auc["value"]))
    low = best.get("low")
    if best["value"] < GUESSING or (low is not None and low <= 0.5):
        bounds = f", {low:.2f} to {best['high']:.2f}" if low is not None and best.get("high") is not None else ""
        return f"can hardly be told from guessing on its own test set (AUC {best['value']:.2f}{bounds})"
    return None


def _of_whole_data_sets(card: Json) -> list[Json]:
    """The test results of all methods of a data set together: those of videos, else of frames."""
    rows = [row for row in card.get("tested_on") or [] if row.get("method") is None]
    for level in VIDEO_FIRST:
        if found := [row for row in rows if (row.get("level") or "video") == level]:
            return found
    return []
