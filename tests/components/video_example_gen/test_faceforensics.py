import json
from collections import Counter

import pytest
from pydantic import ValidationError

from artifacts.errors import InputError
from components.video_example_gen.faceforensics import FaceForensicsConfig, list_videos
from components.video_example_gen.splits import assign_splits, shared_identities

REAL = "original_sequences/youtube/c23/videos"
DF = "manipulated_sequences/Deepfakes/c23/videos"
NT = "manipulated_sequences/NeuralTextures/c23/videos"


def _config(root, **fields):
    return FaceForensicsConfig(type="faceforensics", name="ff", root=str(root), **fields)


def _splits(folder, **pairs):
    folder.mkdir(exist_ok=True, parents=True)
    for split in ("train", "val", "test"):
        (folder / f"{split}.json").write_text(json.dumps(pairs.get(split, [["990", "991"]])))


@pytest.fixture
def tree(touch):
    root = touch(f"{REAL}/000.mp4", f"{REAL}/003.mp4", f"{DF}/000_003.mp4", f"{NT}/000_003.mp4", f"{NT}/003_000.mp4")
    _splits(root / "splits", train=[["000", "003"]], val=[["001", "002"]], test=[["004", "005"]])
    return root


def test_official_splits(tree, by_id):
    listing = list_videos(_config(tree, methods=["df", "nt"]))
    videos = by_id(listing)
    assert set(videos) == {"ff/real/000", "ff/real/003", "ff/df/000_003", "ff/nt/000_003", "ff/nt/003_000"}
    assert {v.split for v in videos.values()} == {"train"}
    assert videos["ff/nt/003_000"].identities == ("ff/003", "ff/000")
    assert (videos["ff/real/000"].label, videos["ff/df/000_003"].label) == (0, 1)
    assert videos["ff/df/000_003"].uri == str(tree / DF / "000_003.mp4")
    # reals 001 002 004 005; df: 003_000 and two for each of the other pairs; nt: the same four
    assert len(listing.missing) == 4 + 5 + 4
    assert "ff/df/003_000" in listing.missing and "ff/nt/005_004" in listing.missing
    assert listing.unlisted == [] and listing.notes == []


def test_files_that_no_split_names_are_unlisted(tree, touch):
    touch(f"{DF}/003_000.vid", f"{REAL}/000.jpg", "extra/000.zip", "splits/readme.txt")
    touch(f"{REAL}/777.mp4", f"{DF}/777_000.mp4", f"{DF}/000_003.avi", "extra/000.mp4", f"{DF}/sub/003_000.mp4")
    listing = list_videos(_config(tree, methods=["df"]))
    names = {v.video_id for v in listing.videos}
    assert names == {"ff/real/000", "ff/real/003", "ff/df/000_003"}
    assert len(listing.unlisted) == 8
    assert {
        f"{REAL}/777.mp4",
        "extra/000.mp4",
        "extra/000.zip",
        f"{DF}/003_000.vid",
    } < set(listing.unlisted)


def test_says_what_lies_there_and_was_not_asked_for(tree, touch):
    touch(f"{DF.replace('c23', 'c40')}/000_003.mp4", f"{DF.replace('Deepfakes', 'FaceShifter')}/000_003.mp4")
    notes = "\n".join(list_videos(_config(tree, methods=["df", "nt"])).notes)
    assert 'Deepfakes/c40 has 1 video, "compression" is "c23"' in notes
    assert 'FaceShifter/c23 has 1 video: add "fsh"' in notes


def test_compression_chooses_the_folder(tree, touch):
    touch(f"{DF.replace('c23', 'raw')}/003_000.mp4")
    videos = list_videos(_config(tree, methods=["df"], compression="raw")).videos
    assert [v.video_id for v in videos] == ["ff/df/003_000"]


FLAT = ("original/000.mp4", "original/003.mp4", "Deepfakes/000_003.mp4", "NeuralTextures/003_000.mp4")


@pytest.mark.parametrize("level", ["", "c23/", "videos/", "c23/videos/"])
def test_a_flat_copy_is_read_and_said_to_be_one(touch, by_id, level):
    """As Kaggle has them: `original/`, `Deepfakes/` and so on in the root, and tables in `csv/`."""
    root = touch(*(name.replace("/", f"/{level}") for name in FLAT), "FaceShifter/000_003.mp4", "csv/Deepfakes.csv")
    _splits(root / "splits", train=[["000", "003"]], val=[["001", "002"]], test=[["004", "005"]])
    listing = list_videos(_config(root, methods=["df", "nt"]))
    assert set(by_id(listing)) == {"ff/real/000", "ff/real/003", "ff/df/000_003", "ff/nt/003_000"}
    assert {v.split for v in listing.videos} == {"train"} and listing.unlisted == []
    assert listing.notes[0] == 'FaceShifter has 1 video: add "fsh" to "methods" to use them'
    told = ", ".join(f"{name}/{level}" for name in ("original", "Deepfakes", "NeuralTextures"))
    assert listing.notes[1] == f"{told}: a flat copy, whose folders do not tell the compression, so it is not checked"
    assert list_videos(_config(root, methods=["fsh"])).videos[-1].video_id == "ff/fsh/000_003"


def test_a_copy_without_the_levels_below_the_method(touch, by_id):
    root = touch("original_sequences/youtube/000.mp4", "manipulated_sequences/Deepfakes/c23/000_003.mp4")
    listing = list_videos(_config(root))
    assert set(by_id(listing)) == {"ff/real/000", "ff/df/000_003"} and listing.unlisted == []


