"""Small pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from serving.verdict.thumbnails import thumbnail


@pytest.mark.parametrize(
    "shape, longest, size", [((100, 400), 200, (200, 50)), ((90, 30), 100, (30, 90)), ((3, 900), 300, (300, 1))]
)
def test_it_shrinks_what_is_large_and_leaves_the_rest(shape, longest, size):
    image = np.zeros((*shape, 3), np.uint8)
    image[..., 0] = 200
    opened = Image.open(io.BytesIO(thumbnail(image, longest)))
    assert opened.format == "WEBP" and opened.size == size
    assert np.asarray(opened)[..., 0].mean() == pytest.approx(200, abs=8)


def test_a_view_that_is_turned_is_taken_too():
    image = np.rot90(np.arange(20 * 40 * 3, dtype=np.uint8).reshape(20, 40, 3))
    assert Image.open(io.BytesIO(thumbnail(image))).size == (20, 40)
