"""How long a frame may be shown, and films that are laid out in time."""

import numpy as np
import pytest

from faces.frame_times import longest_step, timeline


@pytest.mark.parametrize(
    ("steps", "jumps"),
    [
        ([0.04] * 74 + [36_000], 1),  # one stamp of a short clip is wrong
        ([0.04] * 70 + [36_000] * 3, 3),
        ([0.04] * 2500 + [90], 0),  # a pause in a recording of 100 s
        ([0.04] * 50 + [59], 0),
        ([400.0] * 9, 0),  # a picture every few minutes
        ([30.0, 0.04, 0.04, 55.0] * 40, 0),  # a camera that records what moves
        ([1.0] * 3600 + [3000], 0),
        ([0.04, 36_000], 1),
        ([36_000], 0),
        ([], 0),
    ],
)
@pytest.mark.parametrize("second", [1.0, 90_000.0])
def test_which_steps_are_mistakes(steps, jumps, second):
    longest = longest_step([step * second for step in steps], second)
    assert sum(step * second > longest for step in steps) == jumps


def test_a_step_beyond_the_longest_counts_as_a_usual_one():
    ticks, jumps = timeline([0, 40, 80, 9_000_000, 9_000_040], 40, 60_000)
    assert np.array_equal(ticks, [0, 40, 80, 120, 160]) and jumps == [3]
