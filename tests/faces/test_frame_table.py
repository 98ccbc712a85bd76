"""Films whose time stamps name no frame, against FFmpeg's own program; and headers that promise more than is shown."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faces import frame_table
from faces.decoder import DecodeError, Limits, VideoFrames

FIELD = Path(__file__).parents[2].parent / "shared" / "field"
X264 = ("-c:v", "libx264", "-bf", "3", "-g", "12", "-threads", "1")
MPEG2 = ("-c:v", "mpeg2video", "-bf", "2", "-q:v", "3", "-g", "12")


@pytest.fixture
def film(ffmpeg, clips, tmp_path):
    """film(name, first, count, *options) writes a film whose frames show their numbers."""

    def film(name, first, count, *options):
        path = tmp_path / name
        pixels = b"".join(clips.picture(k).tobytes() for k in range(first, first + count))
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x48", "-r", "25", "-i", "-"]
        line = ["ffmpeg", "-v", "error", "-y", *raw, "-pix_fmt", "yuv420p", *options, str(path)]
        subprocess.run(line, input=pixels, check=True, timeout=60)
        return path

    return film


def _copied(source, path, *before):
    line = ["ffmpeg", "-v", "error", "-y", *before, "-i", str(source), "-c", "copy", str(path)]
    subprocess.run(line, check=True, timeout=60)
    return path


def _check(path, expected, ffmpeg, clips, step=0.04):
    """The film has the frames with these numbers, in order, as FFmpeg's program says; returns the film."""
    assert [clips.number_in(image) for image in ffmpeg(path, 64, 48)] == expected
    for count in (5, 1000):
        video = VideoFrames(str(path), count)
        frames = list(video)
        assert video.info["frames"] == len(expected) and video.info["kind"] == "video"
        assert [frame.index for frame in frames] == video.wanted.tolist()
        assert [clips.number_in(frame.image) for frame in frames] == [expected[frame.index] for frame in frames]
        assert [frame.timestamp for frame in frames] == pytest.approx([step * f.index for f in frames], abs=2e-3)
    return video


@pytest.mark.parametrize(("name", "codec"), [("a.mpg", MPEG2), ("a.ts", MPEG2), ("a.ts", X264)])
def test_all_parts_of_a_joined_film_are_chosen_from(film, ffmpeg, clips, tmp_path, name, codec):
    parts = [film(f"{k}-{name}", 100 * k, 30, *codec).read_bytes() for k in range(2)]
    joined = tmp_path / name
    joined.write_bytes(b"".join(parts))
    video = _check(joined, [*range(30), *range(100, 130)], ffmpeg, clips)
    assert list(video.marks) == ["discontinuous"] and "before frame 30" in video.marks["discontinuous"]
    assert video.damage is None and video.wanted.max() > 30


@pytest.mark.parametrize(("name", "codec"), [("a.h264", X264), ("a.m2v", MPEG2)])
def test_films_without_a_container_go_by_their_frame_rate(film, ffmpeg, clips, name, codec):
    video = _check(film(name, 0, 30, *codec), list(range(30)), ffmpeg, clips)
    assert video.damage is None and set(video.marks) <= {"no_time_stamps"}
    assert name != "a.h264" or "25 frames a second" in video.marks["no_time_stamps"]


@pytest.mark.parametrize("codec", [X264, ("-c:v", "mpeg4", "-bf", "2", "-q:v", "3")])
def test_frames_of_an_avi_that_are_stored_out_of_order(film, ffmpeg, clips, codec):
    video = _check(film("a.avi", 0, 40, *codec), list(range(40)), ffmpeg, clips)
    assert video.damage is None and video.marks == {}


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_film_cut_inside_a_group_of_pictures(film, ffmpeg, clips, tmp_path, name):
    whole = film(name, 0, 60, *X264)
    cut = _copied(whole, tmp_path / f"cut-{name}", "-ss", "0.9")
    shown = [clips.number_in(image) for image in ffmpeg(cut, 64, 48)]
    assert len(shown) < 60 and shown[-1] == 59
    video = _check(cut, shown, ffmpeg, clips)
    assert video.damage is None  # its header names more samples than are shown


