"""Labels of several faces: none covers another or leaves the picture."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.verdict.label_places import Area, Wanted, place_labels

PICTURE = Area(0, 0, 320, 220)
SIZES = [(110, 16), (40, 16), (16, 16)]


def wanted(*corners, side=36, sizes=SIZES):
    return [Wanted(k, Area(x, y, x + side, y + side), sizes) for k, (x, y) in enumerate(corners)]


def check(places, picture=PICTURE):
    """No two labels share a pixel, and each is whole."""
    for place in places.values():
        assert place.area.shared(picture) == (place.area.x2 - place.area.x1) * (place.area.y2 - place.area.y1) > 0
    for one, other in itertools.combinations(places.values(), 2):
        assert not one.area.shared(other.area)
        assert not any(a.link and a.link.shared(b.area) for a, b in ((one, other), (other, one)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-50, 330), st.integers(-50, 230)), max_size=16), st.integers(1, 150))
def test_no_label_covers_another_or_leaves_the_picture(corners, side):
    clipped = [
        Wanted(
            label.key, Area(*(min(max(v, 0), most) for v, most in zip(label.face, (320, 220) * 2, strict=True))), SIZES
        )
        for label in wanted(*corners, side=side)
    ]
    places = place_labels(clipped, PICTURE)
    check(places)
    check(place_labels(clipped, PICTURE, places))


def test_a_label_alone_stands_in_full_above_its_face():
    (place,) = place_labels(wanted((100, 100)), PICTURE).values()
    assert place.area == (100, 84, 210, 100) and place.version == 0 and place.link is None


def test_at_the_edges_it_stays_inside_and_off_the_face():
    for x, y in ((0, 0), (284, 0), (0, 184), (284, 184)):
        (label,) = wanted((x, y))
        (place,) = place_labels([label], PICTURE).values()
        assert place.version == 0 and not place.area.shared(label.face)
        check({0: place})


def test_each_of_a_row_of_faces_has_a_label():
    places = place_labels(wanted(*((20 + 40 * k, 100) for k in range(7))), PICTURE)
    assert len(places) == 7
    check(places)


def test_where_there_is_no_room_the_less_important_go_without():
    picture = Area(0, 0, 50, 40)
    places = place_labels(wanted(*[(5, 2)] * 12, side=30), picture)
    assert 0 in places and 11 not in places and 1 < len(places) < 12
    check(places, picture)
    assert place_labels(wanted((0, 0)), Area(0, 0, 10, 10)) == {}


def test_a_label_stays_where_it_was_while_little_speaks_against_it():
    """The second face comes near, so that the place of the first one's label is no longer the best."""
    alone = place_labels(wanted((100, 100)), PICTURE)
    near = wanted((100, 100), (190, 80))
    kept, fresh = (place_labels(near, PICTURE, before)[0] for before in (alone, {}))
    assert kept.spot == alone[0].spot != fresh.spot
    over = wanted((100, 100), (120, 70))
    assert place_labels(over, PICTURE, alone)[0].spot != alone[0].spot
