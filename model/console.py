"""Console scripts of this package."""

import runpy


def train():
    """Run `python -m model.train` as it is: absl lists only the main module's flags in its help."""
    runpy.run_module("model.train", run_name="__main__", alter_sys=True)
