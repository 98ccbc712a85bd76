"""Damaged and hostile files by the hundred: each is used or refused with a reason, none hangs, no process is lost."""

import random
import time
from pathlib import Path

import pytest

from faces.decoder import VideoFrames
from faces.extraction import FaceExtractor
from faces.settings import ExtractionSettings
from tests.fixtures.damage import flipped, spliced, truncated, zero_filled

LIMIT = 10.0  # seconds for one file; an intact one takes some hundredths
REASONS = {
    "empty_file", "not_a_video", "no_video_stream", "unknown_codec", "no_frames", "too_large", "time_limit",
    "decoder_crashed", "undecodable",
}  # fmt: skip


def absurd_numbers(content, rng):
    """Sizes, counts and offsets in headers become the largest ones, or nonsense."""
    damaged = bytearray(content)
    places = [k for word in (b"tkhd", b"stsd", b"avc1", b"stsz", b"stco", b"stts", b"mdhd", b"strh", b"strf", b"moov",
                             b"\xb0\x82", b"\xba\x82", b"\x2a\xd7\xb1") for k in _all(content, word)]  # fmt: skip
    for place in rng.sample(places, min(len(places), 3)) or [0]:
        at = min(place + rng.randrange(4, 40), len(damaged) - 4)
        damaged[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", rng.randbytes(4)])
    return bytes(damaged)


def mixed(content, rng):
    for change in rng.sample([flipped, zero_filled, spliced, absurd_numbers, truncated], 2):
        content = change(content, rng) or b"\0"
    return content


MUTATIONS = (truncated, flipped, zero_filled, spliced, absurd_numbers, mixed)


def _all(content, word):
    place = content.find(word)
    while place >= 0:
        yield place
        place = content.find(word, place + 1)


@pytest.fixture(scope="module")
def good(clips, tmp_path_factory):
    """Intact clips of several containers and codecs, 40 frames each."""
    folder = tmp_path_factory.mktemp("good")
    kinds = {
        "late.mp4": {"codec": "libx264"},
        "early.mp4": {"codec": "libx264", "container": {"movflags": "faststart"}},
        "pieces.mp4": {"codec": "libx264", "container": {"movflags": "frag_keyframe+empty_moov"}},
        "a.mkv": {"codec": "libx264"},
        "a.webm": {"codec": "libvpx"},
        "a.avi": {"codec": "mpeg4"},
        "a.mov": {"codec": "mpeg4"},
    }
    return [clips.write_clip(folder / name, range(40), scale=25, b_frames=0, **how) for name, how in kinds.items()]


def _mutated(paths, count, folder):
    """`count` damaged files: of each path in turn, by each mutation in turn; some under another container's name."""
    folder.mkdir()
    contents = [path.read_bytes() for path in paths]
    for number in range(count):
        rng = random.Random(number)
        which, change = number % len(paths), MUTATIONS[number // len(paths) % len(MUTATIONS)]
        suffix = rng.choice([paths[which].suffix] * 3 + [".avi", ".mp4", ".webm", ".txt"])
        path = folder / f"{number:04d}-{change.__name__}{suffix}"
        path.write_bytes(change(contents[which], rng))
        yield path


def _extract_all(paths, video, clips, count):
    """Extract from the files one by one: [(name, faces or reason)], the longest time of one, memory peaks [MiB]."""
    outcomes, longest, peaks = [], 0.0, []
    settings, videos = ExtractionSettings(frames=count, decode_time_limit=LIMIT), [video(path) for path in paths]
    with FaceExtractor(settings, make_detector=clips.FakeDetector()) as extractor:
        began = time.monotonic()
        for of, extraction in zip(videos, extractor.extract_all(videos), strict=True):
            reasons = [reject.reason for reject in extraction.rejects if reject.scope == "video"]
            assert len(reasons) == (not extraction.examples), "either used or refused, with one reason"
            outcomes.append((Path(of.uri).name, len(extraction.examples) or reasons[0]))
            longest, began = max(longest, time.monotonic() - began), time.monotonic()
            peaks.append(_peak(extractor._reader))
    return outcomes, longest, peaks


def _peak(reader):
    if reader._process is None:
        return 0.0
    for line in Path(f"/proc/{reader._process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0  # it has just ended


@pytest.mark.slow
def test_hundreds_of_damaged_files(good, video, clips, tmp_path):
    paths = list(_mutated(good, 420, tmp_path / "bad"))
    between = paths[::60]  # an intact one every now and then: whatever came before, it is whole
    order = [path for bad in paths for path in ([bad, good[0]] if bad in between else [bad])]
    outcomes, longest, peaks = _extract_all(order, video, clips, 6)
    assert [name for name, _ in outcomes] == [path.name for path in order]
    assert [outcome for name, outcome in outcomes if name == good[0].name] == [6] * len(between)
    refused = {name: outcome for name, outcome in outcomes if isinstance(outcome, str)}
    assert set(refused.values()) <= REASONS
    assert 30 < len(refused) < 350, "damage that always or never matters tests nothing"
    assert longest < LIMIT + 5
    assert max(peaks) < 1200, "memory of the process that decodes, MiB"


@pytest.mark.slow
def test_damaged_real_clips(real_data, video, clips, tmp_path):
    smallest = sorted(real_data.glob("**/*.mp4"), key=lambda path: path.stat().st_size)[:2]
    outcomes, longest, peaks = _extract_all(list(_mutated(smallest, 24, tmp_path / "bad")), video, clips, 3)
    assert len(outcomes) == 24 and {outcome for _, outcome in outcomes if isinstance(outcome, str)} <= REASONS
    assert longest < LIMIT + 5 and max(peaks) < 1200


def test_every_intact_clip_is_whole(good):
    for path in good:
        assert len(list(VideoFrames(str(path), 40))) == 40, path.name
