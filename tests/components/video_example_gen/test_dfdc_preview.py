import json

import pytest

from artifacts.errors import InputError
from components.video_example_gen.component import VideoExampleGenParameters
from components.video_example_gen.dfdc_preview import DfdcPreviewConfig, list_videos
from components.video_example_gen.executor import list_datasets

REAL = "original_videos/{0}/{0}_{1}_001.mp4"
TABLE = {
    REAL.format(643049, "A"): {"label": "real", "set": "train", "target_id": 643049, "swapped_id": None},
    REAL.format(1224068, "B"): {"label": "real", "set": "test", "target_id": 1224068, "swapped_id": None},
    "method_B/1260311/1260311_C/1255229_1260311_C_001.mp4": {
        "label": "fake", "set": "train", "target_id": 1260311, "swapped_id": 1255229, "augmentations": [],
    },
    "method_A/1224068/1224068_B/1300000_1224068_B_001.mp4": {
        "label": "fake", "set": "test", "target_id": 1224068, "swapped_id": 1300000, "augmentations": [],
    },
}  # fmt: skip


def _config(root, **fields):
    return DfdcPreviewConfig(type="dfdc_preview", name="dfdcp", root=str(root), **fields)


@pytest.fixture
def tree(touch):
    root = touch(*TABLE)
    (root / "dataset.json").write_text(json.dumps(TABLE))
    return root


def test_its_own_sets_labels_and_people(tree, by_id):
    listing = list_videos(_config(tree))
    assert {name: (v.label, v.split, v.identities) for name, v in by_id(listing).items()} == {
        "dfdcp/real/643049/643049_A_001": (0, "", ("dfdcp/643049",)),
        "dfdcp/real/1224068/1224068_B_001": (0, "test", ("dfdcp/1224068",)),
        "dfdcp/method_B/1260311/1260311_C/1255229_1260311_C_001": (1, "", ("dfdcp/1260311", "dfdcp/1255229")),
        "dfdcp/method_A/1224068/1224068_B/1300000_1224068_B_001": (1, "test", ("dfdcp/1224068", "dfdcp/1300000")),
    }
    assert listing.to_fill == ("train", "val") and listing.missing == listing.unlisted == listing.notes == []


def test_a_partial_copy(tree, touch):
    (tree / REAL.format(643049, "A")).unlink()
    listing = list_videos(_config(touch("method_A/extra.mp4", "notes.txt")))
    assert listing.missing == ["dfdcp/real/643049/643049_A_001"] and listing.unlisted == ["method_A/extra.mp4"]


def test_people_that_its_sets_share_stay_in_training(tree, touch):
    name = REAL.format(1224068, "C")
    table = {**TABLE, name: {"label": "real", "set": "train", "target_id": 1224068}}
    (touch(name) / "dataset.json").write_text(json.dumps(table))
    listing = list_videos(_config(tree))
    assert "1 person in the data set's own test set is in training, too" in listing.notes[0]
    dataset = {"type": "dfdc_preview", "name": "dfdcp", "root": str(tree)}
    videos, _ = list_datasets(VideoExampleGenParameters.model_validate({"datasets": [dataset]}))
    assert len(videos) == 5


def test_the_table_may_lie_elsewhere(tree):
    (tree / "dataset.json").rename(tree / "labels.json")
    assert len(list_videos(_config(tree, table="labels.json")).videos) == 4
    with pytest.raises(InputError, match=r"dataset\.json: cannot be read"):
        list_videos(_config(tree))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"label": "maybe", "set": "train"}, "it needs a label, real or fake"),
        ({"label": "fake", "set": "later"}, "it needs a label, real or fake, a set"),
        ({"label": "real", "set": "train"}, "is real, which contradicts its folder method_A; use the official file"),
        ("fake", "it needs a label"),
    ],
)
def test_a_broken_table(tree, entry, message):
    (tree / "dataset.json").write_text(json.dumps({"method_A/1/x.mp4": entry}))
    with pytest.raises(InputError, match=rf'dataset\.json: "method_A/1/x\.mp4" is .*{message}|{message}'):
        list_videos(_config(tree))


def test_a_table_that_is_no_object(tree):
    (tree / "dataset.json").write_text("[]")
    with pytest.raises(InputError, match=r"dataset\.json: must be an object"):
        list_videos(_config(tree))
