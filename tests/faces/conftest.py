"""Films and portraits to find faces in."""

from tests.fixtures.films import clips, manifest, parameters, portraits, reading_of, real_data, sample, scene, video

__all__ = ["clips", "manifest", "parameters", "portraits", "reading_of", "real_data", "sample", "scene", "video"]
