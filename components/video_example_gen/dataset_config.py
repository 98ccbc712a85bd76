"""What the configs of all data sets share."""

import os

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import SPLITS
from commands.parameters import Parameters

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class DatasetConfig(Parameters):
    """A data set: what to call it and where it lies."""

    name: str = Field(
        pattern=r"^[\w.+-]+$",
        description="what to call the data set in ids, metrics and reports: letters, digits, '.', '_', '+' or '-'",
    )
    root: str = Field(min_length=1, description="the folder that holds it")

    @property
    def folder(self):
        """The root as an absolute path."""
        return os.path.abspath(os.path.expanduser(self.root))

    def path(self, name):
        """Return a file that the config names as an absolute path; relative ones start at the root."""
        return os.path.normpath(os.path.join(self.folder, os.path.expanduser(name)))

    def sources(self):
        """Return all files and folders that the listing depends on."""
        return [self.folder]


def check_root(folder):
    """Make sure that a root can be listed.

    Raises:
        InputError: it does not exist, is no folder, or cannot be read.
    """
    if not os.path.exists(folder):
        raise InputError(f"root: {folder}: no such folder; set it to where the data set lies")
    if not os.path.isdir(folder):
        raise InputError(f"root: {folder}: is a file; set it to the folder that holds the data set")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"root: {folder}: cannot be read; its permissions do not allow it")


def splits_to_fill(given):
    """Return the splits that videos without one are divided among: train, and those that the data set does not give."""
    return ("train", *(split for split in SPLITS[1:] if split not in given))
