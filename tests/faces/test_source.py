import errno
import os
import struct
import zlib

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from faces import source, still
from faces.decoder import DecodeError, Limits, VideoFrames
from faces.source import open_source
from faces.still import Still


@pytest.fixture(scope="module")
def clip(clips, tmp_path_factory):
    """100 frames at 25 a second, 64x48."""
    return clips.write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", range(0, 4000, 40))


def test_open_source_tells_every_kind_apart(clip, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((5, 7, 3), np.uint8))
    assert isinstance(open_source(str(clip), "video", 3), VideoFrames)
    for kind in ("image", "crop"):
        assert isinstance(open_source(str(tmp_path / "a.png"), kind, 3), Still)


@pytest.mark.parametrize("kind", ["video", "image", "crop"])
def test_open_source_gives_reasons(tmp_path, monkeypatch, kind):
    def reason(path):
        with pytest.raises(DecodeError) as caught:
            open_source(str(path), kind, 3)
        assert str(caught.value)
        return caught.value.reason

    (tmp_path / "text").write_text("neither")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path / "gone") == "missing_file" and reason(tmp_path / "empty") == "empty_file"
    assert reason(tmp_path / "text") == ("not_a_video" if kind == "video" else "not_an_image")
    assert reason(tmp_path / "folder") in ("not_a_video", "unreadable_file")
    assert reason(tmp_path / ("x" * 300)) == "unreadable_file"

    def hungry(*_, **__):
        raise MemoryError

    monkeypatch.setattr(source, "VideoFrames", hungry)
    monkeypatch.setattr(source, "Still", hungry)
    assert reason(tmp_path / "text") == "too_large"


@pytest.mark.parametrize(
    "limits, reason",
    [({"pixels": 32 * 32}, "too_large"), ({"seconds": 3.9}, "too_long"), ({"frames": 99}, "too_long")],
)
def test_what_is_beyond_the_limits_is_refused_before_it_is_decoded(limits, reason, clip, monkeypatch):
    monkeypatch.setattr(VideoFrames, "pictures", lambda self: pytest.fail("decoded"))
    with pytest.raises(DecodeError) as refused:
        open_source(str(clip), "video", 4, Limits(**limits))
    assert refused.value.reason == reason


def test_what_is_within_the_limits_is_read(clip):
    opened = open_source(str(clip), "auto", 4, Limits(pixels=1 << 20, seconds=4.01, frames=100))
    assert len(list(opened.pictures())) == 4
    assert opened.info["kind"] == "video" and opened.info["frames"] == 100
    assert opened.info["seconds"] == pytest.approx(4.0)


def test_a_header_that_claims_a_huge_picture_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    ihdr = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", ihdr), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    monkeypatch.setattr(still.cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    for kind in ("auto", "image"):
        with pytest.raises(DecodeError) as refused:
            open_source(str(tmp_path / "bomb.png"), kind, 1, Limits(pixels=1 << 22))
        assert refused.value.reason == "too_large"


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.txt", "list.sdp"])
@pytest.mark.parametrize("form", ["hls", "concat", "sdp"])
def test_a_playlist_opens_no_other_file(name, form, clip, tmp_path):
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{clip}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {clip}\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
    }[form]
    (tmp_path / name).write_text(text)
    with pytest.raises(DecodeError) as refused:
        open_source(str(tmp_path / name), "video", 4)
    assert refused.value.reason == "not_a_video"


@pytest.mark.parametrize(("codec", "form"), [("mpeg2video", "mpeg2video"), ("mpeg1video", "mpeg1video")])
def test_a_film_without_a_container_is_no_picture(codec, form, tmp_path):
    path = tmp_path / "raw.m2v"
    with av.open(str(path), "w", format=form) as film:
        stream = film.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in range(0, 120, 10):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), value, np.uint8), format="rgb24")
            film.mux(stream.encode(picture.reformat(format="yuv420p")))
        film.mux(stream.encode())
    opened = open_source(str(path), "auto", 4)
    assert opened.info["kind"] == "video" and len(list(opened.pictures())) >= 1


def test_a_file_that_may_not_be_read_is_no_wrong_kind(clip, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied", str(clip))

    monkeypatch.setattr(still.Image, "open", refuse)
    with pytest.raises(DecodeError, match="Permission denied") as refused:
        open_source(str(clip), "auto", 4)
    assert refused.value.reason == "unreadable_file"


def test_kinds_are_told_by_content(clip, tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    (tmp_path / "a.png").rename(tmp_path / "picture.mp4")
    found = open_source(str(tmp_path / "picture.mp4"), "auto", 4)
    assert isinstance(found, Still) and found.info == {
        "kind": "image", "width": 50, "height": 40, "frames": 1, "seconds": 0.0,
    }  # fmt: skip
    (tmp_path / "clip.jpg").write_bytes(clip.read_bytes())
    assert isinstance(open_source(str(tmp_path / "clip.jpg"), "auto", 4), VideoFrames)
    frames = [Image.fromarray(np.full((40, 50, 3), value, np.uint8)) for value in (0, 90, 180)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(tmp_path / "still.gif")
    for kind in ("auto", "video"):  # a data set lists any GIF as a video
        assert open_source(str(tmp_path / "moves.gif"), kind, 4).info["frames"] == 3
        assert isinstance(open_source(str(tmp_path / "still.gif"), kind, 4), Still)
