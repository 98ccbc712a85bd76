"""When a probability is called fake, real, or neither."""

import pytest

from serving.verdict.outcomes import FAKE, REAL, UNSURE, decide


@pytest.mark.parametrize(
    "probability, interval, said",
    [
        (0.7, (0.6, 0.8), FAKE),
        (0.7, (0.4, 0.9), UNSURE),
        (0.3, (0.1, 0.6), UNSURE),
        (0.3, (0.1, 0.4), REAL),
        (0.7, (0.5, 0.8), FAKE),  # the threshold itself is fake
        (0.54, (0.53, 0.55), UNSURE),  # too near, however narrow the interval
        (0.46, None, UNSURE),
        (0.45, (0.4, 0.5), UNSURE),
        (0.55, None, FAKE),
        (0.44, None, REAL),
    ],
)
def test_fake_real_or_neither(probability, interval, said):
    assert decide(probability, interval, 0.5) == said
