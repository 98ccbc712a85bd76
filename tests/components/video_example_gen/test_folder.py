import os
from collections import Counter

import pytest
from pydantic import ValidationError

from artifacts.errors import InputError
from artifacts.manifest import read_manifest, write_manifest
from artifacts.media_files import PICTURES, VIDEOS
from components.video_example_gen.folder import CropsConfig, FolderConfig, list_videos
from components.video_example_gen.splits import assign_splits, shared_identities
from serving.verdict.input_files import find_files


def _folder(root, **fields):
    return FolderConfig(type="folder", name="my", root=str(root), **fields)


def _crops(root, **fields):
    return CropsConfig(type="crops", name="my", root=str(root), **fields)


def test_real_and_fake(touch, by_id):
    listing = list_videos(
        _folder(
            touch("Real/a.mp4", "FAKE/sub/b.MOV", "fake/c.png", "other/d.mp4", "e.mp4", "fake/x.txt", "fake/x.rmvb")
        )
    )
    assert {name: (v.label, v.method, v.kind, v.split) for name, v in by_id(listing).items()} == {
        "my/real/Real/a": (0, "real", "video", ""),
        "my/fake/FAKE/sub/b": (1, "fake", "video", ""),
        "my/fake/fake/c": (1, "fake", "image", ""),
    }
    assert listing.unlisted == ["e.mp4", "fake/x.rmvb", "other/d.mp4"] and listing.to_fill == ("train", "val", "test")


def test_data_sets_take_all_that_predict_takes(touch, by_id):
    root = touch(*(f"real/{k}{suffix}" for k, suffix in enumerate((*VIDEOS, *PICTURES, ".MTS"))))
    listing = list_videos(_folder(root))
    assert sorted(v.uri for v in listing.videos) == sorted(find_files([str(root)]).paths)
    assert listing.unlisted == [] and Counter(v.kind for v in listing.videos)["video"] == len(VIDEOS) + 1


def test_all_three_splits_are_kept(touch):
    root = touch(*(f"{split}/{label}/x.mp4" for split in ("Train", "validation", "test") for label in ("real", "fake")))
    listing = list_videos(_folder(root))
    assert Counter(v.split for v in listing.videos) == {"train": 2, "val": 2, "test": 2}
    assert listing.unlisted == [] and len({v.video_id for v in listing.videos}) == 6


def test_splits_that_are_not_given_come_out_of_train(touch):
    listing = list_videos(_folder(touch("train/real/x.mp4", "test/fake/y.mp4")))
    assert {v.video_id: v.split for v in listing.videos} == {"my/real/train/real/x": "", "my/fake/test/fake/y": "test"}
    assert listing.to_fill == ("train", "val")
    assert listing.notes == ["nothing is given as val: a share of train, by split_fractions, becomes val"]


def test_ids_keep_the_extension_where_they_would_collide(touch):
    listing = list_videos(_folder(touch("real/x.jpg", "real/x.png", "real/y.jpg")))
    assert {v.video_id for v in listing.videos} == {"my/real/real/x.jpg", "my/real/real/x.png", "my/real/real/y"}


def test_csv(touch, by_id):
    root = touch("a.mp4", "b.mp4", "spare.mp4")
    (root / "list.csv").write_text(
        "path,label,split,method,original\na.mp4,real,test,,\nb.mp4,1,,nt,a\nabsent.mp4,0,,,\n"
    )
    listing = list_videos(_folder(root, csv="list.csv"))
    videos = by_id(listing)
    assert {name: (v.split, v.identities) for name, v in videos.items()} == {
        "my/real/a": ("test", ("my/a",)), "my/nt/b": ("", ("my/a",)),
    }  # fmt: skip
    assert listing.missing == ["my/real/absent"] and listing.unlisted == ["spare.mp4"]
    assert listing.to_fill == ("train", "val")


