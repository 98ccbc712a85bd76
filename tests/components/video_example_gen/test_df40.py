from collections import Counter

from components.video_example_gen.component import VideoExampleGenParameters
from components.video_example_gen.df40 import Df40Config, list_videos
from components.video_example_gen.executor import list_datasets

FF = "FaceForensics++/original_sequences/youtube/c23/frames"
CELEB = "Celeb-DF-v2"
FILES = (
    "DF40_train/simswap/frames/001_870/000.png",
    "DF40_train/simswap/frames/001_870/001.png",
    "DF40_train/StyleGAN2/870/seed0188.png",
    "DF40/simswap/ff/frames/953_974/000.png",
    "DF40/blendface/blendface/cdf/frames/id0_id1_0000/000.png",
    "DF40/e4e/cdf/Celeb-real/inversions/00012.jpg",
    "DF40/heygen/heygen_new/fake/abc/000.png",
    "DF40/heygen/heygen_new/real/abc/000.png",
    "DF40/MidJourney/fake/mj_1.png",
    f"{FF}/001/000.png",
    f"{FF}/974/000.png",
    f"{CELEB}/Celeb-real/frames/id0_0000/000.png",
    f"{CELEB}/YouTube-real/frames/00170/000.png",
)


def _config(root, **fields):
    return Df40Config(type="df40", name="df40", root=str(root), **fields)


def test_methods_labels_sets_and_people(touch, by_id):
    root = touch(*FILES)
    listing = list_videos(_config(root))
    videos = {v.uri.removeprefix(f"{root}/"): v for v in listing.videos}
    assert len(by_id(listing)) == len(FILES) and {v.kind for v in listing.videos} == {"crop"}
    assert {name: (v.method, v.label, v.split, v.identities) for name, v in videos.items()} == {
        FILES[0]: ("simswap", 1, "", ("df40/ff001", "df40/ff870")),
        FILES[1]: ("simswap", 1, "", ("df40/ff001", "df40/ff870")),
        FILES[2]: ("StyleGAN2", 1, "", ("df40/ff870",)),
        FILES[3]: ("simswap", 1, "test", ("df40/ff953", "df40/ff974")),
        FILES[4]: ("blendface", 1, "test", ("df40/celeb0", "df40/celeb1")),
        FILES[5]: ("e4e", 1, "test", ("df40/e4e-00012",)),
        FILES[6]: ("heygen", 1, "test", ("df40/heygen-abc",)),
        FILES[7]: ("real", 0, "test", ("df40/heygen-abc",)),
        FILES[8]: ("MidJourney", 1, "test", ("df40/MidJourney-mj_1",)),
        FILES[9]: ("real", 0, "", ("df40/ff001",)),
        FILES[10]: ("real", 0, "test", ("df40/ff974",)),
        FILES[11]: ("real", 0, "test", ("df40/celeb0",)),
        FILES[12]: ("real", 0, "test", ("df40/00170",)),
    }
    assert listing.unlisted == [] and listing.to_fill == ("train", "val") and not listing.shared_identities


def test_people_are_kept_apart_in_a_run(touch):
    pairs = [(f"{k:03}", f"{k + 1:03}") for k in range(0, 60, 2)]
    fakes = [f"DF40_train/{m}/frames/{a}_{b}/000.png" for m in ("simswap", "lia") for a, b in pairs[:20]]
    fakes += [f"DF40/simswap/ff/frames/{a}_{b}/000.png" for a, b in pairs[20:]]
    root = touch(*fakes, *(f"{FF}/{name}/000.png" for pair in pairs for name in pair))
    dataset = {"type": "df40", "name": "df40", "root": str(root)}
    videos, reports = list_datasets(VideoExampleGenParameters.model_validate({"datasets": [dataset]}))
    assert len(videos) == 40 + 10 + 60 and reports["df40"]["shared_identities"] == []
    assert Counter(v.split for v in videos if v.label == 0)["test"] == 20
    assert {(v.split, v.label) for v in videos} == {(s, k) for s in ("train", "val", "test") for k in (0, 1)}


def test_films_and_folders_as_they_are_downloaded(touch, by_id):
    """The films of face swaps and reenactments come in train/ and test/."""
    root = touch("train/simswap/001_870.mp4", "test/simswap/cdf/id0_id1_0000.mp4", "test/heygen/real_mp4/a.mp4")
    videos = by_id(list_videos(_config(root)))
    assert {name: (v.kind, v.split, v.label) for name, v in videos.items()} == {
        "df40/simswap/train/simswap/001_870": ("video", "", 1),
        "df40/simswap/test/simswap/cdf/id0_id1_0000": ("video", "test", 1),
        "df40/real/test/heygen/real_mp4/a": ("video", "test", 0),
    }


def test_frames_per_video_and_flat_folders(touch):
    """Pictures right below a folder that names no video are one video each."""
    frames = [f"DF40/simswap/ff/frames/953_974/{k:03}.png" for k in range(8)]
    flat = [f"DF40/MidJourney/fake/{k}.png" for k in range(8)]
    videos = list_videos(_config(touch(*frames, *flat), frames_per_video=2)).videos
    assert Counter(v.method for v in videos) == {"simswap": 2, "MidJourney": 8}
    clip = "df40/simswap/DF40/simswap/ff/frames/953_974"
    assert [(v.uri[-7:], v.clip, v.frame) for v in videos if v.method == "simswap"] == [
        ("000.png", clip, 0), ("004.png", clip, 4),
    ]  # fmt: skip
    assert {v.clip for v in videos if v.method == "MidJourney"} == {""}


def test_chosen_methods_and_pictures_that_are_no_crops(touch):
    listing = list_videos(
        _config(touch(*FILES, "DF40/simswap/x.zip", "notes/a.png"), methods=["e4e"], pictures="image")
    )
    assert {v.method for v in listing.videos} == {"e4e", "real"} and {v.kind for v in listing.videos} == {"image"}
    assert listing.unlisted == ["DF40/simswap/x.zip", "notes/a.png"]
    assert listing.notes == ['8 files of methods that "methods" does not name']
