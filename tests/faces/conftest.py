"""Films and portraits to find faces in."""

from tests.fixtures.films import clips, manifest, portraits, real_data, sample, scene, video

__all__ = ["clips", "manifest", "portraits", "real_data", "sample", "scene", "video"]
