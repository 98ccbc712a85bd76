import json
import shutil

import pytest

from artifacts.errors import InputError
from components.video_example_gen.dfdc import DfdcConfig, identities_of, list_videos


def _config(root, **fields):
    return DfdcConfig(type="dfdc", name="dfdc", root=str(root), **fields)


def _metadata(root, part, **entries):
    named = {f"{name}.mp4": entry for name, entry in entries.items()}
    (root / part).mkdir(parents=True, exist_ok=True)
    (root / part / "metadata.json").write_text(json.dumps(named))


def _fake(original):
    return {"label": "FAKE", "split": "train", "original": f"{original}.mp4"}


REAL, SAMPLE_REAL = {"label": "REAL", "split": "train"}, {"label": "REAL", "split": "train", "original": None}


@pytest.mark.parametrize("level", ["", "dfdc_train_part_0", "train/dfdc_train_part_0"])
def test_parts_at_every_level(touch, by_id, level):
    root = touch(*(f"{level}/{name}.mp4".lstrip("/") for name in "abc"))
    _metadata(root, level, a=REAL, b=SAMPLE_REAL, c=_fake("a"), d=_fake("x"))
    listing = list_videos(_config(root))
    videos = by_id(listing)
    assert {name: (v.label, v.method, v.split, v.identities) for name, v in videos.items()} == {
        "dfdc/real/a": (0, "real", "", ("dfdc/a",)),
        "dfdc/real/b": (0, "real", "", ("dfdc/b",)),
        "dfdc/fake/c": (1, "fake", "", ("dfdc/a",)),
    }
    assert listing.missing == ["dfdc/fake/d"] and listing.unlisted == []
    assert listing.to_fill == ("train", "val", "test")


def test_a_fake_without_an_original_is_kept_and_has_no_identity(touch, by_id):
    root = touch("a.mp4", "b.mp4", "c.mp4")
    _metadata(root, "", a=REAL, b={"label": "FAKE", "split": "train"}, c=_fake("a"))
    videos = by_id(list_videos(_config(root)))
    assert {name: v.identities for name, v in videos.items()} == {
        "dfdc/real/a": ("dfdc/a",), "dfdc/fake/b": (), "dfdc/fake/c": ("dfdc/a",),
    }  # fmt: skip
    assert identities_of("b", 1, None) == () and identities_of("c", 1, "a") == ("a",)


@pytest.mark.parametrize("there", ["sample", "part"])
def test_a_video_named_twice_counts_once(touch, there):
    root = touch(f"{there}/a.mp4", "part/b.mp4")
    _metadata(root, "sample", a=SAMPLE_REAL)
    _metadata(root, "part", a=REAL, b=REAL)
    listing = list_videos(_config(root))
    assert {v.video_id: v.uri for v in listing.videos}["dfdc/real/a"] == str(root / there / "a.mp4")
    assert len(listing.videos) == 2 and listing.missing == [] and listing.unlisted == []


@pytest.mark.parametrize(("name", "shown"), [("b\0", "b\0"), ("b\ud800", r"b\ud800"), ("b" * 300, "b" * 300)])
def test_a_name_that_no_file_can_have_is_missing(touch, name, shown):
    root = touch("a.mp4")
    _metadata(root, "", a=REAL, **{name: _fake("a")})
    listing = list_videos(_config(root))
    assert [v.video_id for v in listing.videos] == ["dfdc/real/a"] and listing.missing == [f"dfdc/fake/{shown}"]


def test_contradicting_labels(touch):
    root = touch("sample/a.mp4")
    _metadata(root, "sample", a=REAL)
    _metadata(root, "part", a=_fake("b"))
    with pytest.raises(InputError, match=r"a\.mp4 is fake in .*part.* and real in .*sample"):
        list_videos(_config(root))


def test_parts_restrict(touch):
    root = touch("part_0/a.mp4", "part_1/b.mp4", "part_1/c.mp4", "part_1/d.jpg", "part_1/e.part", "part_1/notes.txt")
    _metadata(root, "part_0", a=REAL)
    _metadata(root, "part_1", b=REAL)
    listing = list_videos(_config(root, parts=["part_1"]))
    assert [v.video_id for v in listing.videos] == ["dfdc/real/b"]
    assert listing.unlisted == ["part_1/c.mp4", "part_1/d.jpg", "part_1/e.part"]
    with pytest.raises(InputError, match="parts: part_7.*there: part_0, part_1"):
        list_videos(_config(root, parts=["part_7"]))


