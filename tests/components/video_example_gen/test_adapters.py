import sys
import types

import pytest
from pydantic import TypeAdapter, ValidationError

from artifacts.errors import InputError
from components.video_example_gen.adapters import ADAPTERS, DatasetConfig, list_videos, recognise

CONFIG = TypeAdapter(DatasetConfig)
LAYOUTS = {
    "faceforensics": "original_sequences/youtube/c23/videos/000.mp4",
    "dfdc": "dfdc_train_part_0/metadata.json",
    "celeb_df_pp": "Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000.mp4",
    "deeper_forensics": "manipulated_videos/end_to_end/000_M101.mp4",
    "kodf": "synthesized_videos/dfl/20201020/100002/100002_100001_1_0090.mp4",
    "uadfv": "fake/0000_fake.mp4",
    "df40": "DF40/simswap/ff/frames/000_003/000.png",
    "celeb_df": "Celeb-real/id0_0000.mp4",
    "folder": "train/real/x.mp4",
}
# Roots that are of another kind, too: UADFV has folders of real and fake, Celeb-DF++ the real videos of Celeb-DF.
BOTH = {("uadfv", "folder"), ("celeb_df", "celeb_df_pp")}


def _config(kind, root, **fields):
    return CONFIG.validate_python({"type": kind, "name": "x", "root": str(root), **fields})


@pytest.mark.parametrize("kind", LAYOUTS)
def test_recognise(touch, kind):
    assert recognise(str(touch(LAYOUTS[kind]))) == kind


def test_recognises_a_flat_copy(touch):
    assert recognise(str(touch("original/000.mp4", "NeuralTextures/000_003.mp4"))) == "faceforensics"


def test_recognises_nothing_elsewhere(touch):
    assert recognise(str(touch("a/b.mp4"))) is None
    assert recognise(str(touch("a/b.mp4") / "absent")) is None


@pytest.mark.parametrize("asked", LAYOUTS)
@pytest.mark.parametrize("there", LAYOUTS)
def test_a_root_of_another_kind_is_named(touch, asked, there):
    root = touch(LAYOUTS[there])
    if asked != there and (there, asked) not in BOTH:
        with pytest.raises(InputError, match=rf'does not look like .*: set "type": "{there}"'):
            list_videos(_config(asked, root))


@pytest.mark.parametrize("there", sorted(LAYOUTS.keys() - {"dfdc"}))  # whose parts may be there
def test_a_data_set_one_level_below_its_root_is_named(touch, there):
    root = touch(f"archive/{LAYOUTS[there]}")
    with pytest.raises(InputError, match=rf'archive looks like .*: set "root" to it and "type": "{there}"'):
        list_videos(_config("celeb_df" if there != "celeb_df" else "faceforensics", root))


@pytest.mark.parametrize("asked", ["dfdc_preview", "deepfakebench"])
def test_a_root_without_the_lists_that_a_kind_needs(touch, asked):
    with pytest.raises(InputError, match='does not look like .*json.*: set "type": "kodf"'):
        list_videos(_config(asked, touch(LAYOUTS["kodf"])))


def test_a_root_of_no_kind(touch):
    with pytest.raises(InputError, match="does not look like DFDC .no metadata.json.*nor like any other"):
        list_videos(_config("dfdc", touch("a/b.mp4")))


def test_a_root_of_the_right_kind_without_videos_says_why(touch):
    root = touch("original_sequences/youtube/c40/videos/000.mp4")
    with pytest.raises(InputError, match='compression: "c23": .* but videos of c40. Set "compression" to "c40"'):
        list_videos(_config("faceforensics", root))
    (root / "list.csv").write_text("path,label\nabsent.mp4,real\n")
    with pytest.raises(InputError, match="none of the 1 videos"):
        list_videos(_config("folder", touch("empty/list.csv") / "empty", csv=str(root / "list.csv")))


def test_roots_that_cannot_be_listed(touch):
    root = touch("file")
    with pytest.raises(InputError, match="absent: no such folder"):
        list_videos(_config("folder", root / "absent"))
    with pytest.raises(InputError, match="file: is a file"):
        list_videos(_config("folder", root / "file"))


@pytest.mark.parametrize("name", ["", "a/b", "a b"])
def test_names_that_would_spoil_ids(tmp_path, name):
    with pytest.raises(ValidationError, match="name"):
        CONFIG.validate_python({"type": "folder", "name": name, "root": str(tmp_path)})


def test_unknown_type_and_unknown_field(tmp_path):
    with pytest.raises(
        ValidationError, match="'faceforensics', 'dfdc', 'dfdc_preview', .*'df40', 'folder', 'crops', 'sample'"
    ):
        _config("kaggle", tmp_path)
    with pytest.raises(ValidationError, match="compresion"):
        _config("faceforensics", tmp_path, compresion="c23")


def test_the_union_has_every_adapter_and_every_field_is_described():
    schema = CONFIG.json_schema()
    assert set(schema["discriminator"]["mapping"]) == set(ADAPTERS)
    for model in schema["$defs"].values():
        assert all("description" in info for info in model["properties"].values()), model["title"]


def test_sample_is_made_and_listed_as_faceforensics(tmp_path, monkeypatch):
    calls = []

    def make_sample(root, clips, seed):
        calls.append((root, clips, seed))
        for name in ("original_sequences/youtube", "manipulated_sequences/NeuralTextures"):
            folder = tmp_path / "new" / name / "c23" / "videos"
            folder.mkdir(parents=True)
            (folder / ("000.mp4" if "original" in name else "000_001.mp4")).touch()

    fake = types.SimpleNamespace(make_sample=make_sample)
    monkeypatch.setitem(sys.modules, "components.video_example_gen.sample", fake)
    listing = list_videos(_config("sample", tmp_path / "new", clips=6, seed=2))
    assert calls == [(str(tmp_path / "new"), 6, 2)]
    assert {v.video_id for v in listing.videos} == {"x/real/000", "x/nt/000_001"}
