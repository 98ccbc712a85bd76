"""The sound of a film under its drawn copy: what it is, when it is heard, and what of it may be lost."""

from pathlib import Path

import av
import numpy as np
import pytest

from serving.verdict.sound import add_sound
from tests.fixtures.sounding_film import BEEP, SECONDS, write_film


def silent_copy(path, grey=100, frames=50):
    """What drawing makes: the picture alone, beginning at 0 s."""
    with av.open(str(path), "w") as file:
        picture = file.add_stream("libx264", rate=25, options={"bf": "0", "x264-params": "force-cfr=1"})
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), format="rgb24")))
        file.mux(picture.encode())
    return str(path)


def add(tmp_path, source, suffix=".mp4", is_joined=False):
    silent, target = silent_copy(tmp_path / f"silent{suffix}"), tmp_path / f"out{suffix}"
    beats = []
    lost = add_sound(source, silent, str(target), {"comment": "mark"}, is_joined, lambda: beats.append(1))
    return lost, target


def listen(path, first=0.0):
    """(codec, when the beep begins, when the sound ends) of a film whose picture begins at `first`."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        codec, times, levels = stream.codec_context.name, [], []
        for frame in file.decode(stream):
            values = frame.to_ndarray().astype(float).reshape(-1)
            values /= 32768 if frame.format.name.startswith("s16") else 1
            times.append(frame.time + np.arange(len(values)) / frame.sample_rate)
            levels.append(np.abs(values))
    with av.open(str(path)) as file:
        assert file.metadata.get("comment", file.metadata.get("COMMENT")) == "mark"
        assert file.streams.video[0].average_rate == 25
        frames = [frame.time for frame in file.decode(video=0)]
    assert frames[0] == pytest.approx(first, abs=0.03 if first else 2e-3)
    assert [time - frames[0] for time in frames] == pytest.approx([k / 25 for k in range(50)], abs=2e-3)
    time, level = np.concatenate(times), np.concatenate(levels)
    return codec, float(time[np.flatnonzero(level > 0.2)[0]]), float(time[-1])


@pytest.mark.parametrize(
    ("name", "codec", "suffix", "expected"),
    [
        ("a.mp4", "aac", ".mp4", "aac"),
        ("a.mp4", "aac", ".mkv", "aac"),
        ("a.ts", "aac", ".mp4", "aac"),
        ("a.mkv", "libopus", ".mp4", "opus"),
        ("a.mkv", "libopus", ".mov", "aac"),
        ("a.mov", "pcm_s16le", ".mov", "pcm_s16le"),
        ("a.avi", "pcm_s16le", ".mp4", "aac"),
        ("a.mkv", "mp2", ".mp4", "aac"),
    ],
)
def test_it_is_copied_where_players_take_it_and_becomes_aac_elsewhere(name, codec, suffix, expected, tmp_path):
    lost, target = add(tmp_path, write_film(tmp_path / name, codec), suffix)
    assert lost is None
    kind, beep, end = listen(target)
    assert kind == expected and beep == pytest.approx(BEEP, abs=0.04) and end == pytest.approx(SECONDS, abs=0.08)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "mp2"), ("a.ts", "aac")])
def test_it_is_heard_when_it_should_be_where_the_picture_begins_later(name, codec, tmp_path):
    lost, target = add(tmp_path, write_film(tmp_path / name, codec, first=0.6))
    assert lost is None and listen(target, 0.6)[1:] == pytest.approx((BEEP + 0.6, SECONDS + 0.6), abs=0.08)


@pytest.mark.parametrize(("name", "codec"), [("a.ts", "aac"), ("a.mkv", "mp2")])
def test_where_time_stamps_jump_it_goes_on(name, codec, tmp_path):
    lost, target = add(tmp_path, write_film(tmp_path / name, codec, jump=50.0), is_joined=True)
    assert lost is None and listen(target)[1:] == pytest.approx((BEEP, SECONDS), abs=0.08)


def test_of_joined_films_each_has_its_own_sound(tmp_path):
    """Of both the sound begins before the picture, which the copy shows without a break."""
    one = Path(write_film(tmp_path / "a.ts", first=0.6)).read_bytes()
    (tmp_path / "joined.ts").write_bytes(one + one)
    target = tmp_path / "out.mp4"
    silent = silent_copy(tmp_path / "silent.mp4", frames=100)
    assert add_sound(str(tmp_path / "joined.ts"), silent, str(target), {}, True, lambda: None) is None
    with av.open(str(target)) as file:
        frames = list(file.decode(audio=0))
    time = np.concatenate([frame.time + np.arange(frame.samples) / frame.sample_rate for frame in frames])
    level = np.concatenate([np.abs(frame.to_ndarray().reshape(-1)) for frame in frames])
    beeps = time[level > 0.2]
    starts = beeps[np.flatnonzero(np.diff(beeps, prepend=-1) > 0.3)]
    assert starts == pytest.approx([0.6 + BEEP, 0.6 + SECONDS + BEEP], abs=0.06)


def garble(path, tmp_path, numbers):
    """A copy of a Matroska film of which some packets of sound are noise."""
    target, noise = tmp_path / "garbled.mkv", np.random.default_rng(0)
    with av.open(str(path)) as source, av.open(str(target), "w") as file:
        streams = {stream.index: file.add_stream_from_template(stream) for stream in source.streams}
        heard = 0
        for packet in source.demux():
            if not packet.size:
                continue
            new = packet
            if packet.stream.type == "audio":
                if heard in numbers:
                    new = av.Packet(noise.bytes(packet.size))
                    new.pts, new.dts, new.time_base = packet.pts, packet.pts, packet.time_base
                heard += 1
            new.stream = streams[packet.stream.index]
            file.mux(new)
    return str(target)


@pytest.mark.parametrize(
    ("codec", "numbers", "words"), [("aac", range(20, 24), "damaged"), ("mp2", (20, 21), "damaged")]
)
def test_damaged_sound_loses_only_its_damaged_part(codec, numbers, words, tmp_path):
    source = garble(write_film(tmp_path / "a.mkv", codec), tmp_path, numbers)
    lost, target = add(tmp_path, source)
    assert words in lost and listen(target)[1] == pytest.approx(BEEP, abs=0.06)


@pytest.mark.parametrize("codec", ["aac", "mp2"])
def test_sound_that_is_nothing_but_noise_is_left_out(codec, tmp_path):
    source = garble(write_film(tmp_path / "a.mkv", codec), tmp_path, range(1000))
    lost, target = add(tmp_path, source)
    assert lost == f"its sound ({codec}) is left out: none of it can be decoded" and not target.exists()


def test_a_film_without_sound_is_left_as_it_is(tmp_path):
    assert add(tmp_path, silent_copy(tmp_path / "a.mp4")) == (None, tmp_path / "out.mp4")
    assert not Path(tmp_path / "out.mp4").exists()


def test_a_film_that_is_cut_off_keeps_the_sound_that_is_left(tmp_path):
    source = Path(write_film(tmp_path / "a.mkv", "mp2"))
    (tmp_path / "cut.mkv").write_bytes(source.read_bytes()[: source.stat().st_size * 8 // 10])
    _, target = add(tmp_path, str(tmp_path / "cut.mkv"))
    assert listen(target)[2] == pytest.approx(0.8 * SECONDS, abs=0.4)
