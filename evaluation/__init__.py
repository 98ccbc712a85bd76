"""Scores in; figures, intervals, comparisons and reports out."""
