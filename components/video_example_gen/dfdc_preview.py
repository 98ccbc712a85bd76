"""DFDC preview: 66 actors, two methods, and a dataset.json that says who is in each video and which set it is in."""

import os
import re
from typing import Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Video
from components.video_example_gen.dataset_config import SPLIT_NAMES, DatasetConfig, splits_to_fill
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, read_json, relative
from components.video_example_gen.listing import Listing
from components.video_example_gen.protocol import follow_own_sets

TITLE = "the DFDC preview"
SIGNS = "dataset.json beside original_videos/, method_A/ and method_B/"

TABLE = "dataset.json"
FOLDERS = ("original_videos", "method_A", "method_B")
LABELS = {"real": 0, "fake": 1}


class DfdcPreviewConfig(DatasetConfig):
    """The preview of DFDC."""

    type: Literal["dfdc_preview"] = Field(description="the DFDC preview of 2019")
    table: str | None = Field(None, description=f"its {TABLE}; else <root>/{TABLE}")

    def sources(self) -> list[str]:
        """Return the root and the table."""
        return [self.folder, *([self.path(self.table)] if self.table else [])]


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return _has_folder(root) and os.path.isfile(os.path.join(root, TABLE))


def _has_folder(root: str) -> bool:
    return any(os.path.isdir(os.path.join(root, folder)) for folder in FOLDERS)


def list_videos(config: DfdcPreviewConfig) -> Listing:
    """List the videos that dataset.json names.

    Its sets are train and test; validation is carved out of train by the people.

    Returns:
        A `Listing`; only videos outside train have a split yet.

    Raises:
        InputError: dataset.json is missing or broken; names the file, the entry and the cure.
    """
    path = config.path(config.table or TABLE)
    if not config.table and not os.path.exists(path) and not _has_folder(config.folder):
        return Listing()
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f'{path}: must be an object, as {{"method_A/x.mp4": {{"label": "fake", "set": "train"}}}}')
    listing = Listing()
    named = set()
    for name, fields in content.items():
        video = _video(config, path, name, fields)
        named.add(video.uri)
        if os.path.isfile(video.uri):
            listing.videos.append(video)
        else:
            listing.missing.append(video.video_id)
    listing.to_fill = splits_to_fill({video.split for video in listing.videos})
    follow_own_sets(listing)
    spare = (file for file in find(config.folder, NOT_DOCUMENTS) if file not in named)
    listing.unlisted = relative(spare, config.folder)
    return listing


def _video(config: DfdcPreviewConfig, table: str, name: str, fields: object) -> Video:
    entry = fields if isinstance(fields, dict) else {}
    folder = name.replace("\\", "/").split("/")[0]
    label = LABELS.get(str(entry.get("label")).lower())
    split = SPLIT_NAMES.get(str(entry.get("set")).lower())
    if label is None or split is None or folder not in FOLDERS:
        raise InputError(
            f'{table}: "{name}" is {fields!r}; it needs a label, real or fake, a set, train or test, and a path that '
            f"starts with {', '.join(FOLDERS)}: use the official file"
        )
    if label != int(folder != FOLDERS[0]):
        raise InputError(
            f'{table}: "{name}" is {entry["label"]}, which contradicts its folder {folder}; use the official file'
        )
    file = config.path(name.replace("\\", "/"))
    method = folder if label else "real"
    short = re.sub(r"^[^/]+/", "", os.path.splitext(name.replace("\\", "/"))[0])
    return Video(
        video_id=f"{config.name}/{method}/{short}",
        uri=file,
        dataset=config.name,
        method=method,
        label=label,
        split="" if split == "train" else split,
        identities=_people(config, entry),
    )


def _people(config: DfdcPreviewConfig, entry: dict[str, object]) -> tuple[str, ...]:
    """The target is who was filmed; the swapped one is whose face a fake shows."""
    people = [entry.get("target_id"), entry.get("swapped_id")]
    return tuple(dict.fromkeys(f"{config.name}/{person}" for person in people if person not in (None, "")))
