"""Films and portraits to find faces in, and an extractor."""

from tests.fixtures.extraction import clip, extractor, picture, run
from tests.fixtures.ffmpeg import ffmpeg
from tests.fixtures.films import clips, manifest, portraits, real_data, sample, scene, video

__all__ = ["clip", "clips", "extractor", "ffmpeg", "manifest", "picture", "portraits", "real_data", "run", "sample",
           "scene", "video"]  # fmt: skip
