import av
import numpy as np
import pytest
from av.stream import Disposition

from faces.decoder import DecodeError, VideoFrames


@pytest.fixture
def film(tmp_path):
    """film(name, [(side, disposition), ...]) writes a film of several streams, each grey by its number."""

    def write(name, streams, codec="libx264"):
        path = tmp_path / name
        with av.open(str(path), "w") as file:
            made = []
            for side, disposition in streams:
                stream = file.add_stream(codec, rate=25)
                stream.width = stream.height = side
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.disposition = disposition
                made.append(stream)
            for number, stream in enumerate(made):
                for _ in range(5):
                    grey = np.full((stream.height, stream.width, 3), 50 * number + 20, np.uint8)
                    file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
                file.mux(stream.encode())
        return str(path)

    return write


NONE, DEFAULT = Disposition(0), Disposition.default


def _stream_of(path):
    """The number of the stream whose frames are chosen, and what is noted."""
    video = VideoFrames(path, 2)
    frames = list(video)
    assert len(frames) == 2 and video.damage is None
    return round((frames[0].image.mean() - 20) / 50), video.marks


@pytest.mark.parametrize(
    ("name", "streams", "chosen"),
    [
        ("a.mp4", [(64, NONE), (64, DEFAULT)], 1),
        ("a.mkv", [(96, NONE), (64, DEFAULT), (64, NONE)], 1),
        ("a.mkv", [(64, NONE), (96, NONE), (64, NONE)], 1),
        ("a.ts", [(64, NONE), (64, NONE), (96, NONE)], 2),
        ("a.mkv", [(64, DEFAULT), (96, DEFAULT)], 1),
        ("a.mkv", [(64, DEFAULT), (64, DEFAULT)], 0),
    ],
)
def test_the_default_stream_else_the_largest_else_the_first(film, name, streams, chosen):
    found, marks = _stream_of(film(name, streams))
    assert found == chosen and list(marks) == ["other_streams"]
    for number, (side, disposition) in enumerate(streams):
        default = ", default" if disposition else ""
        assert f"stream {number} ({side}x{side}{default})" in marks["other_streams"]
    assert f"stream {chosen} ({streams[chosen][0]}x{streams[chosen][0]}" in marks["other_streams"].split(" is used")[0]


def test_a_single_stream_has_no_note(film):
    assert _stream_of(film("a.mp4", [(64, DEFAULT)])) == (0, {})


def test_a_cover_is_no_film(film, clips, tmp_path):
    path = film("a.mp4", [(128, Disposition.attached_pic), (64, DEFAULT)], "mjpeg")
    assert _stream_of(path) == (1, {})
    alone = film("b.mp4", [(128, Disposition.attached_pic)], "mjpeg")
    with pytest.raises(DecodeError, match="a cover picture") as refused:
        VideoFrames(alone, 2)
    assert refused.value.reason == "no_video_stream"
