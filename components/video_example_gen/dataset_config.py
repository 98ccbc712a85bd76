"""What the configs of all data sets have in common."""

import os
from collections.abc import Collection

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import SPLITS
from commands.parameters import Parameters

SPLIT_NAMES = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class DatasetConfig(Parameters):
    """A data set: its name and its folder."""

    name: str = Field(
        pattern=r"^[\w.+-]+$",
        description="what to call the data set in ids, metrics and reports: letters, digits, '.', '_', '+' or '-'",
    )
    root: str = Field(min_length=1, description="the folder that holds the data set")

    @property
    def folder(self) -> str:
        """The root as an absolute path."""
        return os.path.abspath(os.path.expanduser(self.root))

    def path(self, name: str) -> str:
        """Return the absolute path of a file that the config names; relative names start at the root."""
        return os.path.normpath(os.path.join(self.folder, os.path.expanduser(name)))

    def sources(self) -> list[str]:
        """Return all files and folders that the listing depends on."""
        return [self.folder]


def check_root(folder: str) -> None:
    """Make sure that a root can be listed.

    Raises:
        InputError: it does not exist, is not a folder, or cannot be read.
    """
    if not os.path.exists(folder):
        raise InputError(f"root: {folder}: no such folder; set it to the folder that holds the data set")
    if not os.path.isdir(folder):
        raise InputError(f"root: {folder}: is a file; set it to the folder that holds the data set")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise InputError(f"root: {folder}: cannot be read; check its permissions")


def splits_to_fill(given: Collection[str]) -> tuple[str, ...]:
    """Return the splits that share the videos without a split: train, and those that the data set does not provide."""
    return ("train", *(split for split in SPLITS[1:] if split not in given))
