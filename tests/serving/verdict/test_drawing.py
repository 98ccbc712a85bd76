"""Where boxes are between the frames that were looked at, and what is drawn of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.verdict import drawing
from serving.verdict.drawing import COLOURS, MOST_GAP, Painter, box_at, text_image
from serving.verdict.label_places import Area

STEP = 0.5


def track(times, boxes=None, verdict="fake", label="fake 93 %", doubtful=False):
    boxes = [(10.0 * k, 20.0, 30.0, 40.0) for k in range(len(times))] if boxes is None else boxes
    return {
        "verdict": verdict,
        "doubtful": doubtful,
        "label": label,
        "short_labels": ["93 %"],
        "times": list(times),
        "boxes": boxes,
    }


@pytest.mark.parametrize(
    "seconds, x",
    [
        (0.25, 0.0), (0.5, 5.0), (0.75, 10.0), (0.85, 12.0), (1.25, 20.0),
        (0.0, 0.0), (1.67, 20.0),  # most of a step before the first and after the last
        (1.68, None), (9.0, None),
    ],
)  # fmt: skip
def test_it_moves_in_a_straight_line(seconds, x):
    box = box_at(track([0.25, 0.75, 1.25]), seconds, STEP)
    assert box is None if x is None else box == pytest.approx([x, 20, 30, 40])


def test_all_four_numbers_move():
    box = box_at(track([0.0, 1.0], [(0, 0, 10, 20), (100, 50, 30, 60)]), 0.25, STEP)
    assert box == pytest.approx([25, 12.5, 15, 30])


@pytest.mark.parametrize("missing", range(6))
def test_over_a_long_absence_it_does_not_move_on(missing):
    """`missing` frames between two did not show this one."""
    end = 1.0 + (missing + 1) * STEP
    of = track([1.0, end])
    middle = box_at(of, (1.0 + end) / 2, STEP)
    if missing <= MOST_GAP:
        assert middle[0] == pytest.approx(5.0)
    else:
        assert middle is None
        assert box_at(of, 1.0 + STEP / 2, STEP)[0] == 0.0 and box_at(of, end - STEP / 2, STEP)[0] == 10.0


def test_someone_who_is_seen_once_stays_for_a_while():
    of = track([2.0])
    assert [box_at(of, t, STEP) is not None for t in (1.57, 1.58, 2.0, 2.42, 2.43)] == [False, True, True, True, False]


def test_a_picture_has_one_moment():
    assert box_at(track([0.0]), 0.0, 0.0) is not None


@settings(deadline=None)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=20, unique=True), st.floats(-1, 21))
def test_it_is_always_between_two_that_were_seen(times, seconds):
    of = track(sorted(times))
    box = box_at(of, seconds, STEP)
    if box is not None:
        assert 0 <= box[0] <= 10 * (len(times) - 1)
        assert min(abs(seconds - time) for time in times) <= (MOST_GAP + 1.5) * STEP


def painted(tracks, shape=(240, 320), captions=("the whole of it", "short"), verdict="fake"):
    image = np.full((*shape, 3), 120, np.uint8)
    Painter(tracks, STEP, list(captions), verdict).paint(image, 0.0)
    return image


def has(image, colour):
    return (image == np.array(colour, np.uint8)).all(axis=-1)


@pytest.mark.parametrize("verdict", COLOURS)
def test_a_box_has_the_colour_of_its_verdict_and_leaves_the_face_alone(verdict):
    image = painted([track([0.0], [(100.0, 80.0, 60.0, 70.0)], verdict)])
    colour = COLOURS[verdict][0]
    for y, x in ((80, 130), (150, 130), (115, 100), (115, 160)):
        assert has(image, colour)[y, x]
    assert (image[85:145, 105:155] == 120).all()
    assert has(image, colour)[60:78, 100:160].mean() > 0.2  # the label's ground, above
    assert (image[90:180, 180:] == 120).all()


def test_colours_differ_also_for_those_who_do_not_see_red():
    """By lightness, or by blue against yellow: in every pair one of them differs clearly."""
    grounds = [np.array(ground, float) for ground, _ in COLOURS.values()]
    for number, one in enumerate(grounds):
        for other in grounds[:number]:
            lightness = abs(one @ (0.2126, 0.7152, 0.0722) - other @ (0.2126, 0.7152, 0.0722))
            blue = abs((one[2] - one[:2].mean()) - (other[2] - other[:2].mean()))
            assert lightness > 60 or blue > 60


def test_ink_can_be_read_on_its_ground():
    def luminance(colour):
        channels = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(channels, (0.2126, 0.7152, 0.0722)))

    for ground, ink in COLOURS.values():
        light, dark = sorted((luminance(ground), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3.8


@pytest.mark.parametrize(
    "box", [(-20.0, -30.0, 60.0, 70.0), (290.0, 200.0, 80.0, 90.0), (0.0, 0.0, 320.0, 240.0), (1e9, -1e9, 1e9, 1e9)]
)
def test_what_reaches_beyond_the_frame_is_cut_there(box):
    assert painted([track([0.0], [box])]).shape == (240, 320, 3)


@pytest.mark.parametrize("shape", [(2, 2), (16, 9), (20, 400), (400, 20), (1080, 1920)])
def test_frames_of_all_sizes(shape):
    long = "likely fake: fake 97.8 % (81.5 % to 99.8 %), 32 of 32 frames assessed"
    image = painted([track([0.0], [(0.0, 0.0, 10.0, 10.0)])], shape, (long, "likely fake"))
    assert image.shape == (*shape, 3) and (image != 120).any()


def test_the_line_at_the_bottom_is_the_longest_that_fits():
    captions = ("word " * 20, "word " * 4, "w")
    wide, narrow, tiny = (painted([], (200, width), captions) for width in (900, 200, 30))
    ink = [(image[150:] > 180).all(axis=2).any(axis=0) for image in (wide, narrow, tiny)]
    assert np.flatnonzero(ink[0]).max() > 400 and 60 < np.flatnonzero(ink[1]).max() < 200
    assert np.flatnonzero(ink[2]).size and (wide[:150] == 120).all()


def test_text_is_shrunk_where_it_does_not_fit():
    assert text_image("a long label", 20, (0, 0, 0), (255, 255, 255), 40).shape[1] == 40
    assert text_image("a", 20, (0, 0, 0), (255, 255, 255), 400).shape[1] < 40


def test_a_doubtful_face_is_drawn_with_dashes():
    box = [(100.0, 80.0, 160.0, 100.0)]
    colour = COLOURS["cannot_judge"][0]
    sides = []
    for doubtful in (True, False):
        image = painted([track([0.0], box, "cannot_judge", "doubtful", doubtful)])
        sides.append(has(image, colour)[100:170, 100])
    assert 0.3 < sides[0].mean() < 0.8 and sides[1].all()
    assert np.count_nonzero(np.diff(sides[0].astype(int))) >= 4


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.floats(-40, 330), st.floats(-40, 250), st.floats(8, 120)), min_size=1, max_size=14),
    st.sampled_from([(240, 320), (180, 180), (90, 400)]),
)
def test_no_label_in_a_crowd_covers_another_or_the_caption(faces, shape):
    pasted = []
    tracks = [track([0.0], [(x, y, side, side)], label=f"face {k}: fake 93 %") for k, (x, y, side) in enumerate(faces)]
    with pytest.MonkeyPatch.context() as patch:
        real = drawing._paste

        def paste(image, text, x, y):
            pasted.append((text.shape, x, y))
            real(image, text, x, y)

        patch.setattr(drawing, "_paste", paste)
        painted(tracks, shape)
    areas = [Area(x, y, x + width, y + height) for (height, width, _), x, y in pasted]
    assert len(areas) >= 2  # the caption, and the label of the most prominent face
    for number, area in enumerate(areas):
        assert area.x1 >= 0 and area.y1 >= 0 and area.x2 <= shape[1] and area.y2 <= shape[0]
        assert not any(area.shared(other) for other in areas[:number])
