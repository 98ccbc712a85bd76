import numpy as np
import pytest
from mtcnn.utils.bboxes import adjust_bboxes, resize_to_square, smart_nms_from_bboxes

from faces.boxes import adjust, square, suppress


def _rows(rng, count, frames=1, room=100.0, side=40.0, scores=None):
    """Random boxes, rows of (frame, x1, y1, x2, y2, score)."""
    corner, sides = rng.uniform(0, room, (count, 2)), rng.uniform(side / 4, side, (count, 2))
    score = rng.random(count) if scores is None else rng.choice(scores, count)
    return np.column_stack([rng.integers(0, frames, count), corner, corner + sides, score])


def _loop(rows, threshold, of_smaller):
    """The rule by plain loops, one pair of boxes at a time."""
    kept = []
    for frame in sorted(set(rows[:, 0])):
        of_frame = rows[rows[:, 0] == frame]
        of_frame = of_frame[np.argsort(of_frame[:, 5])[::-1]]
        for k, (_, x1, y1, x2, y2, *_) in enumerate(of_frame):
            overlapped = False
            for _, u1, v1, u2, v2, *_ in of_frame[:k]:  # a better one counts whether or not it stays itself
                shared = max(0.0, min(x2, u2) - max(x1, u1)) * max(0.0, min(y2, v2) - max(y1, v1))
                area, other = (x2 - x1) * (y2 - y1), (u2 - u1) * (v2 - v1)
                whole = min(area, other) if of_smaller else area + other - shared
                overlapped = overlapped or shared > threshold * whole
            if not overlapped:
                kept.append(of_frame[k])
    return np.array(kept).reshape(-1, rows.shape[1])


@pytest.mark.parametrize("of_smaller", [False, True])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize(("count", "frames"), [(0, 1), (1, 1), (2, 1), (40, 1), (60, 3), (150, 2)])
def test_suppression_is_that_of_plain_loops(count, frames, threshold, of_smaller):
    rows = _rows(np.random.default_rng(count), count, frames)
    kept = suppress(rows, threshold, of_smaller)
    assert np.array_equal(kept, _loop(rows, threshold, of_smaller))
    assert count < 150 or 0 < len(kept) < count


@pytest.mark.slow
@pytest.mark.parametrize("count", [511, 512, 513, 1300])
def test_blocks_do_not_show(count):
    rows = _rows(np.random.default_rng(count), count, room=150.0)
    kept = suppress(rows, 0.5)
    assert np.array_equal(kept, _loop(rows, 0.5, False)) and 100 < len(kept) < count - 150


def test_a_box_is_dropped_for_one_that_is_dropped_itself():
    """The greedy rule would keep the third."""
    rows = np.array([(0, x, 0, x + 10, 10, score) for x, score in ((0, 0.9), (2, 0.8), (4, 0.7), (50, 0.6))], float)
    assert suppress(rows, 0.5)[:, 5].tolist() == [0.9, 0.6]


def test_an_overlap_of_just_the_threshold_is_allowed():
    rows = np.array([(0, 0, 0, 8, 8, 0.9), (0, 4, 0, 12, 8, 0.8)], float)  # half of either, a third of both
    assert len(suppress(rows, 0.5, of_smaller=True)) == 2 and len(suppress(rows, 0.49, of_smaller=True)) == 1
    assert len(suppress(rows, 1 / 3)) == 2 and len(suppress(rows, 0.33)) == 1


def test_frames_do_not_disturb_each_other():
    rows = np.array([(0, 0, 0, 9, 9, 0.7), (1, 0, 0, 9, 9, 0.9), (0, 1, 0, 9, 9, 0.8)], float)
    assert suppress(rows, 0.5)[:, [0, 5]].tolist() == [[0, 0.8], [1, 0.9]]


@pytest.mark.parametrize("of_smaller", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_ties_fall_as_in_the_package(seed, of_smaller):
    """Many equal scores: which boxes stay depends on the order in which the sort leaves them."""
    rows = _rows(np.random.default_rng(seed), 300, scores=(0.7, 0.95, 1.0))
    kept = suppress(rows, 0.5, of_smaller)
    method = "min" if of_smaller else "union"
    assert np.array_equal(kept, smart_nms_from_bboxes(rows, 0.5, method=method)) and 0 < len(kept) < 300


def test_other_columns_of_a_row_stay_with_it():
    rows = np.column_stack([_rows(np.random.default_rng(0), 50), np.arange(50)])
    kept = suppress(rows, 0.4)
    assert len(kept) > 5 and all(np.array_equal(row, rows[int(row[6])]) for row in kept)


def test_squares_keep_the_centre_and_the_longer_side():
    rows = _rows(np.random.default_rng(1), 60, 3)
    for row, grown in zip(rows, square(rows), strict=True):
        _, x1, y1, x2, y2, _ = row
        side = max(x2 - x1, y2 - y1)
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        wanted = (row[0], x - side / 2, y - side / 2, x + side / 2, y + side / 2, row[5])
        assert grown == pytest.approx(wanted, abs=1e-9)
    assert np.array_equal(square(rows), resize_to_square(rows))  # to the last bit, which decides ties
    assert square(rows[:0]).shape == (0, 6)


def test_offsets_are_shares_of_sides_that_count_both_ends():
    rng = np.random.default_rng(2)
    rows, offsets = _rows(rng, 60), rng.normal(0, 0.3, (60, 4)).astype(np.float32)
    moved = adjust(rows[:, 1:5], offsets)
    for (_, x1, y1, x2, y2, _), (a, b, c, d), new in zip(rows, offsets.tolist(), moved, strict=True):
        width, height = x2 - x1 + 1, y2 - y1 + 1
        assert new == pytest.approx((x1 + a * width, y1 + b * height, x2 + c * width, y2 + d * height), abs=1e-9)
    assert np.array_equal(moved, adjust_bboxes(rows, offsets)[:, 1:5])
