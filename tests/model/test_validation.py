"""Validation metrics by hand, and the order of checkpoints."""

import numpy as np
import pytest

from model import scoring
from model.validation import NotFinite, criterion, figure, validation_metrics

ROWS = {
    "video_id": np.array(["a", "a", "b", "c"], object),
    "dataset": np.array(["d"] * 4, object),
    "method": np.array(["m"] * 4, object),
    "label": np.array([0, 0, 1, 1]),
    "frame/index": np.arange(4),
    "face/track": np.zeros(4, np.int64),
    "logit": np.array([-3.0, 1.0, 0.5, 2.0]),
    "center_similarity": np.array([0.9, 0.1, 0.2, 0.3]),
}


@pytest.fixture(autouse=True)
def scored(monkeypatch):
    monkeypatch.setattr(scoring, "score_examples", lambda predict, files: [ROWS])


def test_frames_and_videos_are_measured_by_the_logit():
    # Frames: of the four pairs (real, fake), 1.0 over 0.5 is wrong. Video a has the mean -1.
    assert validation_metrics(None, ["file"]) == {
        "val_auc": 0.75, "val_acc": 0.75, "val_video_auc": 1.0, "val_video_acc": 1.0
    }  # fmt: skip


def test_auc_decides_then_accuracy_and_without_either_the_latest_step():
    rows = [{"step": 1, "val_auc": 0.6, "val_acc": 0.9}, {"step": 2, "val_auc": 0.7, "val_acc": 0.1}]
    assert max(rows, key=criterion)["step"] == 2
    assert max([*rows, {"step": 3, "val_auc": 0.7, "val_acc": 0.2}], key=criterion)["step"] == 3
    assert max([{"step": 1}, {"step": 2, "val_auc": None, "val_acc": None}], key=criterion)["step"] == 2


def test_a_missing_figure_has_a_word():
    assert (figure(0.12345), figure(None)) == ("0.1235", "none")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_an_error(value, monkeypatch):
    rows = ROWS | {"logit": np.array([0.5, value, 0.1, value])}
    monkeypatch.setattr(scoring, "score_examples", lambda predict, files: [rows])
    with pytest.raises(NotFinite, match="the logit is not finite for 2 of 4 validation faces"):
        validation_metrics(None, ["file"])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_row_whose_loss_is_not_a_number_is_never_the_best(value):
    """As histories of earlier versions may hold them: later, and without figures."""
    wrong = {"step": 9, "loss": value, "val_auc": None, "val_acc": None}
    for right in ({"step": 1, "loss": 0.7}, {"step": 1, "loss": 0.7, "val_auc": 0.0, "val_acc": 0.0}, {"step": 1}):
        assert max([right, wrong], key=criterion) == right == max([wrong, right], key=criterion)
