"""When a probability is called fake, and what JSON has of it."""

import json

import pytest

from serving.verdict.outcomes import FAKE, REAL, UNSURE, decide
from serving.verdict.verdict_options import VerdictOptions


@pytest.mark.parametrize(
    "probability, interval, said",
    [
        (0.7, (0.6, 0.8), FAKE),
        (0.7, (0.4, 0.9), UNSURE),
        (0.3, (0.1, 0.6), UNSURE),
        (0.3, (0.1, 0.4), REAL),
        (0.5, (0.5, 0.6), FAKE),  # the threshold itself is fake
        (0.45, (0.4, 0.5), UNSURE),
        (0.5, None, FAKE),
        (0.499, None, REAL),
    ],
)
def test_fake_real_or_neither(probability, interval, said):
    assert decide(probability, interval, 0.5) == said


def test_json_has_all_of_it_and_no_nan(made):
    found, scores = made.found_of([(track, k, track + 0.1 * k) for track in (0, 1) for k in range(6)])
    verdict = made.verdict_of(found, scores, VerdictOptions(), None, {"name": "m"})
    content = made.parse(json.dumps(verdict.as_dict(), allow_nan=False))
    assert content["faces"][1]["frames"][2]["index"] == 2 and content["faces"][1]["frames"][2]["box"] == [5, 6, 72, 80]
    assert content["faces"][1]["fake_probability"] == content["fake_probability"] == verdict.fake_probability
    assert content["model"] == {"name": "m"} and content["info"]["seconds"] == 10.0
