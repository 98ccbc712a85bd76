import os

import pytest

from artifacts.errors import InputError
from artifacts.manifest import Video, manifest_path, read_manifest, write_manifest

VIDEO = Video("d/real/a", "a.mp4", "d", "real", 0, "val", ("d/p", "d/q"), "crop", "00ff", "d/real/clip", 3)


def test_round_trip_in_the_order_of_the_ids(tmp_path):
    later = Video("d/real/b", "b.mp4", "d", "real", 0, "val")
    write_manifest(str(tmp_path), [later, VIDEO])
    assert read_manifest(str(tmp_path), "val") == [VIDEO, later]
    assert read_manifest(str(tmp_path), "train") == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"label": 0', '"label": 2', "label is 2"),
        ('"kind"', '"sort"', "not a manifest line"),
        ("}", "", "not a manifest"),
        ('"a.mp4"', '"a\\u0000.mp4"', r"uri is 'a\\x00\.mp4'; it must be text without a NUL"),
        ('"a.mp4"', "7", "uri is 7; it must be text"),
        ('"frame": 3', '"frame": -1', "frame is -1; it must be a number, 0 or more"),
        ('"frame": 3', '"frame": true', "frame is True"),
        ('"d/real/clip"', "7", "not a manifest line"),
        ('"label": 0', '"label": [0]', r"label is \[0\]"),
        ('"label": 0', '"label": ' + "[" * 100_000, "not a manifest line"),
    ],
)
def test_broken_line(tmp_path, old, new, message):
    write_manifest(str(tmp_path), [VIDEO])
    path = manifest_path(str(tmp_path), "val")
    with open(path) as stream:
        text = stream.read()
    with open(path, "w") as stream:
        stream.write(text.replace(old, new))
    with pytest.raises(InputError, match=rf"videos\.jsonl:1: {message}"):
        read_manifest(str(tmp_path), "val")


def test_a_manifest_that_is_no_text(tmp_path):
    write_manifest(str(tmp_path), [VIDEO])
    with open(manifest_path(str(tmp_path), "val"), "ab") as stream:
        stream.write(b"\xff")
    with pytest.raises(InputError, match=r"videos\.jsonl: is not UTF-8 \(byte \d+\)"):
        read_manifest(str(tmp_path), "val")


def test_names_of_any_bytes_come_back(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    video = Video(f"d/real/{name}", f"/v/{name}.mp4", "d", "real", 0, "val", (f"d/{name}",))
    assert (video.video_id, video.identities) == (r"d/real/caf\xe9", (r"d/caf\xe9",))
    write_manifest(str(tmp_path), [video])
    assert read_manifest(str(tmp_path), "val") == [video] and os.fsencode(video.uri) == b"/v/caf\xe9.mp4"


def test_a_crop_is_shown_as_its_clip():
    assert VIDEO.shown_as == "d/real/clip" and Video("d/real/b", "b.png", "d", "real", 0).shown_as == "d/real/b"


def test_absent_manifest(tmp_path):
    with pytest.raises(InputError, match="VideoExampleGen writes it"):
        read_manifest(str(tmp_path), "train")
