"""KoDF: films of some 400 Koreans and fakes of them by five kinds of methods; no official splits."""

import os
import re
from typing import Literal

from pydantic import Field

from artifacts.manifest import Video
from artifacts.media_files import kind_of
from components.video_example_gen.dataset_config import DatasetConfig
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, relative, stem
from components.video_example_gen.listing import Listing

TITLE = "KoDF"
SIGNS = "original_videos/ and synthesized_videos/"

REAL, FAKE = "original_videos", "synthesized_videos"
NAMES = {  # who is in a video, by its name: an actor's film; a fake of a target's film with a source, method and number
    REAL: r"([^_]+)_[^_]+",
    FAKE: r"([^_]+)_([^_]+)_[^_]+_[^_]+",
}


class KodfConfig(DatasetConfig):
    """KoDF in the layout of its release."""

    type: Literal["kodf"] = Field(description="KoDF")
    methods: tuple[Literal["dfl", "dffs", "fsgan", "fo", "audio-driven"], ...] | None = Field(
        None,
        min_length=1,
        description="the folders in synthesized_videos/ to use: dfl = DeepFaceLab, dffs = FaceSwap, fsgan = FSGAN, "
        "fo = first order motion, audio-driven = ATFHP and Wav2Lip; else all that are there",
    )


def recognises(root: str) -> bool:
    """Tell whether a folder looks like this data set."""
    return os.path.isdir(os.path.join(root, FAKE))


def list_videos(config: KodfConfig) -> Listing:
    """List a copy of KoDF. Only names and the folders right below the root and the method count.

    Returns:
        A `Listing`; videos have no split yet. A fake's identities are its target, whose film it was made from, and
        its source.
    """
    listing = Listing()
    spare: list[str] = []
    seen: set[str] = set()
    for path in find(config.folder, NOT_DOCUMENTS):
        video = _video(config, path)
        if video is None or video.video_id in seen:
            spare.append(path)
        else:
            seen.add(video.video_id)
            listing.videos.append(video)
    listing.unlisted = relative(spare, config.folder)
    return listing


def _video(config: KodfConfig, path: str) -> Video | None:
    """Return what a file is, or None if its place or its name is not one of this data set."""
    folder, *below = os.path.relpath(path, config.folder).split(os.sep)
    match = re.fullmatch(NAMES.get(folder, ""), stem(path))
    if not match or kind_of(path) != "video" or (folder == FAKE and len(below) < 2):
        return None
    label = int(folder == FAKE)
    method = below[0] if label else "real"
    if label and config.methods and method not in config.methods:
        return None
    people = tuple(dict.fromkeys(f"{config.name}/{person}" for person in match.groups()))
    return Video(f"{config.name}/{method}/{stem(path)}", path, config.name, method, label, "", people)
