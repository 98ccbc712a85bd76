import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from faces.animation import Animation
from faces.decoder import DecodeError, Limits, VideoFrames
from faces.source import open_source
from faces.still import Still

KINDS = ("WEBP", "PNG", "AVIF")


@pytest.fixture(scope="module")
def pictures():
    """Twelve pictures, 64x48, of coloured noise that can be told apart, and corners that differ."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (12, 3, 4, 3)).astype(np.uint8)
    return [cv2.resize(image, (64, 48), interpolation=cv2.INTER_NEAREST) for image in coarse]


@pytest.fixture
def animation(tmp_path, pictures):
    """animation(kind, **options) writes the pictures as an animation; returns its path."""

    def write(kind, images=pictures, duration=40, name=None, **options):
        lossless = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95, "speed": 10}, "PNG": {}}[kind]
        first, *others = map(Image.fromarray, images)
        path = tmp_path / (name or f"a.{kind.lower()}")
        first.save(path, kind, save_all=True, append_images=others, duration=duration, **lossless, **options)
        return str(path)

    return write


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("asked", ["auto", "video", "image"])
def test_an_animation_is_a_film_whatever_a_listing_says(kind, asked, animation, pictures):
    opened = open_source(animation(kind), asked, 4)
    assert isinstance(opened, Animation) and opened.wanted.tolist() == [1, 4, 7, 10]
    info = {"kind": "video", "width": 64, "height": 48, "frames": 12, "seconds": pytest.approx(0.48)}
    assert opened.info == info and opened.marks == {} and opened.damage is None
    for _ in range(2):  # it can be read twice
        found = list(opened.pictures())
        assert [(index, round(seconds, 3)) for index, seconds, _ in found] == [(k, 0.04 * k) for k in (1, 4, 7, 10)]
        for index, _, image in found:
            assert image.shape == (48, 64, 3) and np.abs(image.astype(int) - pictures[index]).mean() < 4


@pytest.mark.parametrize("kind", KINDS)
def test_times_are_those_of_the_file(kind, animation):
    durations = [500, 20, 20, 0, 20, 20, 20, 20, 20, 20, 20, 1000]
    opened = open_source(animation(kind, duration=durations), "auto", 12)
    assert isinstance(opened, Animation)
    shown = [0.1 if duration == 0 else duration / 1000 for duration in durations]  # as browsers have it
    if kind == "AVIF":  # its writer has no picture that lasts for no time
        shown[3] = opened.info["seconds"] - sum(shown[:3]) - sum(shown[4:])
    assert opened.info["seconds"] == pytest.approx(sum(shown))
    assert [picture.seconds for picture in opened.pictures()] == pytest.approx(np.cumsum([0, *shown])[:-1])


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])  # Pillow's writer of AVIF crashes when it is to turn an animation
def test_an_animation_is_turned_upright(kind, animation, pictures):
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = open_source(animation(kind, exif=exif), "auto", 1)
    (picture,) = opened.pictures()
    assert picture.image.shape == (64, 48, 3) and (opened.info["width"], opened.info["height"]) == (48, 64)
    assert np.abs(picture.image.astype(int) - np.rot90(pictures[picture.number], -1)).mean() < 4


def test_the_picture_for_old_readers_is_not_in_the_animation(animation, pictures):
    opened = open_source(animation("PNG", default_image=True), "auto", 20)
    assert opened.info["frames"] == 11
    found = [image for _, _, image in opened.pictures()]
    assert all(np.array_equal(image, expected) for image, expected in zip(found, pictures[1:], strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_limits_of_films_hold(kind, animation):
    path = animation(kind)
    for limits, reason in (
        ({"pixels": 3000}, "too_large"),
        ({"seconds": 0.4}, "too_long"),
        ({"frames": 11}, "too_long"),
    ):
        with pytest.raises(DecodeError) as refused:
            open_source(path, "auto", 4, Limits(**limits))
        assert refused.value.reason == reason
    assert open_source(path, "auto", 4, Limits(64 * 48, 0.5, 12)).info["frames"] == 12


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_good_part_of_a_cut_animation_is_used(kind, animation, tmp_path, pictures):
    noise = np.random.default_rng(0).integers(0, 255, (12, 48, 64, 3)).astype(np.uint8)
    data = Path(animation(kind, list(noise))).read_bytes()
    (tmp_path / "cut").write_bytes(data[: len(data) * 2 // 3])
    try:
        opened = open_source(str(tmp_path / "cut"), "image", 4)
    except DecodeError as refused:  # libwebp takes no part of a file
        assert kind == "WEBP" and refused.reason in ("not_an_image", "no_frames") and str(refused)
        return
    found = list(opened.pictures())
    assert opened.damage and len(found) == 4 and 5 <= opened.info["frames"] <= 8
    assert all(np.array_equal(image, noise[index]) for index, _, image in found)


@pytest.mark.parametrize("kind", ["GIF", *KINDS])
def test_a_single_picture_is_no_film(kind, pictures, tmp_path):
    Image.fromarray(pictures[0]).save(tmp_path / "a", kind)
    assert isinstance(open_source(str(tmp_path / "a"), "auto", 4), Still)


def test_what_is_read_as_one_picture_says_so(animation, pictures, tmp_path):
    crop = open_source(animation("PNG"), "crop", 4)
    assert isinstance(crop, Still) and "an animation: the first picture" in crop.marks["first_picture"]
    images = [Image.fromarray(picture) for picture in pictures[:3]]
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    pages = open_source(str(tmp_path / "a.tif"), "auto", 4)
    assert isinstance(pages, Still) and "several pages: the first picture" in pages.marks["first_picture"]
    ((_, _, image),) = pages.pictures()
    assert np.array_equal(image, pictures[0])


def test_an_animated_gif_is_a_film_whatever_its_name(pictures, tmp_path):
    images = [Image.fromarray(picture) for picture in pictures]
    images[0].save(tmp_path / "a.png", "GIF", save_all=True, append_images=images[1:], duration=40)
    for kind in ("auto", "video", "image"):
        assert isinstance(open_source(str(tmp_path / "a.png"), kind, 4), VideoFrames)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
@pytest.mark.parametrize("kind", ["auto", "video", "image", "crop"])
def test_a_heic_picture_is_refused_by_name(brand, kind, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1heicmiaf" + bytes(100))
    with pytest.raises(DecodeError, match="HEIC.*save it as JPEG") as refused:
        open_source(str(tmp_path / "a.jpg"), kind, 4)
    assert refused.value.reason == "heic_picture"


def test_an_avif_with_a_general_brand_is_no_heic(pictures, tmp_path):
    stream = io.BytesIO()
    Image.fromarray(pictures[0]).save(stream, "AVIF")
    data = stream.getvalue()
    assert data[8:12] == b"avif" and b"mif1" in data[16:40]
    size = int.from_bytes(data[:4], "big")
    brands = data[8:size].replace(b"avif", b"????").replace(b"mif1", b"avif").replace(b"????", b"mif1")
    (tmp_path / "a").write_bytes(data[:8] + brands + data[size:])
    assert isinstance(open_source(str(tmp_path / "a"), "auto", 4), Still)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
@pytest.mark.parametrize("late", [0, 5, 11])
def test_a_picture_that_is_shown_for_hours_does_not_hide_the_others(kind, late, animation):
    durations = [40] * 12
    durations[late] = 65_000 if kind == "PNG" else 10_000_000  # a PNG counts to 65,535
    opened = open_source(animation(kind, duration=durations), "auto", 4, Limits(seconds=60.0))
    assert opened.wanted.tolist() == [1, 4, 7, 10] and opened.info["seconds"] == pytest.approx(0.48)
    assert list(opened.marks) == ["discontinuous"] and "1 of its pictures" in opened.marks["discontinuous"]
