import gc

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces import decoder
from faces.decoder import DecodeError, Limits, VideoFrames, evenly_spaced

FAST = {"movflags": "faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
TIMES = st.lists(st.integers(0, 10**6), min_size=1, max_size=60, unique=True).map(sorted)
relaxed = settings(deadline=None, max_examples=100)


@relaxed
@given(TIMES, st.integers(1, 70))
def test_chooses_the_frame_nearest_to_each_middle(times, count):
    chosen = evenly_spaced(times, count)
    assert len(chosen) and (np.diff(chosen) > 0).all() and chosen[0] >= 0 and chosen[-1] < len(times)
    if len(times) <= count:
        assert chosen.tolist() == list(range(len(times)))
        return
    length = times[-1] - times[0] + np.median(np.diff(times))
    needed = set()
    for part in range(count):
        away = np.abs(np.array(times) - (times[0] + (part + 0.5) * length / count))
        nearest = set(np.flatnonzero(away <= away.min() + 1e-6).tolist())
        assert nearest & set(chosen.tolist()), f"no frame for part {part}"
        needed |= nearest
    assert set(chosen.tolist()) <= needed


@relaxed
@given(st.integers(1, 3000), st.integers(1, 64), st.integers(0, 1000), st.integers(1, 1001))
def test_constant_rate_gives_all_frames_evenly(n, count, start, step):
    chosen = evenly_spaced(start + step * np.arange(n), count)
    assert len(chosen) == min(n, count)
    if n > count > 1:
        gaps = np.diff(chosen)
        assert gaps.max() - gaps.min() <= 1
        # As far from the beginning as from the end: over the whole of it, not the first n.
        assert abs(chosen[0] - (n - 1 - chosen[-1])) <= 2 and chosen[0] <= n / count


def test_a_gap_is_not_filled_twice():
    assert evenly_spaced([0, 1, 2, 3, 100], 4).tolist() == [3, 4]


@pytest.fixture(scope="module")
def clip(clips, tmp_path_factory):
    """100 frames at 25 a second, with B-frames: packets do not come in the order of presentation."""
    return clips.write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", range(0, 4000, 40))


def _all_frames(path):
    """A straight decode of everything: [(seconds after the first, image)]."""
    with av.open(str(path)) as container:
        frames = sorted(container.decode(video=0), key=lambda frame: frame.pts)
        return [(float((f.pts - frames[0].pts) * f.time_base), f.to_ndarray(format="rgb24")) for f in frames]


@pytest.mark.parametrize("count", [1, 4, 10, 33, 100, 500])
def test_frames_are_those_of_a_straight_decode(clip, clips, count):
    whole = _all_frames(clip)
    assert len(whole) == 100
    video = VideoFrames(str(clip), count)
    frames = sorted(video, key=lambda frame: frame.index)
    assert [frame.index for frame in frames] == video.wanted.tolist() and len(frames) == min(count, 100)
    assert video.damage is None
    for frame in frames:
        seconds, image = whole[frame.index]
        assert clips.number_in(frame.image) == frame.index
        assert frame.timestamp == pytest.approx(frame.index / 25, abs=1e-6) == pytest.approx(seconds)
        assert np.array_equal(frame.image, image) and frame.image.dtype == np.uint8


def test_frames_lie_over_the_whole_video(clip):
    assert [frame.index for frame in VideoFrames(str(clip), 4)] == pytest.approx([12, 37, 62, 87], abs=1)


def test_iterates_twice_to_the_same_frames(clip):
    video = VideoFrames(str(clip), 3)
    once, again = ([(f.index, f.image.tobytes()) for f in video] for _ in range(2))
    assert once == again and len(once) == 3


def test_variable_rate_is_sampled_by_time(clips, tmp_path):
    times = [*range(0, 1000, 20), *range(1000, 9000, 1000)]  # 50 frames in the first second, 8 in the next eight
    path = clips.write_clip(tmp_path / "a.mp4", times)
    frames = list(VideoFrames(str(path), 9))
    # The last frame counts as shown for 0.02 s: nine middles over 8.02 s.
    middles = (np.arange(9) + 0.5) * 8.02 / 9
    expected = sorted({int(np.abs(np.array(times) / 1000 - m).argmin()) for m in middles})
    assert [frame.index for frame in frames] == expected and expected[0] < 50 < expected[-1]
    assert [clips.number_in(frame.image) for frame in frames] == expected
    assert [frame.timestamp for frame in frames] == pytest.approx([times[i] / 1000 for i in expected], abs=1e-3)


def test_a_video_that_does_not_begin_at_zero(clips, tmp_path):
    path = clips.write_clip(tmp_path / "a.mkv", range(700, 1700, 100), b_frames=0)
    frames = list(VideoFrames(str(path), 10))
    assert [frame.timestamp for frame in frames] == pytest.approx(np.arange(10) / 10, abs=2e-3)
    assert [clips.number_in(frame.image) for frame in frames] == list(range(10))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_rotated_clip_is_turned_as_opencv_does(clips, tmp_path, rotation):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16], image[32:, :16] = (255, 0, 0), (0, 255, 0)
    path = clips.write_clip(tmp_path / "a.mp4", range(0, 200, 40), [image] * 5, rotation=rotation)
    frame = next(iter(VideoFrames(str(path), 1))).image
    expected = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    assert frame.shape == (64, 48, 3) if rotation != 180 else (48, 64, 3)
    assert frame.shape == expected.shape and np.abs(frame.astype(int) - expected).mean() < 3
    straight = _all_frames(path)[0][1]
    assert frame.shape != straight.shape or np.abs(frame.astype(int) - straight).mean() > 20


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.mov", "a.webm"])
def test_whole_files_of_other_containers(clips, tmp_path, name):
    codec = {"a.avi": "mpeg4", "a.webm": "libvpx"}.get(name, "libx264")
    path = clips.write_clip(tmp_path / name, range(40), scale=25, codec=codec)
    video = VideoFrames(str(path), 5)
    frames = list(video)
    assert [clips.number_in(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert [frame.index for frame in frames] == pytest.approx([4, 12, 20, 28, 36], abs=1) and video.damage is None


def test_text_and_empty_files(tmp_path):
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    (tmp_path / "empty.mp4").touch()
    for name, reason in (("text.mp4", "not_a_video"), ("empty.mp4", "empty_file")):
        with pytest.raises(DecodeError) as caught:
            VideoFrames(str(tmp_path / name), 3)
        assert caught.value.reason == reason
    with pytest.raises(FileNotFoundError):
        VideoFrames(str(tmp_path / "none.mp4"), 3)


def test_sound_alone(clips, tmp_path):
    with pytest.raises(DecodeError) as caught:
        VideoFrames(str(clips.write_sound(tmp_path / "a.mp4")), 3)
    assert caught.value.reason == "no_video_stream"


def test_a_cut_mp4_with_its_table_at_the_end_is_refused(clip, clips, tmp_path):
    with pytest.raises(DecodeError) as caught:
        VideoFrames(str(clips.cut(clip, tmp_path / "cut.mp4")), 3)
    assert caught.value.reason == "not_a_video"


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.mp4", FAST), ("a.mov", FAST), ("a.mp4", FRAGMENTS), ("a.mkv", None), ("a.webm", None), ("a.avi", None)],
)
def test_the_good_part_of_a_cut_file_is_used(clips, tmp_path, name, container):
    times = range(200)
    codec = {"a.avi": "mpeg4", "a.webm": "libvpx"}.get(name, "libx264")
    rng = np.random.default_rng(0)  # noise, so that every frame has its share of the bytes
    images = [np.clip(clips.picture(k) + rng.integers(-20, 20, (48, 64, 3)), 0, 255).astype(np.uint8) for k in times]
    whole = clips.write_clip(tmp_path / name, times, images, scale=25, codec=codec, container=container, b_frames=0)
    assert VideoFrames(str(whole), 6).damage is None
    path = clips.cut(whole, tmp_path / f"cut-{name}")
    video = VideoFrames(str(path), 6)
    frames = list(video)
    assert video.damage
    assert 4 <= len(frames) <= 6 and [clips.number_in(f.image) for f in frames] == [f.index for f in frames]
    good = len(video._pts)
    assert 20 < good < 180 and frames[-1].index > good * 0.6 and frames[0].index < good / 4


def test_a_file_with_a_rotten_middle(clip, tmp_path):
    content = bytearray(clip.read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov") if content.index(b"moov") > start else len(content)
    for place in range(start + (end - start) // 2, start + (end - start) * 3 // 4):
        content[place] = 0xFF
    path = tmp_path / "rotten.mp4"
    path.write_bytes(content)
    video = VideoFrames(str(path), 20)
    frames = list(video)
    assert video.damage and {frame.index for frame in frames} <= set(video.wanted.tolist())
    assert len(frames) >= 8 and all(frame.index < 100 for frame in frames)


# --- frames that no other refers to are skipped -----------------------------------------------------------------------
CODECS = {
    "a.mp4": ("libx264", {}),
    "pyramid.mp4": ("libx264", {"x264-params": "b-pyramid=normal:bframes=7:b-adapt=0:log=-1"}),
    "open.mkv": ("libx264", {"x264-params": "open-gop=1:keyint=15:bframes=3:log=-1"}),
    "a.ts": ("libx264", {}),
    "hevc.mp4": ("libx265", {"x265-params": "bframes=4:log-level=none"}),
    "hevc.mkv": ("libx265", {"x265-params": "open-gop=1:keyint=16:log-level=none"}),
    "vp8.webm": ("libvpx", {"auto-alt-ref": "1", "lag-in-frames": "12"}),
    "vp9.webm": ("libvpx-vp9", {"auto-alt-ref": "1", "lag-in-frames": "12", "cpu-used": "8"}),
    "av1.mp4": ("libsvtav1", {"preset": "12", "svtav1-params": "lookahead=0"}),
    "xvid.avi": ("mpeg4", {}),
    "mpeg2.ts": ("mpeg2video", {}),
    "a.mov": ("mjpeg", {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CODECS)
def test_skipping_changes_no_pixel(clips, tmp_path, name):
    codec, options = CODECS[name]
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 255, (7, 9, 3), dtype=np.uint8)
    images = []
    for k in range(60):  # a moving, flickering picture of odd sides: every frame differs from those that it refers to
        image = np.roll(cv2.resize(ground, (98, 66), interpolation=cv2.INTER_CUBIC), 2 * k, axis=1).astype(int)
        images.append(np.clip(image + rng.integers(-30, 30, image.shape), 0, 255).astype(np.uint8))
    how = {"b_frames": 0, "pix_fmt": "yuvj420p"} if codec == "mjpeg" else {"b_frames": 3 * ("vp" not in codec)}
    path = clips.write_clip(tmp_path / name, range(60), images, scale=25, codec=codec, gop=24, options=options, **how)
    whole = _all_frames(path)
    assert len(whole) == 60
    for count in (3, 7, 20, 59):
        video = VideoFrames(str(path), count)
        frames = sorted(video, key=lambda frame: frame.index)
        assert video.damage is None and [frame.index for frame in frames] == video.wanted.tolist()
        assert len(frames) == count
        assert all(np.array_equal(frame.image, whole[frame.index][1]) for frame in frames)
        assert [f.timestamp for f in frames] == pytest.approx([whole[f.index][0] for f in frames], abs=1e-6)


class _Watched:
    """Stands before a container or a packet and counts the frames that come out of it."""

    def __init__(self, inner, decoded):
        self.inner, self.decoded = inner, decoded

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.inner.close()

    def demux(self, stream):
        return (_Watched(packet, self.decoded) for packet in self.inner.demux(stream))

    def decode(self):
        frames = self.inner.decode()
        self.decoded += [frame.pts for frame in frames]
        return frames


def test_frames_that_no_other_refers_to_are_not_even_decoded(clip, monkeypatch):
    decoded, opened = [], av.open
    monkeypatch.setattr(decoder.av, "open", lambda path, **options: _Watched(opened(path, **options), decoded))
    assert [frame.index for frame in VideoFrames(str(clip), 4)] == pytest.approx([12, 37, 62, 87], abs=1)
    assert 4 <= len(decoded) < 70


@pytest.mark.slow
def test_real_clips_are_those_of_a_straight_decode(real_data):
    for path in sorted(real_data.glob("**/*.mp4"), key=lambda path: path.stat().st_size)[:2]:
        whole = _all_frames(path)
        frames = list(VideoFrames(str(path), 9))
        assert len(frames) == 9
        assert all(np.array_equal(frame.image, whole[frame.index][1]) for frame in frames), path.name


# --- what a file may not be -------------------------------------------------------------------------------------------


def test_frames_are_freed_while_a_whole_film_is_read(clips, tmp_path):
    """Each that waits holds its pixels and some threads; with all frames of a film there would be hundreds."""
    film = VideoFrames(str(clips.write_clip(tmp_path / "a.mp4", range(0, 6000, 40))), 1000)
    gc.collect()
    waiting = []
    for _ in film.pictures():
        waiting.append(sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects()))
    assert len(waiting) == 150 and max(waiting) < 3 * decoder.COLLECTED


def test_a_frame_of_too_many_pixels_is_refused(clip):
    assert len(list(VideoFrames(str(clip), 3, Limits(pixels=48 * 64)))) == 3
    with pytest.raises(DecodeError, match="64x48 are more than 3,071 pixels") as caught:
        VideoFrames(str(clip), 3, Limits(pixels=48 * 64 - 1))
    assert caught.value.reason == "too_large"


def test_a_frame_that_is_larger_than_the_header_says_is_refused(clips, tmp_path):
    """Every JPEG of a film may have a size of its own."""
    path = clips.write_sizes(tmp_path / "a.mkv", [(48, 64), (48, 64), (96, 128)])
    assert [frame.image.shape[:2] for frame in VideoFrames(str(path), 3)] == [(48, 64), (48, 64), (96, 128)]
    frames = iter(VideoFrames(str(path), 3, Limits(pixels=96 * 128 - 1)))
    assert [next(frames).image.shape[:2] for _ in range(2)] == [(48, 64)] * 2
    with pytest.raises(DecodeError, match="128x96 are more than") as caught:
        next(frames)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(("transfer", "marked"), [("smpte2084", True), ("arib-std-b67", True), ("bt709", False)])
def test_high_dynamic_range_is_marked(clips, tmp_path, transfer, marked):
    options = {"x265-params": f"transfer={transfer}:log-level=none"}
    path = clips.write_clip(tmp_path / "a.mp4", range(10), scale=25, codec="libx265", options=options)
    video = VideoFrames(str(path), 3)
    assert len(list(video)) == 3 and list(video.marks) == ["hdr"] * marked and video.damage is None
