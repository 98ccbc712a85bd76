"""Which uploads hold a place: those that come, on average, at the least rate or faster."""

import types

import pytest

from serving.server import upload_places
from serving.server.upload_places import Places


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told: `clock.now`, seconds."""
    clock = types.SimpleNamespace(now=100.0)
    monkeypatch.setattr(upload_places, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_place_is_held_as_long_as_the_bytes_come(clock):
    places = Places(1000)
    place = places.enter()
    assert places.held() == 0, "nothing has come"
    place.came(2000)
    assert places.held() == 1
    clock.now += 2
    assert places.held() == 1
    clock.now += 0.1
    assert places.held() == 0
    place.came(200)
    assert places.held() == 1
    places.leave(place)
    assert places.held() == 0
    places.leave(place)


def test_a_byte_a_second_holds_no_place(clock):
    places = Places(32 << 10)
    slow, fast = places.enter(), places.enter()
    for _ in range(20):
        clock.now += 1
        slow.came(1)
        fast.came(1 << 20)
    assert not slow.is_held and fast.is_held and places.held() == 1
