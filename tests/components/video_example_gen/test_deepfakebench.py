import json
from collections import Counter

import pytest

from artifacts.errors import InputError
from components.video_example_gen.component import VideoExampleGenParameters
from components.video_example_gen.deepfakebench import DeepfakeBenchConfig, list_videos
from components.video_example_gen.executor import list_datasets

FF = "FaceForensics++"
REAL = f"{FF}/original_sequences/youtube/{{}}/frames/{{}}/{{}}.png"
DF = f"{FF}/manipulated_sequences/Deepfakes/{{}}/frames/{{}}/{{}}.png"
MASK = f"{FF}/manipulated_sequences/Deepfakes/c23/masks/000_003/000.png"
CELEB = "Celeb-DF-v2/{}/frames/{}/{}.png"


def _config(root, **fields):
    return DeepfakeBenchConfig(type="deepfakebench", name="bench", root=str(root), **fields)


def _video(label, place, name, compression="c23", frames=("000", "015")):
    paths = [place.format(compression, name, frame) for frame in frames]
    return {name: {"label": label, "frames": paths}}


def _write(root, name, content):
    folder = root / "preprocessing" / "dataset_json"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))


def _paths(node):
    if isinstance(node, dict):
        frames = node.get("frames", []) if isinstance(node.get("frames"), list) else []
        return [*frames, *(path for value in node.values() for path in _paths(value))]
    return []


def _ff():
    """FaceForensics++.json and FF-DF.json, with one video of each class in each split and two compressions."""
    real, fake = {}, {}
    for split, (a, b) in {"train": ("000", "003"), "val": ("001", "002"), "test": ("004", "005")}.items():
        real[split] = {c: _video("FF-real", REAL, a, c) | _video("FF-real", REAL, b, c) for c in ("c23", "c40")}
        fake[split] = {c: _video("FF-DF", DF, f"{a}_{b}", c) for c in ("c23", "c40")}
    fake["train"]["c23"]["000_003"]["masks"] = [MASK]
    return {"FF-real": real, "FF-DF": fake}


@pytest.fixture
def tree(touch):
    classes = _ff()
    root = touch(*_paths(classes), MASK)
    _write(root, "FaceForensics++.json", {FF: classes})
    _write(root, "FF-DF.json", {"FF-DF": classes})
    return root


def test_the_official_splits_of_faceforensics(tree, by_id):
    listing = list_videos(_config(tree))
    videos = by_id(listing)
    assert Counter((v.split, v.label) for v in videos.values()) == {
        ("train", 0): 4, ("train", 1): 2, ("val", 0): 4, ("val", 1): 2, ("test", 0): 4, ("test", 1): 2,
    }  # fmt: skip
    fake = videos["bench/FF-DF/Deepfakes/c23/frames/000_003/000"]
    assert (fake.label, fake.split, fake.kind, fake.method) == (1, "train", "crop", "FF-DF")
    assert fake.uri == str(tree / DF.format("c23", "000_003", "000"))
    assert fake.identities == ("bench/ff000", "bench/ff003")
    assert videos["bench/real/youtube/c23/frames/000/015"].identities == ("bench/ff000",)
    assert listing.missing == [] and listing.to_fill == () and not listing.shared_identities
    assert "9 repeated entries" in listing.notes[0], "both files hold them, and each is used once"


def test_the_other_compression_is_unlisted(tree):
    listing = list_videos(_config(tree))
    assert all("/c40/" in name for name in listing.unlisted) and len(listing.unlisted) == 18
    assert {v.uri.split("/")[-4] for v in list_videos(_config(tree, compression="c40")).videos} == {"c40"}


@pytest.mark.parametrize("prefix", ["./datasets/", "/home/someone/datasets/rgb/", "D:\\datasets\\"])
def test_paths_of_another_machine(touch, prefix):
    classes = _ff()
    root = touch(*_paths(classes))
    for path in _paths(classes):
        assert path.startswith(FF)
    text = json.dumps({FF: classes}).replace(f'"{FF}/', json.dumps(prefix)[:-1] + f"{FF}/")
    _write(root, "FaceForensics++.json", json.loads(text.replace("/", "\\\\")) if "\\" in prefix else json.loads(text))
    listing = list_videos(_config(root))
    assert len(listing.videos) == 18 and listing.missing == []


