"""The examples in docstrings run and print what they say."""

import doctest

import pytest

from model import calibration, detector, expander, losses, published_weights, recipes, scoring, spread

MODULES = [calibration, detector, expander, losses, published_weights, recipes, scoring, spread]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
