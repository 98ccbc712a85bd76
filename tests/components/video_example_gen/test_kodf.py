import pytest
from pydantic import ValidationError

from components.video_example_gen.kodf import KodfConfig, list_videos
from components.video_example_gen.splits import assign_splits, shared_identities

ACTOR = "0123456789abcdef0123"
FILES = (
    f"original_videos/{ACTOR}/{ACTOR}_001.mp4",
    "original_videos/100001/100001_001.mp4",
    "original_videos/100002/100002_001.mp4",
    "synthesized_videos/dfl/20201020/100002/100002_100001_1_0090.mp4",
    f"synthesized_videos/dffs/20201021/{ACTOR}/{ACTOR}_100001_2_0001.mp4",
    "synthesized_videos/audio-driven/100001/100001_100001_5_0007.mp4",
)


def _config(root, **fields):
    return KodfConfig(type="kodf", name="kodf", root=str(root), **fields)


def test_people_and_methods(touch, by_id):
    listing = list_videos(_config(touch(*FILES)))
    assert {name: (v.label, v.identities) for name, v in by_id(listing).items()} == {
        f"kodf/real/{ACTOR}_001": (0, (f"kodf/{ACTOR}",)),
        "kodf/real/100001_001": (0, ("kodf/100001",)),
        "kodf/real/100002_001": (0, ("kodf/100002",)),
        "kodf/dfl/100002_100001_1_0090": (1, ("kodf/100002", "kodf/100001")),
        f"kodf/dffs/{ACTOR}_100001_2_0001": (1, (f"kodf/{ACTOR}", "kodf/100001")),
        "kodf/audio-driven/100001_100001_5_0007": (1, ("kodf/100001",)),
    }
    assert listing.unlisted == [] and listing.missing == [] and listing.to_fill == ("train", "val", "test")


def test_people_are_kept_apart(touch):
    reals = [f"original_videos/{i}/{i}_{k:03}.mp4" for i in range(100000, 100020) for k in range(3)]
    fakes = [f"synthesized_videos/fo/d/{i}/{i}_{i + 1}_4_0001.mp4" for i in range(100000, 100020, 2)]
    divided, left_out = assign_splits(list_videos(_config(touch(*reals, *fakes))).videos, {"train": 0.8, "test": 0.2})
    assert not left_out and not shared_identities(divided) and {v.split for v in divided} == {"train", "test"}


def test_chosen_methods_and_what_is_not_of_it(touch):
    touch("synthesized_videos/100002_100001_1_0091.mp4", "synthesized_videos/dfl/noise.mp4", "original_videos/x.zip")
    listing = list_videos(_config(touch(*FILES, "adversarial/100001_001.mp4"), methods=["dfl"]))
    assert {v.method for v in listing.videos} == {"real", "dfl"}
    assert listing.unlisted == sorted(
        [
            *FILES[4:],
            "adversarial/100001_001.mp4",
            "original_videos/x.zip",
            "synthesized_videos/100002_100001_1_0091.mp4",
            "synthesized_videos/dfl/noise.mp4",
        ]
    )
    with pytest.raises(ValidationError, match="methods"):
        _config("x", methods=["deepfakes"])
