"""UADFV: 49 real videos and a fake of each, all with the face of one actor; no official splits."""

import os
import re
from typing import Literal

from pydantic import Field

from artifacts.manifest import Video
from artifacts.media_files import kind_of
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, entries, find, relative, stem
from components.video_example_gen.listing import Listing

TITLE = "UADFV"
SIGNS = "real/ with 0000.mp4 and so on, and fake/ with 0000_fake.mp4"

NAMES = {"real": (0, r"(\d{4})"), "fake": (1, r"(\d{4})_fake")}  # folder -> (label, names of its videos)


class UadfvConfig(DatasetConfig):
    """UADFV."""

    type: Literal["uadfv"] = Field(description="UADFV")


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set: its names, since many others have real/ and fake/, too."""
    return any(
        re.fullmatch(NAMES["fake"][1], stem(entry.name))
        for folder in ("fake", "fake/videos")
        if os.path.isdir(os.path.join(root, folder))
        for entry in entries(os.path.join(root, folder))
    )


def list_videos(config: UadfvConfig) -> Listing:
    """List a copy of UADFV.

    `0000_fake` was made from `0000`: both have the identity 0000 and go to one split. The face that all fakes show is
    one actor's and no identity here; if it were, nothing could be divided.

    Returns:
        A `Listing`; videos have no split yet.
    """
    listing = Listing(
        notes=["all fakes show the face of one actor, so he is in every split; there are no official splits"]
    )
    spare, used = [], set()
    for path in find(config.folder, NOT_DOCUMENTS):
        folder, *between = os.path.relpath(os.path.dirname(path), config.folder).split(os.sep)
        label, pattern = NAMES.get(folder, (0, ""))
        match = re.fullmatch(pattern, stem(path))
        fits = match and kind_of(path) == "video" and between in ([], ["videos"])
        if not match or not fits or (folder, match[1]) in used:
            spare.append(path)
            continue
        used.add((folder, match[1]))
        video_id = f"{config.name}/{folder}/{stem(path)}"
        listing.videos.append(Video(video_id, path, config.name, folder, label, "", (f"{config.name}/{match[1]}",)))
    listing.unlisted = relative(spare, config.folder)
    return listing