def test_a_partial_copy(tree, touch):
    (tree / DF.format("c23", "000_003", "015")).unlink()
    listing = list_videos(_config(tree, json_files=["preprocessing/dataset_json/FF-DF.json"]))
    assert listing.missing == ["bench/FF-DF/Deepfakes/c23/frames/000_003/015"] and len(listing.videos) == 17


def test_frames_per_video(tree):
    listing = list_videos(_config(tree, frames_per_video=1))
    assert len(listing.videos) == 9 and len(listing.unlisted) == 18, "frames that are left out are listed"


def _celeb():
    """As DeepfakeBench writes it: the test videos are in all three splits."""
    real = _video("CelebDFv2_real", CELEB, "id0_0000", "Celeb-real")
    fake = _video("CelebDFv2_fake", CELEB, "id0_id1_0000", "Celeb-synthesis")
    more_real, more_fake = {}, {}
    for k in range(2, 22):
        more_real |= _video("CelebDFv2_real", CELEB, f"id{k}_0000", "Celeb-real")
        more_fake |= _video("CelebDFv2_fake", CELEB, f"id{k}_id{k + 100}_0000", "Celeb-synthesis")
    more_real |= _video("CelebDFv2_real", CELEB, "id0_0001", "Celeb-real")  # of a person in the test
    return {
        "CelebDFv2_real": {"train": real | more_real, "val": real, "test": real},
        "CelebDFv2_fake": {"train": fake | more_fake, "val": fake, "test": fake},
    }


def test_test_videos_that_are_in_train_too_are_test_videos(touch):
    """And validation, which is the test there, is carved out of training by people."""
    classes = _celeb()
    root = touch(*_paths(classes))
    _write(root, "Celeb-DF-v2.json", {"Celeb-DF-v2": classes})
    listing = list_videos(_config(root))
    assert {v.uri.split("/")[-2] for v in listing.videos if v.split == "test"} == {"id0_0000", "id0_id1_0000"}
    assert {v.split for v in listing.videos} == {"", "test"} and listing.to_fill == ("train", "val")
    assert "1 person in the data set's own test set is in training, too" in listing.notes[1]
    dataset = {"type": "deepfakebench", "name": "bench", "root": str(root)}
    videos, _ = list_datasets(VideoExampleGenParameters.model_validate({"datasets": [dataset]}))
    assert {(v.split, v.label) for v in videos} == {(s, k) for s in ("train", "val", "test") for k in (0, 1)}
    people = {split: {p for v in videos if v.split == split for p in v.identities} for split in ("train", "val")}
    assert not people["train"] & people["val"] and len(videos) == len(listing.videos)


def test_everything_in_all_splits_is_for_the_test(touch):
    place = "UADFV/{}/frames/{}/{}.png"
    real, fake = _video("UADFV_Real", place, "0000", "real"), _video("UADFV_Fake", place, "0000_fake", "fake")
    classes = {n: dict.fromkeys(("train", "test", "val"), v) for n, v in (("UADFV_Real", real), ("UADFV_Fake", fake))}
    root = touch(*_paths(classes))
    _write(root, "UADFV.json", {"UADFV": classes})
    videos = list_videos(_config(root)).videos
    assert {(v.split, v.label, v.identities) for v in videos} == {
        ("test", 0, ("bench/uadfv0000",)), ("test", 1, ("bench/uadfv0000",)),
    }  # fmt: skip


def test_methods_below_a_split_and_what_lies_beside_videos(touch):
    """Celeb-DF++ has a level more; DFDC's validation has the label and frames of its last video beside the videos."""
    place = "Celeb-DF-v3/Celeb-synthesis/FaceSwap/{}/frames/{}/{}.png"
    fake = {m: _video("CelebDFv3_fake", place, "id0_id1_0000", m) for m in ("SimSwap", "GHOST")}
    dfdc = _video("DFDC_Real", "DFDC/{}/frames/{}/{}.png", "aagfhgtpmv", "test")
    classes = {"CelebDFv3_fake": {"test": fake}, "DFDC_Real": {"test": dfdc}}
    root = touch(*_paths(classes))
    _write(root, "mixed.json", {"mixed": {**classes, "DFDC_Real": {"test": dfdc | {"label": "x", "frames": []}}}})
    videos = list_videos(_config(root)).videos
    assert {v.method for v in videos} == {"real", "CelebDFv3_fake-SimSwap", "CelebDFv3_fake-GHOST"} and len(videos) == 6


