"""Where the labels of several faces go, so that none covers another or leaves the picture."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

FARTHEST = 4  # labels high, between a face and its label
# What speaks against a place. Covering another face as a whole counts 1.
ON_FACE, SHORTER, FARTHER = (
    0.5,
    0.2,
    0.3,
)  # it covers its own face; by each shorter length; by each label's height between
KEEP = 0.25  # by how much another place must be better, for a label to leave the one that it had in the frame before


class Area(NamedTuple):
    """A rectangle in pixels; x2 and y2 are behind its last ones."""

    x1: int
    y1: int
    x2: int
    y2: int

    def shared(self, other: "Area") -> int:
        """The number of pixels that both have."""
        width, height = min(self.x2, other.x2) - max(self.x1, other.x1), min(self.y2, other.y2) - max(self.y1, other.y1)
        return max(width, 0) * max(height, 0)


class Wanted(NamedTuple):
    """A label that is to be placed.

    Attributes:
        key: of the face, the same in all frames.
        face: where the face is.
        sizes: width and height of the label in several lengths, the longest first.
    """

    key: Hashable
    face: Area
    sizes: Sequence[tuple[int, int]]


class Place(NamedTuple):
    """Where a label goes.

    Attributes:
        area: in the picture.
        version: which of the label's lengths fits there.
        spot: where it is as seen from the face.
        link: a line from the label to its face, or None where they touch.
    """

    area: Area
    version: int
    spot: int
    link: Area | None


def place_labels(
    wanted: Sequence[Wanted], picture: Area, before: Mapping[Hashable, Place] | None = None
) -> dict[Hashable, Place]:
    """Place labels beside their faces.

    A label prefers its full length, a place at its face, and one that covers no face. A face for whose shortest label
    there is no room left gets none.

    Args:
        wanted: the labels, the most important first.
        picture: what they must not leave.
        before: the places in the frame before, which are kept where they still do.

    Returns:
        The places by key.
    """
    places: dict[Hashable, Place] = {}
    taken: list[Area] = []
    for label in wanted:
        others = [other.face for other in wanted if other.key != label.key]
        place = _place(label, picture, taken, others, (before or {}).get(label.key))
        if place is not None:
            places[label.key] = place
            taken += [place.area] if place.link is None else [place.area, place.link]
    return places


def _place(
    label: Wanted, picture: Area, taken: Sequence[Area], others: Sequence[Area], before: Place | None
) -> Place | None:
    best, least = None, float("inf")
    for version, (width, height) in enumerate(label.sizes):
        for number, spot in enumerate(_spots(label.face, width, height)):
            x = min(max(spot.x, picture.x1), picture.x2 - width)  # along the picture's edge it may slide
            area = Area(x, spot.y, x + width, spot.y + height)
            link = _link(area, label.face) if spot.distance else None
            needed = [area] if link is None else [area, link]
            if area.shared(picture) < width * height or any(one.shared(other) for one in needed for other in taken):
                continue
            covered = sum(area.shared(other) for other in others) / (width * height)
            cost = covered + SHORTER * version + FARTHER * spot.distance + ON_FACE * (area.shared(label.face) > 0)
            if before is not None and (before.version, before.spot) == (version, number):
                cost -= KEEP
            if cost < least:
                best, least = Place(area, version, number, link), cost
    return best


class _Spot(NamedTuple):
    """A place as seen from the face: its corner, and how many labels high it is away."""

    x: int
    y: int
    distance: int = 0


def _spots(face: Area, width: int, height: int) -> Iterator[_Spot]:
    """Yield where a label may be, the best first among equals."""
    above, below, left, right = face.y1 - height, face.y2, face.x1, face.x2 - width
    for distance in range(FARTHEST + 1):
        for y in (above - distance * height, below + distance * height):
            for x in (left, right):
                yield _Spot(x, y, distance)
    for x in (face.x2, face.x1 - width, left, right):  # beside the face; on it
        for y in (face.y1, face.y2 - height):
            yield _Spot(x, y)


def _link(label: Area, face: Area) -> Area:
    """A line straight up or down, between a label above or below a face and the face."""
    x = min(max((label.x1 + label.x2) // 2, face.x1), max(face.x2 - 1, face.x1))
    y1, y2 = (label.y2, face.y1) if label.y2 <= face.y1 else (face.y2, label.y1)
    return Area(x - 1, y1, x + 1, y2)
