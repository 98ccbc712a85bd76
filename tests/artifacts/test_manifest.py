import pytest

from artifacts.errors import InputError
from artifacts.manifest import Video, manifest_path, read_manifest, write_manifest

VIDEO = Video("d/real/a", "a.mp4", "d", "real", 0, "val", ("d/p", "d/q"), "crop", "00ff")


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


def test_absent_manifest(tmp_path):
    with pytest.raises(InputError, match="VideoExampleGen writes it"):
        read_manifest(str(tmp_path), "train")
