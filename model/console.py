"""Console scripts of this package."""

import runpy


def train() -> None:
    """Run `python -m model.train` as the main module, since absl's help lists only that one's flags."""
    runpy.run_module("model.train", run_name="__main__", alter_sys=True)
