"""Places in the queue of videos for uploads that are still being received: only who really sends holds one."""

import time


class Place:
    """What one upload has sent so far.

    Args:
        rate: bytes a second, on average since its beginning, below which an upload holds no place.
    """

    def __init__(self, rate: int) -> None:
        self._rate, self._began = rate, time.monotonic()
        self._size = 0

    def came(self, count: int) -> None:
        """Note that so many bytes came."""
        self._size += count

    @property
    def is_held(self) -> bool:
        """Whether nobody else may take the place."""
        return self._size > 0 and self._size >= self._rate * (time.monotonic() - self._began)


class Places:
    """The uploads that are being received. Not safe for threads: `VideoQueue` calls it with its lock held.

    Args:
        rate: see `Place`.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._all: set[Place] = set()

    def enter(self) -> Place:
        """Begin an upload."""
        place = Place(self._rate)
        self._all.add(place)
        return place

    def leave(self, place: Place) -> None:
        """End an upload."""
        self._all.discard(place)

    def held(self) -> int:
        """Number of places that nobody else may take."""
        return sum(place.is_held for place in self._all)
