"""Follow people through the chosen frames of a video in which several may be seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from faces.detector import Face

LINK_OVERLAP = 0.2  # chosen frames are about a third of a second apart: a moving face still overlaps this much


def overlap(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Return the intersection over union of two boxes (x, y, width, height)."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return float(shared / (a[2] * a[3] + b[2] * b[3] - shared))


@dataclass
class _Track:
    """One person.

    Attributes:
        last: the face seen last.
        members: (number of the frame, index of the face in it).
        prominence: sum of confidence times area.
    """

    last: Face
    members: list[tuple[int, int]] = field(default_factory=list)
    prominence: float = 0.0

    def extend(self, frame: int, index: int, face: Face) -> None:
        self.last = face
        self.members.append((frame, index))
        self.prominence += face.score * float(np.prod(face.box[2:]))


def link(frames: Sequence[Sequence[Face]]) -> list[list[int]]:
    """Link faces from frame to frame by overlap, best pairs first.

    Args:
        frames: the faces of each frame.

    Returns:
        For each frame the tracks of its faces. Tracks are numbered by prominence, the sum of confidence times area,
        from 0. (The largest box of each frame, taken by itself, would jump between people.)
    """
    tracks: list[_Track] = []
    for number, faces in enumerate(frames):
        pairs = [
            (overlap(track.last.box, face.box), t, f) for t, track in enumerate(tracks) for f, face in enumerate(faces)
        ]
        linked_tracks: set[int] = set()
        linked_faces: set[int] = set()
        for shared, t, f in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if shared >= LINK_OVERLAP and t not in linked_tracks and f not in linked_faces:
                linked_tracks.add(t)
                linked_faces.add(f)
                tracks[t].extend(number, f, faces[f])
        for f, face in enumerate(faces):
            if f not in linked_faces:
                tracks.append(_Track(face))
                tracks[-1].extend(number, f, face)
    tracks.sort(key=lambda track: -track.prominence)
    numbers = [[-1] * len(faces) for faces in frames]
    for track_number, track in enumerate(tracks):
        for frame, index in track.members:
            numbers[frame][index] = track_number
    return numbers