def test_csv_with_paths_out_of_the_root(touch, by_id):
    root = touch("root/list.csv", "beside/a.mp4", "beside/b.mp4")
    (root / "root" / "list.csv").write_text(f"path,label\n../beside/a.mp4,real\n{root}/beside/b.mp4,fake\n")
    videos = by_id(list_videos(_folder(root / "root", csv="list.csv")))
    assert {v.uri for v in videos.values()} == {str(root / "beside" / name) for name in ("a.mp4", "b.mp4")}
    assert f"my/real{root}/beside/a" in videos


def test_csv_of_windows(touch, by_id):
    root = touch("real/a.mp4", "fake/b.mp4", "odd\\c.mp4")
    rows = ["real\\a.mp4;real", "fake\\b.mp4;fake", "odd\\c.mp4;fake", "C:\\videos\\d.mp4;fake"]
    (root / "list.csv").write_text("\r\n".join(["path;label", *rows]))
    listing = list_videos(_folder(root, csv="list.csv"))
    assert {video.uri.removeprefix(f"{root}/") for video in listing.videos} == {
        "real/a.mp4",
        "fake/b.mp4",
        "odd\\c.mp4",
    }
    assert listing.notes == ["1 paths start with a drive, such as C:\\videos\\d.mp4: write them relative to the root"]
    assert len(listing.missing) == 1


def test_names_that_are_not_utf8_are_carried_through(touch, by_id):
    """The ids become text that every file and page can hold; the paths stay."""
    root = touch("real/a.mp4")
    for name in (b"real/caf\xe9.mp4", b"fake/\xff/b.mp4", b"\xe9.mp4"):
        path = os.path.join(os.fsencode(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
    listing = list_videos(_folder(root))
    found = by_id(listing)
    assert set(found) == {"my/real/real/a", r"my/real/real/caf\xe9", r"my/fake/fake/\xff/b"}
    assert all(os.path.isfile(video.uri) for video in found.values()) and listing.unlisted == [r"\xe9.mp4"]
    divided, left_out = assign_splits(listing.videos, {"train": 1})
    assert len(divided) == 3 and not left_out
    write_manifest(str(root / "out"), divided)
    assert set(read_manifest(str(root / "out"), "train")) == set(divided)


def test_one_csv_for_each_split(touch):
    root = touch("a.mp4", "b.mp4", "c.mp4")
    for name in "abc":
        (root / f"{name}.csv").write_text(f"path,label\n{name}.mp4,real\n")
    listing = list_videos(_folder(root, csv={"train": "a.csv", "val": "b.csv", "test": "c.csv"}))
    assert {v.uri[-5]: v.split for v in listing.videos} == {"a": "train", "b": "val", "c": "test"}
    with pytest.raises(InputError, match=r"a\.mp4 is in .*a\.csv and in .*a\.csv"):
        list_videos(_folder(root, csv={"train": "a.csv", "val": "a.csv"}))
    (root / "b.csv").write_text("path,label,split\nb.mp4,real,test\n")
    with pytest.raises(InputError, match='b.mp4 has split test, but the file is given as "val"'):
        list_videos(_folder(root, csv={"train": "a.csv", "val": "b.csv"}))


def test_csv_that_is_not_there(touch):
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read"):
        list_videos(_folder(touch("real/a.mp4"), csv="absent.csv"))


def test_crops(touch):
    root = touch("a.jpg", "b.png", "clip.mp4")
    (root / "list.csv").write_text("path,label\na.jpg,real\nb.png,fake\n")
    listing = list_videos(_crops(root, csv="list.csv"))
    assert {v.kind for v in listing.videos} == {"crop"} and listing.unlisted == ["clip.mp4"]
    with pytest.raises(ValidationError, match="csv"):
        _crops(root)


def test_real_crops(real):
    listing = list_videos(_crops(real("dfdc_faces"), csv={"train": "train.csv", "test": "val.csv"}))
    assert Counter(v.split for v in listing.videos) == {"": 8000, "test": 1000}
    assert listing.missing == [] and listing.unlisted == []
    divided, left_out = assign_splits(listing.videos, {"train": 0.8, "val": 0.1}, seed=1)
    assert not left_out and not shared_identities(divided)
    counts = Counter((v.split, v.label) for v in divided)
    assert counts["test", 0] == counts["test", 1] == 500 and counts["val", 0] == counts["val", 1] == 444