def test_a_broadcast_that_was_switched_on_in_the_middle(film, ffmpeg, clips, tmp_path):
    content = film("a.ts", 0, 60, *MPEG2).read_bytes()
    path = tmp_path / "late.ts"
    path.write_bytes(content[len(content) // 3 :])
    shown = [clips.number_in(image) for image in ffmpeg(path, 64, 48)]
    assert 10 < len(shown) < 50 and shown == list(range(shown[0], 60))
    _check(path, shown, ffmpeg, clips)


def test_an_avi_whose_header_counts_repeated_frames_is_not_damaged(film, ffmpeg, clips):
    """A frame that only repeats the one before is an empty chunk, and counted in the header."""
    gaps = ("-vf", "select='not(between(mod(n,10),3,6))'", "-fps_mode", "vfr", "-c:v", "mpeg4", "-q:v", "3")
    path = film("a.avi", 0, 40, *gaps)
    video = VideoFrames(str(path), 1000)
    frames = list(video)
    numbers = [k for k in range(40) if not 3 <= k % 10 <= 6]
    assert [clips.number_in(frame.image) for frame in frames] == numbers and video.damage is None
    assert [frame.timestamp for frame in frames] == pytest.approx([k / 25 for k in numbers], abs=2e-3)


@pytest.fixture
def late_film(clips, tmp_path):
    """late_film(name, codec, change) writes 40 frames; `change` changes their stamps, in ms."""

    def late_film(name, codec, change):
        path, stamps = tmp_path / name, change([40 * k for k in range(40)])
        with av.open(str(path), "w") as file:
            stream = file.add_stream(codec, rate=25, options={"bf": "2", "g": "12", "threads": "1"})
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 25)
            images = [av.VideoFrame.from_ndarray(clips.picture(k), format="rgb24") for k in range(40)]
            for k, image in enumerate(images):
                image.pts = k
            last = -(10**9)
            for packet in [p for image in [*images, None] for p in stream.encode(image)]:
                packet.pts, packet.dts = stamps[packet.pts], 40 * packet.dts
                packet.time_base = Fraction(1, 1000)
                packet.dts = last = min(packet.pts, max(last + 1, packet.dts))
                file.mux(packet)
        return path

    return late_film


HOURS = 36_000_000  # ms
LATE = {
    "the last": lambda stamps: [*stamps[:-1], HOURS],
    "the last two": lambda stamps: [*stamps[:-2], HOURS, 2 * HOURS],
    "all but the first": lambda stamps: [0, *(HOURS + stamp for stamp in stamps[1:])],
    "the second half": lambda stamps: [stamp + HOURS * (k >= 20) for k, stamp in enumerate(stamps)],
    "one in the middle": lambda stamps: [*stamps[:20], HOURS, *stamps[21:]],
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx")])
def test_a_stamp_that_is_hours_late_does_not_hide_the_film(late_film, clips, name, codec, late):
    path = late_film(name, codec, LATE[late])
    video = VideoFrames(str(path), 10, Limits(seconds=60.0))
    frames = list(video)
    assert video.info["frames"] == 40 and video.damage is None and len(frames) == 10
    assert [clips.number_in(frame.image) for frame in frames] == video.wanted.tolist() == list(range(2, 40, 4))
    assert [frame.timestamp for frame in frames] == pytest.approx([frame.index / 25 for frame in frames], abs=0.1)
    assert list(video.marks) == ["discontinuous"] and video.info["seconds"] == pytest.approx(1.6, abs=0.1)


def test_a_film_that_is_really_long_is_refused_before_it_is_decoded(late_film, monkeypatch):
    path = late_film("a.mkv", "libx264", lambda stamps: [1000 * stamp for stamp in stamps])
    monkeypatch.setattr(frame_table, "decoded_frames", lambda *_: pytest.fail("decoded"))
    with pytest.raises(DecodeError, match=r"its 1600\.0 s are more than 60 s"):
        VideoFrames(str(path), 10, Limits(seconds=60.0))


@pytest.mark.parametrize(
    ("name", "size", "frames", "notes"),
    [
        ("base.mp4", (320, 240), 60, []),
        ("joined.mpg", (320, 240), 100, ["discontinuous"]),
        ("paff_field.ts", (240, 224), 30, ["interlaced"]),
        ("trim.mp4", (320, 240), 60, []),
        ("raw.h264", (320, 240), 60, ["no_time_stamps"]),
        ("h264_b.avi", (320, 240), 60, []),
    ],
)
def test_files_as_users_have_them(ffmpeg, name, size, frames, notes):
    path = FIELD / name
    if not path.exists():
        pytest.skip("needs the field's files beside the repository")
    whole = ffmpeg(path, *size)
    video = VideoFrames(str(path), 8)
    found = list(video)
    assert video.damage is None and list(video.marks) == notes
    assert video.info["frames"] == len(whole) == frames
    assert [frame.index for frame in found] == video.wanted.tolist() and len(found) == 8
    for frame in found:
        away = [np.abs(frame.image.astype(int) - image).mean() for image in whole]
        assert int(np.argmin(away)) == frame.index and min(away) < 3
