from collections import Counter

import pytest
from pydantic import ValidationError

from artifacts.errors import InputError
from components.video_example_gen.deeper_forensics import DeeperForensicsConfig, Variant, list_videos
from components.video_example_gen.splits import assign_splits, shared_identities

E2E = "manipulated_videos/end_to_end"
SOURCE = "source_videos/M101/light_up/surprise/camera_down/M101_light_up_surprise_camera_down.mp4"
SPLITS = {"train": ["000_M101.mp4", "003_M101.mp4"], "val": ["001_W006.mp4"], "test": ["002_W136.mp4"]}


def _config(root, **fields):
    return DeeperForensicsConfig(type="deeper_forensics", name="df1", root=str(root), **fields)


def _lists(root, **lines):
    (root / "lists" / "splits").mkdir(parents=True, exist_ok=True)
    for split in ("train", "val", "test"):
        (root / "lists" / "splits" / f"{split}.txt").write_text("\n".join(lines.get(split, SPLITS[split])))


@pytest.fixture
def tree(touch):
    fakes = [f"{E2E}/{name}" for names in SPLITS.values() for name in names if name != "003_M101.mp4"]
    root = touch(*fakes, SOURCE, *(f"ff/{k:03}.mp4" for k in range(4)))
    _lists(root)
    return root


def test_official_splits_and_real_targets(tree, by_id):
    listing = list_videos(_config(tree, targets="ff"))
    assert {name: (v.label, v.split, v.identities) for name, v in by_id(listing).items()} == {
        "df1/end_to_end/000_M101": (1, "train", ("df1/000", "df1/M101")),
        "df1/end_to_end/001_W006": (1, "val", ("df1/001", "df1/W006")),
        "df1/end_to_end/002_W136": (1, "test", ("df1/002", "df1/W136")),
        "df1/real/000": (0, "train", ("df1/000",)),
        "df1/real/001": (0, "val", ("df1/001",)),
        "df1/real/002": (0, "test", ("df1/002",)),
        "df1/real/003": (0, "train", ("df1/003",)),
    }
    assert listing.missing == ["df1/end_to_end/003_M101"] and listing.to_fill == () and listing.notes == []
    assert listing.unlisted == [SOURCE], "the actors' films are not the real part"
    assert not shared_identities(listing.videos)


def test_variants_are_methods(tree, touch, by_id):
    touch("manipulated_videos/end_to_end_level_5/000_M101.mp4", "manipulated_videos/reenact_postprocess/000_M101.mp4")
    listing = list_videos(_config(tree, variants=["end_to_end_level_5", "reenact_postprocess"], targets="ff"))
    assert Counter(v.method for v in by_id(listing).values()) == {
        "end_to_end_level_5": 1, "reenact_postprocess": 1, "real": 4,
    }  # fmt: skip
    assert len(listing.missing) == 6 and f"{E2E}/000_M101.mp4" in listing.unlisted
    assert len(Variant.__args__) == 11
    with pytest.raises(ValidationError, match="variants"):
        _config(tree, variants=["level_9"])


def test_without_the_real_part_and_a_variant(tree):
    notes = list_videos(_config(tree, variants=["end_to_end", "end_to_end_level_1"])).notes
    assert 'end_to_end_level_1 has no video: copy it, or take it out of "variants"' in notes[0]
    assert 'no real videos: they are the originals of FaceForensics++ at c23; set "targets"' in notes[1]
    with pytest.raises(InputError, match="targets: .*absent: no such folder"):
        list_videos(_config(tree, targets="absent"))


def test_without_lists_actors_and_targets_are_kept_apart(touch):
    fakes = [f"{E2E}/videos/{k:03}_{'MW'[k % 2]}{k // 2:03}.mp4" for k in range(40)]
    reals = [f"original_sequences/youtube/c23/videos/{k:03}.mp4" for k in range(40)]
    listing = list_videos(_config(touch(*fakes, *reals, f"{E2E}/videos/odd.mp4")))
    assert "no train.txt, val.txt and test.txt in lists/splits/" in listing.notes[0]
    assert len(listing.videos) == 80 and listing.unlisted == [f"{E2E}/videos/odd.mp4"]
    divided, left_out = assign_splits(listing.videos, {"train": 0.8, "val": 0.1, "test": 0.1})
    assert not left_out and not shared_identities(divided) and len({v.split for v in divided}) == 3


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["002_W136.mp4", "odd.mp4"], r"test\.txt:2: 'odd\.mp4' must be a fake such as 000_M101\.mp4"),
        (["000_M101.mp4"], r"test\.txt:1: target 000 is in train\.txt, too"),
    ],
)
def test_broken_lists(tree, lines, message):
    _lists(tree, test=lines)
    with pytest.raises(InputError, match=message):
        list_videos(_config(tree))


def test_lists_belong_together(tree):
    (tree / "lists" / "splits" / "val.txt").unlink()
    with pytest.raises(InputError, match=r"lists/splits: val\.txt not found"):
        list_videos(_config(tree))
