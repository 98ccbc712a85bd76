"""Scores to evaluate."""

from tests.fixtures.scores import everything, made, model_dir, report_arguments

__all__ = ["everything", "made", "model_dir", "report_arguments"]
