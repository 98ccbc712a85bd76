"""Evaluator: predictions, exact metrics per data set and method at frame and video level, and the blessing."""