def test_one_method_of_df40_in_its_own_file_and_in_that_of_all(touch):
    train = "deepfakes_detection_datasets/DF40_train/simswap/frames/{1}/{2}.png"
    test = "deepfakes_detection_datasets/DF40/simswap/ff/frames/{1}/{2}.png"
    for name, label in (("simswap_ff", "simswap_Fake"), ("FSAll_ff", "FSAll_Fake")):
        classes = {label: {"train": _video(label, train, "001_870"), "test": _video(label, test, "953_974")}}
        root = touch(*(path.removeprefix("deepfakes_detection_datasets/") for path in _paths(classes)))
        _write(root, f"{name}.json", {name: classes})
    listing = list_videos(_config(root))
    assert len(listing.videos) == 4 and listing.missing == listing.unlisted == []
    assert {(v.split, v.identities[0]) for v in listing.videos} == {("", "bench/ff001"), ("test", "bench/ff953")}


def test_labels_that_do_not_tell(touch):
    classes = {"my_swap": {"test": _video("my_swap", "a/{}/{}/{}.png", "x")}}
    root = touch(*_paths(classes))
    _write(root, "mine.json", {"mine": classes})
    with pytest.raises(InputError, match=r'mine\.json: label "my_swap" does not say .*"labels": {"my_swap": "fake"}'):
        list_videos(_config(root))
    assert {v.label for v in list_videos(_config(root, labels={"my_swap": "fake"})).videos} == {1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], r"a data set is \[\]; it must be an object"),
        ({"x": {"a_fake": []}}, r"x: a_fake: a split is \[\]"),
        ({"x": {"a_fake": {"later": {}}}}, 'x: a_fake: "later" is no split'),
        ({"x": {"a_fake": {"test": {"v": 3}}}}, "x: a_fake: test: v is 3; it must be a video"),
        ({"x": {"a_fake": {"test": {"v": {"frames": "f"}}}}}, "x: a_fake: test: v: frames is 'f'; it must be a list"),
        ({"x": {"a_fake": {"test": {"m": {"n": {"v": {}}}}}}}, "n has no frames"),
    ],
)
def test_broken_files(touch, content, message):
    root = touch("x.png")
    _write(root, "b.json", content)
    with pytest.raises(InputError, match=rf"b\.json: .*{message}|b\.json: {message}"):
        list_videos(_config(root))


def test_one_video_with_two_labels(tree):
    classes = _ff()
    twisted = {"FF-DF_real": {"train": {"c23": _video("other_real", DF, "000_003")}}}
    _write(tree, "twisted.json", {"x": twisted | classes})
    with pytest.raises(
        InputError, match="000_003 in .* is fake in .*FF-DF.json and real in .*twisted.json; remove one"
    ):
        list_videos(_config(tree))


def test_the_frames_of_a_video_are_one_clip(tree):
    crops = [v for v in list_videos(_config(tree)).videos if v.identities[0] == "bench/ff000"]
    assert {(v.clip, v.frame) for v in crops} == {
        (f"bench/{clip}", frame)
        for clip in ("FF-DF/Deepfakes/c23/frames/000_003", "real/youtube/c23/frames/000")
        for frame in (0, 15)
    }


def test_pictures_in_one_folder_are_clips_by_themselves(touch):
    """As e4e of DF40 has them."""
    videos = {k: {"label": "e4e_Fake", "frames": [f"DF40/e4e/ff/inversions/{k}.jpg"]} for k in ("00001", "00002")}
    root = touch(*_paths(videos))
    _write(root, "e4e_ff.json", {"e4e_ff": {"e4e_Fake": {"test": videos}}})
    listing = list_videos(_config(root))
    assert {v.clip for v in listing.videos} == {f"bench/e4e_Fake/DF40/e4e/ff/inversions/{k}" for k in videos}
