import pytest

from artifacts.errors import InputError
from artifacts.manifest import Video, write_manifest
from artifacts.rejects import Reject, write_rejects
from evaluation.coverage import listed_videos


@pytest.fixture
def videos(tmp_path):
    listed = [
        Video(f"d/df/{name}", "", "d", "df", 1, split) for name, split in (("a", "test"), ("b", "test"), ("c", "val"))
    ]
    write_manifest(tmp_path / "videos", listed)
    return tmp_path / "videos"


def _rejects(folder, scope, reason):
    folder.mkdir()
    reject = Reject("d/df/b", "b.mp4", "d", "df", 1, "test", scope, reason, "as a sentence")
    write_rejects(str(folder / "test-rejects-0.jsonl"), [reject])
    return folder


@pytest.mark.parametrize(
    ("scope", "reason", "outcome"),
    [
        ("video", "no_face", "no_face"),
        ("video", "undecodable", "undecoded"),
        ("video", "missing_file", "undecoded"),
        ("frame", "no_face", "with_face"),
        ("part", "damaged_file", "with_face"),
        ("note", "hdr", "with_face"),
    ],
)
def test_what_a_reject_means(scope, reason, outcome, videos, tmp_path):
    rejects = _rejects(tmp_path / "rejects", scope, reason)
    found = {row["video_id"]: row["outcome"] for row in listed_videos(videos, rejects, "test")}
    assert found == {"d/df/a": "with_face", "d/df/b": outcome}


def test_a_clip_is_one_video_and_has_a_face_if_any_of_its_crops_was_read(videos, tmp_path):
    crops = [
        Video(f"d/df/{k}", "", "d", "df", 1, "test", kind="crop", clip=f"d/{k[0]}") for k in ("b", "b2", "c1", "c2")
    ]
    rows = [Video("d/df/b", "", "d", "df", 1, "test", kind="crop", clip="d/lost"), *crops[1:]]
    write_manifest(tmp_path / "videos", rows)
    rejects = _rejects(tmp_path / "rejects", "video", "undecodable")
    found = {row["video_id"]: row["outcome"] for row in listed_videos(videos, rejects, "test")}
    assert found == {"d/lost": "undecoded", "d/b": "with_face", "d/c": "with_face"}
    write_manifest(tmp_path / "videos", crops)
    assert [row["outcome"] for row in listed_videos(videos, rejects, "test")] == ["with_face", "with_face"]


@pytest.mark.parametrize("line", ["{", "[]", '{"scope": "video"}'])
def test_a_broken_line_is_named(line, videos, tmp_path):
    rejects = _rejects(tmp_path / "rejects", "note", "hdr")
    with open(rejects / "test-rejects-0.jsonl", "a") as stream:
        stream.write(line + "\n")
    with pytest.raises(InputError, match=r"test-rejects-0\.jsonl:2: not a line of rejects"):
        listed_videos(videos, rejects, "test")
