"""A small sample of the fuzz over orders and orientations: nothing differs from FFmpeg's program without a note."""

import pytest

from benchmarks import film_fuzz
from tests.fixtures.ffmpeg import ffmpeg

__all__ = ["ffmpeg"]


@pytest.mark.slow
@pytest.mark.usefixtures("ffmpeg")
def test_no_film_differs_silently():
    found = list(film_fuzz.outcomes(14, 12))
    assert [outcome for outcome in found if outcome.fault and not outcome.noted] == []
    assert sum(outcome.frames > 0 for outcome in found) == 12 and sum(not outcome.fault for outcome in found) >= 10
