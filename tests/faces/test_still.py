import cv2
import numpy as np
import pytest

from faces.decoder import DecodeError, Limits
from faces.still import Still


def _picture(path):
    """The one frame of a still picture."""
    still = Still(str(path))
    ((index, seconds, image),) = still.pictures()
    assert (index, seconds, still.wanted.tolist(), still.damage, still.marks) == (0, 0.0, [0], None, {})
    return image


def test_pictures(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    assert np.array_equal(_picture(tmp_path / "a.png"), image)
    cv2.imwrite(str(tmp_path / "grey.png"), image[..., 0])
    assert np.array_equal(_picture(tmp_path / "grey.png"), np.repeat(image[..., :1], 3, axis=2))
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for name, reason in (("text.png", "not_an_image"), ("empty.png", "empty_file")):
        with pytest.raises(DecodeError) as caught:
            Still(str(tmp_path / name))
        assert caught.value.reason == reason


def test_a_picture_of_too_many_pixels_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((48, 64, 3), np.uint8))
    assert next(Still(str(tmp_path / "a.png"), Limits(pixels=48 * 64)).pictures()).image.shape == (48, 64, 3)
    with pytest.raises(DecodeError, match="64x48 are more than 3,071 pixels") as caught:
        Still(str(tmp_path / "a.png"), Limits(pixels=48 * 64 - 1))
    assert caught.value.reason == "too_large"
