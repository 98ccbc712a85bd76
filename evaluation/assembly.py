"""From scores to everything in `metrics.json`: the figures, the comparison, the matrix and the robustness."""

from evaluation.comparison import compare
from evaluation.matrix import auc_matrix
from evaluation.metrics import evaluate
from evaluation.results import AucMatrix, ComparisonRow, Metrics, Thresholds
from evaluation.robustness_rows import robustness_rows
from evaluation.scores import BASELINE, THIS, Part, Scores
from evaluation.video_scores import videos_of


def metrics_of(scores: Scores) -> Metrics:
    """Compute all figures. Equal scores give equal figures, bit by bit, on one machine.

    Raises:
        InputError: the scores contradict each other or the list of videos; see `evaluation.metrics.evaluate`.
    """
    how, parts = scores.how, scores.parts
    found = evaluate(
        parts[Part(THIS, "test")],
        parts.get(Part(THIS, "val")),
        scores.listed,
        video_rule=how.video_rule,
        no_face=how.no_face,
        resamples=how.resamples,
        seed=how.seed,
        temperature=how.temperature(THIS),
    )
    metrics: Metrics = {"readout": how.readout, "split": "test", **found, "caveats": how.caveats}
    if Part(BASELINE, "test") in parts:
        metrics["comparison"] = _comparison(scores, metrics["thresholds"])
    if how.models.keys() - {THIS, BASELINE}:
        metrics["matrix"] = _matrix(scores)
    if how.robustness:
        metrics["robustness"] = robustness_rows(scores)
    if how.left_out:
        metrics["left_out"] = how.left_out
    return metrics


def _comparison(scores: Scores, thresholds: Thresholds) -> list[ComparisonRow]:
    """Compare the model with the last blessed one on the same faces; `thresholds` are the model's."""
    how, parts = scores.how, scores.parts
    last, validation = parts[Part(BASELINE, "test")], parts.get(Part(BASELINE, "val"))
    temperature, fixed = how.temperature(BASELINE), None
    if validation is not None:
        fixed = evaluate(last, validation, video_rule=how.video_rule, temperature=temperature, resamples=0)
    return compare(
        parts[Part(THIS, "test")],
        last,
        how.thresholds,
        how.resamples,
        how.seed,
        video_rule=how.video_rule,
        temperatures=(how.temperature(THIS), temperature),
        fixed=(thresholds, fixed["thresholds"] if fixed else None),
    )


def _matrix(scores: Scores) -> AucMatrix:
    """Compute the AUC of this and the other models on each data set, at video level."""
    how = scores.how
    videos = {
        model.name: videos_of(scores.parts[Part(key, "test")], how.video_rule, how.temperature(key))
        for key, model in how.models.items()
        if key != BASELINE
    }
    return auc_matrix(videos, "video", how.resamples, how.seed)
