"""Scores to evaluate, and films."""

from tests.fixtures.films import clips, portraits
from tests.fixtures.scores import everything, made, model_dir, report_arguments

__all__ = ["clips", "everything", "made", "model_dir", "portraits", "report_arguments"]