ACTORS = "original_sequences/actors/c23/videos"
DFD = "manipulated_sequences/DeepFakeDetection/c23/videos"


def test_deepfakedetection_is_divided_by_its_actors_beside_the_official_splits(tree, touch, by_id):
    reals = [f"{ACTORS}/{a:02}__walking.mp4" for a in range(1, 11)]
    fakes = [f"{DFD}/{a:02}_{a + 1:02}__walking__ABC{a}.mp4" for a in range(1, 10, 2)]
    touch(*reals, *fakes, f"{DFD}/readme.mp4")
    listing = list_videos(_config(tree, methods=["df", "dfd"]))
    videos = by_id(listing)
    assert videos["ff/dfd/01_02__walking__ABC1"].identities == ("ff/actor01", "ff/actor02")
    assert videos["ff/real/03__walking"].identities == ("ff/actor03",) and videos["ff/real/03__walking"].label == 0
    assert videos["ff/real/000"].split == "train" and listing.to_fill == ("train", "val", "test")
    assert f"{DFD}/readme.mp4" in listing.unlisted
    divided, left_out = assign_splits(listing.videos, {"train": 0.6, "val": 0.2, "test": 0.2})
    assert not left_out and not shared_identities(divided) and len({v.split for v in divided}) == 3
    notes = "\n".join(list_videos(_config(tree, methods=["df"])).notes)
    assert 'DeepFakeDetection/c23 has 6 videos: add "dfd"' in notes and 'actors/c23 has 10 videos: add "dfd"' in notes


def test_deepfakedetection_alone_has_its_own_real_videos(tree, touch, by_id):
    touch(f"{ACTORS}/01__walking.mp4", f"{DFD}/01_02__walking__ABC1.mp4")
    listing = list_videos(_config(tree, methods=["dfd"]))
    assert set(by_id(listing)) == {"ff/real/01__walking", "ff/dfd/01_02__walking__ABC1"}
    assert listing.missing == listing.unlisted == [] and listing.to_fill == ("train", "val", "test")
    assert not any("train.json" in note or '"real"' in note for note in listing.notes)


def test_faceshifter_is_in_the_official_splits(tree, touch, by_id):
    touch(f"{DF.replace('Deepfakes', 'FaceShifter')}/004_005.mp4")
    video = by_id(list_videos(_config(tree, methods=["fsh"])))["ff/fsh/004_005"]
    assert (video.split, video.label, video.identities) == ("test", 1, ("ff/004", "ff/005"))


@pytest.mark.parametrize("folder", [".", "elsewhere"])
def test_split_files_may_lie_in_the_root_or_in_a_named_folder(tree, folder):
    for split in ("train", "val", "test"):
        (tree / folder).mkdir(exist_ok=True)
        (tree / "splits" / f"{split}.json").rename(tree / folder / f"{split}.json")
    listing = list_videos(_config(tree, splits=None if folder == "." else folder))
    assert {v.split for v in listing.videos} == {"train"}


def test_without_split_files_both_people_decide(touch):
    pairs = [(f"{2 * i:03}", f"{2 * i + 1:03}") for i in range(10)]
    reals = [f"{REAL}/{name}.mp4" for pair in pairs for name in pair]
    root = touch(*reals, *[f"{DF}/{x}_{y}.mp4" for a, b in pairs for x, y in ((a, b), (b, a))], f"{DF}/readme.mp4")
    listing = list_videos(_config(root))
    assert {v.split for v in listing.videos} == {""} and len(listing.videos) == 40
    assert listing.missing == [] and listing.unlisted == [f"{DF}/readme.mp4"]
    assert "no train.json" in listing.notes[0]
    divided, left_out = assign_splits(listing.videos, {"train": 0.8, "val": 0.1, "test": 0.1})
    assert not left_out and not shared_identities(divided)
    assert Counter(v.split for v in divided) == {"train": 32, "val": 4, "test": 4}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"val\.json:1: is not JSON"),
        ("{}", r"val\.json: must be a list of pairs"),
        ('[["001", "002"], ["003"]]', r"val\.json: entry 1"),
        ('[["000", "008"]]', r"id 000 is in train\.json and in val\.json"),
    ],
)
def test_broken_split_file(tree, content, message):
    (tree / "splits" / "val.json").write_text(content)
    with pytest.raises(InputError, match=message):
        list_videos(_config(tree))


def test_split_files_belong_together(tree):
    (tree / "splits" / "val.json").unlink()
    with pytest.raises(InputError, match=r"val\.json not found"):
        list_videos(_config(tree))
    with pytest.raises(InputError, match="absent"):
        list_videos(_config(tree, splits="absent"))


@pytest.mark.parametrize("methods", [[], ["df", "df"], ["deepfakes"]])
def test_bad_methods(tmp_path, methods):
    with pytest.raises(ValidationError, match="methods"):
        _config(tmp_path, methods=methods)


def test_real_copy(real, by_id):
    listing = list_videos(_config(real("faceforensics")))
    splits = {name: video.split for name, video in by_id(listing).items()}
    assert splits == {
        "ff/real/004": "val", "ff/real/519": "train", "ff/nt/004_982": "val", "ff/df/519_515": "train",
    }  # fmt: skip
    assert len(listing.missing) == 5 * 1000 - 4 and listing.unlisted == []
    assert Counter(name.split("/")[1] for name in listing.missing) == {
        "real": 998, "df": 999, "ff": 1000, "fs": 1000, "nt": 999,
    }  # fmt: skip
