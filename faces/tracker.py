"""Follow people through the chosen frames of a video where a frame shows several."""

from collections.abc import Sequence

import numpy as np

LINK_OVERLAP = 0.2  # sampled frames lie a third of a second apart: a moving face still overlaps this much


def overlap(a, b):
    """Intersection over union of two boxes (x, y, width, height)."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return float(shared / (a[2] * a[3] + b[2] * b[3] - shared))


def link(frames: Sequence[Sequence]):
    """Link faces from frame to frame by overlap, best pairs first.

    Args:
        frames: for each frame its `Face`s.

    Returns:
        For each frame a list, the track of each of its faces. Tracks are numbered by prominence, from 0: by the sum of
        confidence times area. The largest box of each single frame would jump between people.
    """
    tracks = []  # each: {"last": Face, "members": [(frame number, index of the face)], "score": float}
    for number, faces in enumerate(frames):
        pairs = sorted(
            ((overlap(t["last"].box, face.box), -k, -i) for k, t in enumerate(tracks) for i, face in enumerate(faces)),
            reverse=True,
        )
        taken_tracks, taken_faces = set(), set()
        for shared, k, i in pairs:
            if shared < LINK_OVERLAP or -k in taken_tracks or -i in taken_faces:
                continue
            taken_tracks.add(-k)
            taken_faces.add(-i)
            _extend(tracks[-k], number, -i, faces[-i])
        for i, face in enumerate(faces):
            if i not in taken_faces:
                tracks.append({"members": [], "score": 0.0})
                _extend(tracks[-1], number, i, face)
    tracks.sort(key=lambda track: -track["score"])
    numbers = [[None] * len(faces) for faces in frames]
    for track, members in enumerate(track["members"] for track in tracks):
        for number, index in members:
            numbers[number][index] = track
    return numbers


def _extend(track, number, index, face):
    track["last"] = face
    track["members"].append((number, index))
    track["score"] += face.score * float(np.prod(face.box[2:]))
