import itertools
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from faces.decoder import DecodeError, Limits, VideoFrames
from faces.display import shown_size

SCALE = "scale={}:{}:flags=bicubic"
ONE, LAST = 1 << 16, 1 << 30
# Across, then down: where a step along a row and a step along a column lead to.
ORIENTATIONS = [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1), (0, 1, 1, 0), (0, 1, -1, 0),
                (0, -1, 1, 0), (0, -1, -1, 0)]  # fmt: skip


def _matrix(a, b, c, d):
    return [round(a * ONE), round(b * ONE), 0, round(c * ONE), round(d * ONE), 0, 0, 0, LAST]


def _turned_by(degrees):
    across, down = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return across, down, -down, across


@pytest.fixture(scope="module")
def images():
    """Five frames, 96x64, of which no two corners are alike."""
    coarse = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return [cv2.resize(coarse, (96, 64), interpolation=cv2.INTER_CUBIC)] * 5


def _shown(path):
    """A chosen frame, and what the file says that it is."""
    video = VideoFrames(str(path), 1)
    before = dict(video.info)
    (frame,) = video
    assert (video.info["width"], video.info["height"]) == frame.image.shape[1::-1]
    return frame.image, before


def _distance(image, expected):
    assert image.shape == expected.shape
    return np.abs(image.astype(int) - expected).mean()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_shown_as_ffmpeg_shows_it(clips, tmp_path, images, ffmpeg, orientation):
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 200, 40), images, matrix=_matrix(*orientation))
    image, _ = _shown(path)
    width, height = (64, 96) if orientation[0] == 0 else (96, 64)
    assert _distance(image, ffmpeg(path, width, height)[2]) < 2
    others = [image[::-1], image[:, ::-1], image[::-1, ::-1]]
    assert all(_distance(other, ffmpeg(path, width, height)[2]) > 20 for other in others)


@pytest.mark.parametrize("degrees", [1, 2, -2, 30, 89, 91, 135, 200, 358, 359])
def test_other_angles_are_shown_as_ffmpeg_shows_them(clips, tmp_path, images, ffmpeg, degrees):
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 200, 40), images, matrix=_matrix(*_turned_by(degrees)))
    image, before = _shown(path)
    assert (before["width"], before["height"]) == (96, 64)
    assert _distance(image, ffmpeg(path, 96, 64)[2]) < 2


def test_a_matrix_that_flattens_the_picture_is_ignored(clips, tmp_path, images):
    straight = _shown(clips.write_clip(tmp_path / "a.mp4", range(0, 200, 40), images))[0]
    flat = clips.write_clip(tmp_path / "b.mp4", range(0, 200, 40), images, matrix=_matrix(1, 0, 1, 0))
    assert np.array_equal(_shown(flat)[0], straight)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize(("pixel", "shown"), [("2", (192, 64)), ("1/2", (96, 128)), ("64/45", (137, 64))])
def test_pixels_are_made_square(clips, tmp_path, images, ffmpeg, name, pixel, shown):
    path = clips.write_clip(tmp_path / name, range(5), images, scale=25, pixel=Fraction(pixel), b_frames=0)
    image, before = _shown(path)
    assert image.shape[1::-1] == shown == (before["width"], before["height"])
    assert _distance(image, ffmpeg(path, *shown, SCALE.format(*shown))[2]) < 2


def test_a_dvd_has_the_shape_that_its_film_names(clips, tmp_path, images, ffmpeg):
    """MPEG-2 knows four shapes of the whole picture, here 4:3."""
    pixel = Fraction(4, 3) / Fraction(96, 64)
    path = clips.write_clip(tmp_path / "a.mpg", range(5), images, scale=25, codec="mpeg2video", pixel=pixel, b_frames=0)
    image, _ = _shown(path)
    assert _distance(image, ffmpeg(path, 96, 72, SCALE.format(96, 72))[2]) < 2


def test_each_part_of_a_joined_film_has_its_own_shape(clips, tmp_path, images):
    parts = [
        clips.write_clip(tmp_path / f"{k}.ts", range(start, start + 10), images * 2, scale=25, pixel=Fraction(pixel))
        for k, (start, pixel) in enumerate([(0, "2"), (10, "1"), (20, "2")])
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    shapes = [frame.image.shape[1::-1] for frame in VideoFrames(str(path), 30)]
    parts = [(shape, len(list(frames))) for shape, frames in itertools.groupby(shapes)]
    assert [shape for shape, _ in parts] == [(192, 64), (96, 64), (192, 64)]
    assert all(count >= 5 for _, count in parts)  # where they meet, packets may be incomplete


def test_pixels_that_are_not_square_are_turned_with_the_picture(clips, tmp_path, images, ffmpeg):
    path = clips.write_clip(
        tmp_path / "a.mp4", range(0, 200, 40), images, matrix=_matrix(0, 1, -1, 0), pixel=Fraction(2)
    )
    image, _ = _shown(path)
    expected = ffmpeg(path, 64, 192, SCALE.format(64, 192))[2]
    assert _distance(image, expected) < 4  # it turns first and stretches then: rounded colours lie elsewhere
    assert min(_distance(image[::-1], expected), _distance(image[:, ::-1], expected)) > 20


def test_the_side_that_is_stretched():
    assert shown_size(160, 240, Fraction(2)) == (320, 240) and shown_size(320, 120, Fraction(1, 2)) == (320, 240)
    assert shown_size(720, 576, Fraction(16, 15)) == (768, 576) and shown_size(720, 480, Fraction(8, 9)) == (720, 540)
    for pixel in (None, Fraction(0), Fraction(1), Fraction(1281, 1280), Fraction(17), Fraction(1, 10**6)):
        assert shown_size(720, 480, pixel) == (720, 480)


def test_limits_are_those_of_what_is_shown(clips, tmp_path, images):
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 200, 40), images, pixel=Fraction(2))
    assert len(list(VideoFrames(str(path), 3, Limits(pixels=192 * 64)))) == 3
    with pytest.raises(DecodeError, match="192x64 are more than") as refused:
        VideoFrames(str(path), 3, Limits(pixels=192 * 64 - 1))
    assert refused.value.reason == "too_large"


@pytest.mark.parametrize("flags", [True, False])
def test_interlaced_films_are_marked(clips, tmp_path, images, flags):
    options = {"x264-params": "interlaced=1:log=-1"} if flags else {}
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 200, 40), images, options=options)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame == flags
    video = VideoFrames(str(path), 3)
    assert len(list(video)) == 3 and list(video.marks) == ["interlaced"] * flags
