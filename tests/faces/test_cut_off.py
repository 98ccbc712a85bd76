"""What is said of an MP4 that was cut off."""

import pytest

from faces.cut_off import why_without_index
from faces.decoder import DecodeError, VideoFrames
from tests.fixtures.sounding_film import write_film


@pytest.fixture
def film(tmp_path):
    """film(cut) writes a film without its last bytes, whose index is at its end; returns the path."""
    whole = tmp_path / "whole.mp4"
    write_film(whole)
    content = whole.read_bytes()
    assert content.index(b"mdat") < content.index(b"moov")

    def film(keep):
        path = tmp_path / "cut.mp4"
        path.write_bytes(content[: keep(content)])
        return str(path), len(content)

    return film


def test_a_film_that_was_cut_off_is_told_as_that(film):
    path, _ = film(lambda content: content.index(b"mdat") + 1000)
    with pytest.raises(DecodeError) as refused:
        VideoFrames(path, 4)
    assert refused.value.reason == "not_a_video"
    assert "cannot be opened as a video: it is cut off: " in str(refused.value) and "moov" in str(refused.value)


def test_an_index_that_is_not_whole_or_was_never_written(film):
    path, size = film(lambda content: len(content) - 40)
    assert why_without_index(path).startswith(f"it is cut off: {size - 40:,} bytes are there, at least {size:,}")
    path, _ = film(lambda content: content.index(b"moov") - 4)
    assert why_without_index(path).startswith("it is damaged or was never finished: its index (moov atom)")
    path, _ = film(len)
    assert why_without_index(path) is None


@pytest.mark.parametrize("content", [b"hello\n", b"", b"\0\0\0\x08abcd", b"\0\0\0\x02ftyp" + bytes(20)])
def test_of_other_files_nothing_is_said(content, tmp_path):
    (tmp_path / "a").write_bytes(content)
    assert why_without_index(str(tmp_path / "a")) is None


def test_a_length_of_64_bits(tmp_path):
    box = b"\0\0\0\x01mdat" + (1 << 33).to_bytes(8) + bytes(100)
    (tmp_path / "a").write_bytes(b"\0\0\0\x0cftypisom" + box)
    assert f"at least {12 + (1 << 33):,}" in why_without_index(str(tmp_path / "a"))
