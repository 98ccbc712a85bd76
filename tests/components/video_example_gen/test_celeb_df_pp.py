import pytest

from artifacts.errors import InputError
from components.video_example_gen.celeb_df_pp import CelebDfPpConfig, list_videos
from components.video_example_gen.splits import shared_identities

METHODS = {
    "FaceSwap": (
        "Celeb-DF", "BlendFace", "GHOST", "HifiFace", "InSwapper", "MobileFaceSwap", "SimSwap", "UniFace",
    ),
    "FaceReenact": ("DaGAN", "FSRT", "HyperReenact", "LIA", "LivePortrait", "MCNET", "TPSMM"),
    "TalkingFace": ("AniTalker", "EchoMimic", "EDTalk", "FLOAT", "IP_LAP", "Real3DPortrait", "SadTalker"),
}  # fmt: skip
REALS = ("Celeb-real/id0_0000.mp4", "Celeb-real/id5_0001.mp4", "YouTube-real/00000.mp4", "YouTube-real/00170.mp4")
SWAP = "Celeb-synthesis/FaceSwap/SimSwap/id0_id1_0000.mp4"
TALK = "Celeb-synthesis/TalkingFace/SadTalker/id0_0000_test_id08701_aaa.mp4"
OTHER = "Celeb-synthesis/FaceReenact/LIA/id7_id8_0002.mp4"
LIST = f"1 Celeb-real/id0_0000.mp4\n1 YouTube-real/00170.mp4\n0 {SWAP}\n0 {TALK}\n0 {SWAP.replace('id1', 'id9')}\n"


def _config(root, **fields):
    return CelebDfPpConfig(type="celeb_df_pp", name="celeb", root=str(root), **fields)


@pytest.fixture
def tree(touch):
    root = touch(*REALS, SWAP, TALK, OTHER)
    (root / "List_of_testing_videos.txt").write_text(LIST)
    return root


def test_the_official_list_and_people(tree, by_id):
    listing = list_videos(_config(tree))
    assert {name: (v.label, v.split, v.identities) for name, v in by_id(listing).items()} == {
        "celeb/real/id0_0000": (0, "test", ("celeb/id0",)),
        "celeb/real/id5_0001": (0, "", ("celeb/id5",)),
        "celeb/real/00000": (0, "", ()),
        "celeb/real/00170": (0, "test", ()),
        "celeb/SimSwap/id0_id1_0000": (1, "test", ("celeb/id0", "celeb/id1")),
        "celeb/SadTalker/id0_0000_test_id08701_aaa": (1, "test", ("celeb/id0",)),
        "celeb/LIA/id7_id8_0002": (1, "", ("celeb/id7", "celeb/id8")),
    }
    assert listing.missing == ["celeb/SimSwap/id0_id9_0000"] and listing.unlisted == []
    assert listing.to_fill == ("train", "val") and listing.shared_identities == {("train", "test"), ("val", "test")}


@pytest.mark.parametrize("level", ["", "videos/"])
def test_every_method_is_its_own(touch, by_id, level):
    """One name under 22 methods is 22 videos."""
    names = [f"Celeb-synthesis/{s}/{m}/{level}id0_id1_0000.mp4" for s, methods in METHODS.items() for m in methods]
    videos = by_id(list_videos(_config(touch(*names))))
    assert set(videos) == {f"celeb/{m}/id0_id1_0000" for methods in METHODS.values() for m in methods}
    assert len(videos) == 22


def test_disjoint_leaves_out_who_is_in_test(tree, touch, by_id):
    touch("Celeb-real/id1_0003.mp4")
    listing = list_videos(_config(tree, disjoint=True))
    assert set(listing.left_out) == {"celeb/real/id1_0003"} and "celeb/LIA/id7_id8_0002" in by_id(listing)
    assert not shared_identities(listing.videos)


def test_a_copy_of_an_older_version_is_named(touch):
    root = touch(*REALS, "Celeb-synthesis/id0_id1_0000.mp4")
    with pytest.raises(InputError, match='are those of Celeb-DF v1 or v2, such as .*: "celeb_df"'):
        list_videos(_config(root))


def test_without_the_list_and_what_is_not_of_it(touch):
    root = touch(*REALS, SWAP, "Celeb-synthesis/id0_id1_0000.mp4", "Celeb-synthesis/FaceSwap/x.mp4", "a.zip")
    listing = list_videos(_config(root))
    assert {v.split for v in listing.videos} == {""} and "divided by people" in listing.notes[0]
    assert listing.unlisted == ["Celeb-synthesis/FaceSwap/x.mp4", "Celeb-synthesis/id0_id1_0000.mp4", "a.zip"]


@pytest.mark.parametrize("line", ["0 Celeb-synthesis/id0_id1_0000.mp4", SWAP, "2 YouTube-real/00170.mp4", "0 x"])
def test_a_broken_list(tree, line):
    (tree / "List_of_testing_videos.txt").write_text(f"1 YouTube-real/00170.mp4\n{line}\n")
    with pytest.raises(InputError, match=r"List_of_testing_videos\.txt:2: .* the list of Celeb-DF v2 is another one"):
        list_videos(_config(tree))
    with pytest.raises(InputError, match=r"absent\.txt: cannot be read"):
        list_videos(_config(tree, test_list="absent.txt"))
