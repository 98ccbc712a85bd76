"""Which files are videos and pictures, by their suffix: one list for data sets and for the files that users name."""

import os
from typing import Literal

FileKind = Literal["video", "image", "document", "other"]

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".wmv"),
    *(".asf", ".flv", ".3gp", ".3g2", ".ogv", ".mxf", ".vob", ".dv", ".gif"),
)
PICTURES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".jp2", ".avif", ".ppm")
# What lies beside the videos of a data set and is none of them: its tables, texts and programs.
DOCUMENTS = (
    *(".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".txt", ".md", ".rst", ".html", ".pdf", ".log"),
    *(".py", ".sh", ".ipynb"),
)
_KINDS: dict[str, FileKind] = {
    **dict.fromkeys(DOCUMENTS, "document"),
    **dict.fromkeys(PICTURES, "image"),
    **dict.fromkeys(VIDEOS, "video"),
}


def kind_of(path: str) -> FileKind:
    """Tell from a file's suffix, upper or lower case, what it is; "other" may be anything, a video among them."""
    return _KINDS.get(os.path.splitext(path)[1].lower(), "other")


def is_media(path: str) -> bool:
    """Tell whether a file is a video or a picture by its suffix."""
    return kind_of(path) in ("video", "image")
