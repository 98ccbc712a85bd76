"""Films and portraits to find faces in."""

from tests.fixtures.films import (
    clips,
    command,
    manifest,
    portraits,
    real_data,
    sample,
    scene,
    video,
)

__all__ = [
    "clips",
    "command",
    "manifest",
    "portraits",
    "real_data",
    "sample",
    "scene",
    "video",
]
