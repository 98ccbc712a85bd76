"""A verdict to look at: its JSON with pictures, and a page of its own that holds everything."""

from pipeline.verdict.view.report import write_report
from pipeline.verdict.view.view import view

__all__ = ["view", "write_report"]
