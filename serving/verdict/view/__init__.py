"""A verdict to look at: its JSON with pictures, and a page of its own that holds everything."""

from serving.verdict.view.report import page_of, write_report
from serving.verdict.view.view import view

__all__ = ["page_of", "view", "write_report"]
