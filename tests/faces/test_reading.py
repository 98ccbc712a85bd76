"""Reading in a process of its own: the same pixels as decoding here, and no file can harm another."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from faces import reading_process
from faces.decoder import DecodeError, VideoFrames
from faces.reading import FrameReader

ROOT = Path(__file__).parents[2]
# Put first on the path of a child: files named crash*, hang* and hungry* do to their process what broken decoders do.
BROKEN_DECODER = """
import ctypes, os, time
import av

opened = av.open

def open_(path, *arguments, **options):
    name = os.path.basename(path)
    if name.startswith("crash"):
        ctypes.string_at(0)
    if name.startswith("hang"):
        ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock: no handler in Python would ever run
    if name.startswith("hungry"):
        raise MemoryError
    return opened(path, *arguments, **options)

av.open = open_
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def clip(clips, folder):
    return clips.write_clip(folder / "clip.mp4", range(0, 4000, 40))


@pytest.fixture
def broken_decoder(tmp_path, monkeypatch):
    """Children that are started now break on the files named so."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BROKEN_DECODER)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


def _frames(reading):
    """All frames of a reading as (index, timestamp, copy of the image)."""
    return [
        (index, timestamp, image.copy())
        for batch in reading
        for index, timestamp, image in zip(batch.indices, batch.timestamps, batch.images, strict=True)
    ]


def _read(of, count):
    """One file: (its frames, its reading)."""
    with FrameReader(count, 60.0) as reader:
        ((frames, reading),) = [(_frames(reading), reading) for _, reading in reader.read([of])]
    return frames, reading


def _same(found, expected):
    assert [(index, timestamp) for index, timestamp, _ in found] == [(f.index, f.timestamp) for f in expected]
    assert all(np.array_equal(image, f.image) for (_, _, image), f in zip(found, expected, strict=True))


def _noise(clips, path, height, width, count):
    rng = np.random.default_rng(height)
    images = [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(count)]
    return clips.write_clip(path, range(0, 40 * count, 40), images)


@pytest.mark.slow
def test_videos_of_many_sizes_one_after_the_other(clips, clip, folder, video):
    large = _noise(clips, folder / "large.mp4", 2000, 2600, 3)  # three frames exceed the memory that small ones need
    paths = [clip, large, _noise(clips, folder / "small.mp4", 16, 32, 40), large, clip, clip]
    videos = [video(path, video_id=f"d/real/{k}") for k, path in enumerate(paths)]
    with FrameReader(10, 60.0) as reader:
        read = []
        for of, reading in reader.read(videos):
            read.append(of)
            expected = VideoFrames(of.uri, 10)
            _same(_frames(reading), list(expected))
            assert reading.wanted == expected.wanted.tolist() and reading.damage is None and reading.marks == {}
    assert read == videos


def test_a_batch_holds_several_small_frames(clip, video):
    with FrameReader(20, 60.0) as reader:
        sizes = [len(batch.images) for _, reading in reader.read([video(clip)]) for batch in reading]
    assert sizes == [8, 8, 4]


@pytest.mark.parametrize("kind", ["image", "crop"])
def test_a_picture_is_one_frame(kind, video, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image[..., ::-1])
    ((index, timestamp, found),), reading = _read(video(tmp_path / "a.png", kind=kind), 32)
    assert (index, timestamp) == (0, 0.0) and np.array_equal(found, image) and reading.wanted == [0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "b_frames"),
    [("a.mp4", "libx264", 0), ("a.mp4", "libx264", 3), ("a.mp4", "libx265", 3), ("a.webm", "libvpx-vp9", 0)],
)
def test_frames_are_those_of_a_straight_decode(name, codec, b_frames, clips, video, tmp_path):
    """Although frames that nothing refers to are skipped where they are not wanted."""
    if codec not in av.codecs_available:
        pytest.skip(f"PyAV has no encoder {codec}")
    rng = np.random.default_rng(1)
    images = [
        cv2.resize(clips.picture(k), (128, 96)) // 2 + rng.integers(0, 99, (96, 128, 3), np.uint8) for k in range(70)
    ]
    path = clips.write_clip(tmp_path / name, range(0, 2800, 40), images, codec=codec, b_frames=b_frames, gop=30)
    with av.open(str(path)) as container:
        straight = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(straight) == 70
    found, _ = _read(video(path), 9)
    assert len(found) == 9 and all(np.array_equal(image, straight[index]) for index, _, image in found)


@pytest.mark.slow
def test_every_real_clip_is_read_as_by_a_straight_decode(real_data, video):
    paths = sorted(real_data.glob("**/*.mp4"), key=lambda path: path.stat().st_size)[:4]
    with FrameReader(5, 60.0) as reader:
        for of, reading in reader.read([video(path) for path in paths]):
            found = {index: image for index, _, image in _frames(reading)}
            with av.open(of.uri) as container:
                for number, frame in enumerate(container.decode(video=0)):
                    if number in found:
                        image = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
                        assert np.array_equal(found.pop(number), image)
            assert not found


def test_ten_bits_are_converted_and_high_dynamic_range_is_marked(video, tmp_path):
    path = tmp_path / "hdr.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx265", rate=25, options={"x265-params": "transfer=smpte2084:log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        stream.codec_context.color_trc = 16
        for k in range(5):
            image = np.full((48, 64, 3), 40 * k + 20, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p10le")))
        file.mux(stream.encode())
    found, reading = _read(video(path), 5)
    assert [image.dtype for _, _, image in found] == [np.uint8] * 5
    assert [round(float(image.mean())) for _, _, image in found] == pytest.approx([20, 60, 100, 140, 180], abs=4)
    assert list(reading.marks) == ["hdr"]


def test_a_reading_that_is_not_used_or_half_used_does_not_disturb_the_next(clip, video):
    expected = list(VideoFrames(str(clip), 30))
    with FrameReader(30, 60.0) as reader:
        for number, (_, reading) in enumerate(reader.read([video(clip)] * 6)):
            if number % 3 == 1:
                assert len(next(iter(reading)).images) == 8
            elif number % 3 == 2:
                _same(_frames(reading), expected)


def test_what_cannot_be_read_has_a_reason(clips, clip, folder, video):
    (folder / "text.mp4").write_text("no video")
    (folder / "empty.mp4").touch()
    cv2.imwrite(str(folder / "large.png"), np.zeros((8192, 8200), np.uint8))
    cases = {
        "none.mp4": "missing_file", "text.mp4": "not_a_video", "empty.mp4": "empty_file", "clip.mp4": None,
        "large.png": "too_large",
    }  # fmt: skip
    told = {}
    with FrameReader(3, 60.0) as reader:
        kinds = [video(folder / name, kind="image" if name.endswith("png") else "video") for name in cases]
        for of, reading in reader.read(kinds):
            try:
                told[Path(of.uri).name] = None if len(_frames(reading)) == 3 else "frames are missing"
            except DecodeError as error:
                told[Path(of.uri).name] = error.reason
                assert str(error)
    assert told == cases


def _outcomes(clips, names, folder, video, limit):
    """What becomes of files of these names: {name: number of frames, or the reason of a reject}."""
    for name in names:
        clips.write_clip(folder / name, range(0, 400, 40))
    told = {}
    with FrameReader(4, limit) as reader:
        for of, reading in reader.read([video(folder / name) for name in names]):
            try:
                told[Path(of.uri).name] = len(_frames(reading))
            except DecodeError as error:
                told[Path(of.uri).name] = error.reason
    return told


def test_a_crash_costs_its_own_video_only(broken_decoder, clips, video, tmp_path):
    names = ["a.mp4", "crash1.mp4", "crash2.mp4", "b.mp4", "c.mp4", "hungry.mp4", "d.mp4", "crash3.mp4"]
    crash = "decoder_crashed"
    expected = dict(zip(names, [4, crash, crash, 4, 4, "too_large", 4, crash], strict=True))
    assert _outcomes(clips, names, tmp_path, video, 60.0) == expected


@pytest.mark.slow
def test_a_hang_ends_at_its_limit(broken_decoder, clips, video, tmp_path):
    began = time.monotonic()
    told = _outcomes(clips, ["a.mp4", "hang1.mp4", "b.mp4", "hang2.mp4", "c.mp4"], tmp_path, video, 1.5)
    assert told == {"a.mp4": 4, "hang1.mp4": "time_limit", "b.mp4": 4, "hang2.mp4": "time_limit", "c.mp4": 4}
    assert 3 <= time.monotonic() - began < 30


def test_a_hang_is_ended_from_another_thread(broken_decoder, clips, video, tmp_path):
    clips.write_clip(tmp_path / "hang.mp4", range(0, 160, 40))
    good = clips.write_clip(tmp_path / "good.mp4", range(0, 160, 40))
    with FrameReader(4, 60.0) as reader:
        reader.kill()  # there is nothing yet
        readings = reader.read([video(tmp_path / "hang.mp4"), video(good)])
        _, reading = next(readings)
        killer = threading.Timer(0.2, reader.kill)
        killer.start()
        with pytest.raises(DecodeError) as error:
            _frames(reading)
        killer.join()
        assert error.value.reason == "decoder_crashed"
        assert len(_frames(next(readings)[1])) == 4


@pytest.mark.slow
def test_time_that_the_other_side_takes_is_not_the_files(clip, video):
    """A slow detector must not make the decoder look slow."""
    with FrameReader(40, 1.0) as reader:
        seen = 0
        for _, reading in reader.read([video(clip)] * 2):
            for batch in reading:
                time.sleep(0.5)
                seen += len(batch.images)
    assert seen == 80


def test_frames_that_came_before_a_crash_are_kept(clip, video):
    with FrameReader(100, 60.0) as reader:
        readings = reader.read([video(clip), video(clip)])
        _, reading = next(readings)
        batches = iter(reading)
        next(batches)
        os.kill(reader._process.pid, signal.SIGKILL)
        rest = list(batches)
        kept = 8 * (1 + len(rest))
        assert len(reading.wanted) == 100 and reading.info["kind"] == "video" and reading.info["frames"] == 100
        assert kept < 100 and reading.damage == f"the decoder crashed (SIGKILL) after {kept} of the chosen frames"
        _, reading = next(readings)
        assert len(_frames(reading)) == 100 and reading.damage is None


def test_a_process_that_does_not_start_blames_no_file(clip, video, tmp_path, monkeypatch):
    (tmp_path / "av.py").write_text("raise ImportError('a broken installation')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with FrameReader(3, 60.0) as reader, pytest.raises(RuntimeError, match="does not start"):
        list(reader.read([video(clip)]))


def test_nothing_is_left_behind(clip, video):
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(2):
        reader = FrameReader(3, 60.0)
        assert [len(_frames(reading)) for _, reading in reader.read([video(clip)])] == [3]
        pid = reader._process.pid
        reader.close()
        reader.close()  # does no harm
        assert not os.path.exists(f"/proc/{pid}")
    assert set(os.listdir("/proc/self/fd")) <= before


def test_the_process_ends_with_the_one_it_serves(clip):
    program = (
        "import sys, time\n"
        "from faces.reading import FrameReader\n"
        "from artifacts.manifest import Video\n"
        "reader = FrameReader(50, 60.0)\n"
        "for _, reading in reader.read([Video('v', sys.argv[1], 'd', 'm', 0)] * 3):\n"
        "    for batch in reading:\n"
        "        print(reader._process.pid, flush=True)\n"
        "        time.sleep(600)\n"
    )
    line = [sys.executable, "-c", program, str(clip)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        assert os.path.exists(f"/proc/{child}")
        parent.kill()
    deadline = time.monotonic() + 20
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(pid):
    """A zombie, which nobody has waited for yet, is not alive."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_files_are_read_under_a_limit_of_the_shell(clip):
    """The process limits its memory itself, and must not try to raise a limit that it was started with."""
    code = """
import sys
from artifacts.manifest import Video
from faces.reading import FrameReader

of = Video('v', sys.argv[1], 'd', 'm', 0)
with FrameReader(3, 60.0) as reader:
    for _, reading in reader.read([of]):
        print(sum(len(batch.indices) for batch in reading))
"""
    line = ["sh", "-c", 'ulimit -d 1500000; exec "$@"', "sh", sys.executable, "-c", code, str(clip)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "3\n", done.stderr


def test_a_limit_of_the_shell_that_is_too_small_for_a_file_is_named(monkeypatch):
    monkeypatch.setattr(reading_process.resource, "getrlimit", lambda number: (2 << 30, 2 << 30))
    assert "ulimit -d 2097152" in reading_process.out_of_memory()
    monkeypatch.setattr(reading_process.resource, "getrlimit", lambda number: (4 << 30, 4 << 30))
    assert reading_process.out_of_memory() == "it takes more memory than a video may"