@pytest.mark.parametrize(("folder", "split"), [("validation", "val"), ("dfdc_test", "test"), ("test/videos_1", "test")])
def test_label_files_in_folders_that_tell_their_split(touch, by_id, folder, split):
    root = touch(f"{folder}/4000.mp4", f"{folder}/4001.mp4", "part_0/a.mp4")
    (root / folder / "labels.csv").write_text("filename,label\n4000.mp4,1\n4001.mp4,0\n4002.mp4,0\n")
    _metadata(root, "part_0", a=REAL)
    listing = list_videos(_config(root))
    videos = by_id(listing)
    assert {name: v.split for name, v in videos.items()} == {
        "dfdc/fake/4000": split, "dfdc/real/4001": split, "dfdc/real/a": "",
    }  # fmt: skip
    assert videos["dfdc/fake/4000"].identities == () and videos["dfdc/real/4001"].identities == ("dfdc/4001",)
    assert listing.missing == ["dfdc/real/4002"]
    assert listing.to_fill == ("train", "test" if split == "val" else "val")


def test_the_root_may_lie_in_a_folder_called_test(touch):
    root = touch("test_copies/dfdc/part_0/a.mp4") / "test_copies" / "dfdc"
    _metadata(root, "part_0", a=REAL)
    assert [v.split for v in list_videos(_config(root)).videos] == [""]


def test_explicit_label_file(touch, by_id):
    root = touch("public/4000.mp4", "part_0/a.mp4")
    _metadata(root, "part_0", a=REAL)
    (root / "labels").mkdir()
    (root / "labels" / "x.csv").write_text("filename,label\n4000.mp4,1\n")
    assert "labels/x.csv: not used" in list_videos(_config(root)).notes[0]
    assert list_videos(_config(root)).unlisted == ["public/4000.mp4"]
    listing = list_videos(_config(root, label_files=[{"csv": "labels/x.csv", "videos": "public", "split": "test"}]))
    assert by_id(listing)["dfdc/fake/4000"].split == "test"
    assert listing.unlisted == [] and listing.notes == [] and listing.to_fill == ("train", "val")
    with pytest.raises(InputError, match="videos: .*absent"):
        list_videos(_config(root, label_files=[{"csv": "labels/x.csv", "videos": "absent", "split": "test"}]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("filename,label\na.mp4,2\n", ":2: 'a.mp4,2'"),
        ("a.mp4,1\n", ":1: the first line"),
        ("filename,label\n\na.mp4\n", ":3:"),
    ],
)
def test_broken_label_file(touch, content, message):
    root = touch("a.mp4")
    (root / "x.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        list_videos(_config(root, label_files=[{"csv": "x.csv", "videos": ".", "split": "test"}]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a.mp4": {"label": "FAKE"', "is not JSON"),
        ("[]", "must be an object"),
        ('{"a.mp4": {"label": "fake?"}}', '"a.mp4" is'),
        ('{"a.mp4": "FAKE"}', '"a.mp4" is'),
        ('{"a.mp4": {"label": "FAKE", "original": 3}}', '"a.mp4" is'),
    ],
)
def test_broken_metadata(touch, content, message):
    root = touch("part_0/a.mp4")
    (root / "part_0" / "metadata.json").write_text(content)
    with pytest.raises(InputError, match=rf"part_0/metadata\.json.*{message}"):
        list_videos(_config(root))


def test_real_copy(real, by_id):
    listing = list_videos(_config(real("dfdc")))
    videos = by_id(listing)
    assert {name: v.identities for name, v in videos.items()} == {
        "dfdc/fake/widuwuoiur": ("dfdc/ybqmttnept",),
        "dfdc/fake/abofeumbvv": ("dfdc/atvmxvwyns",),
        "dfdc/fake/abqwwspghj": ("dfdc/qzimuostzz",),
    }
    assert "dfdc/real/abarnvbtwb" in listing.missing and len(listing.missing) == 4
    assert listing.unlisted == ["unlisted/anndvqgoko.mp4"]


def test_real_metadata_of_a_whole_part(real, tmp_path):
    (tmp_path / "part_3").mkdir()
    shutil.copy(real("dfdc/labels/dfdc_train_part_3_metadata.json"), tmp_path / "part_3" / "metadata.json")
    (tmp_path / "validation").mkdir()
    shutil.copy(real("dfdc/labels/dfdc_val_labels.csv"), tmp_path / "validation" / "labels.csv")
    missing = list_videos(_config(tmp_path)).missing
    assert sum(name.split("/")[2].isalpha() for name in missing) == 1455
    assert sum(name.split("/")[2].isdigit() for name in missing) == 4000
