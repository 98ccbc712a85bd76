import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

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


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_is_turned_as_pillow_turns_it(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    coarse = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype(np.uint8)
    stored = Image.fromarray(cv2.resize(coarse, (80, 60), interpolation=cv2.INTER_NEAREST))
    stored.save(tmp_path / "picture", kind, exif=exif, quality=95)
    with Image.open(tmp_path / "picture") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    found = _picture(tmp_path / "picture")
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).mean() < 1
    assert found.flags.c_contiguous


def test_a_damaged_gif_or_avif_is_no_image(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8))
    for kind in ("GIF", "AVIF"):
        image.save(tmp_path / "whole", kind)
        data = (tmp_path / "whole").read_bytes()
        (tmp_path / "cut").write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(DecodeError, match="cannot be read as a picture") as caught:
            Still(str(tmp_path / "cut"))
        assert caught.value.reason == "not_an_image"


def test_the_real_avif_is_upright():
    path = Path(__file__).parents[2].parent / "shared" / "field" / "o6.avif"
    if not path.exists():
        pytest.skip("needs the real files of ../shared/field")
    with Image.open(path) as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    assert np.array_equal(_picture(path), expected)


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize(("orientation", "size"), [(1, (64, 48)), (6, (48, 64))])
def test_a_picture_whose_pixels_are_not_square_is_stretched(kind, orientation, size, ffmpeg, tmp_path):
    """FFmpeg writes the shape of pixels, and so do its films' single pictures."""
    coarse = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype(np.uint8)
    square = cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(tmp_path / "square.png"), square[..., ::-1])
    line = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "square.png"), "-vf", "scale=32:48,setsar=2", "-q:v", "1"]
    subprocess.run([*line, str(tmp_path / f"a.{kind}")], check=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = (tmp_path / f"a.{kind}").read_bytes()
    if kind == "jpg":
        app1 = exif.tobytes()
        app1 = b"\xff\xe1" + (len(app1) + 2).to_bytes(2, "big") + app1
        data = data[:20] + app1 + data[20:]  # behind the segment of JFIF
    else:
        body = exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = len(body).to_bytes(4, "big") + b"eXIf" + body + zlib.crc32(b"eXIf" + body).to_bytes(4, "big")
        data = data[:33] + chunk + data[33:]  # behind the header
    (tmp_path / "picture").write_bytes(data)
    still = Still(str(tmp_path / "picture"))
    ((_, _, image),) = still.pictures()
    expected = np.rot90(square, -1) if orientation == 6 else square
    assert image.shape[1::-1] == size == (still.info["width"], still.info["height"])
    assert np.abs(image.astype(int) - expected).mean() < 6 and list(still.marks) == ["not_square"]
    ((_, _, crop),) = Still(str(tmp_path / "picture"), as_shown=False).pictures()
    assert sorted(crop.shape) == [3, 32, 48]


def test_a_resolution_for_printers_stretches_nothing(tmp_path):
    image = Image.fromarray(np.zeros((48, 64, 3), np.uint8))
    for kind in ("JPEG", "PNG", "TIFF"):
        image.save(tmp_path / "a", kind, dpi=(300, 150))
        assert _picture(tmp_path / "a").shape == (48, 64, 3)
