import pytest

from artifacts.errors import InputError
from components.video_example_gen.celeb_df import TEST_LIST, CelebDfConfig, list_videos
from components.video_example_gen.splits import assign_splits, shared_identities

FILES = (
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0000.mp4",
    "Celeb-real/id2_0000.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
    "Celeb-synthesis/id2_id3_0000.mp4",
    "YouTube-real/00000.mp4",
    "YouTube-real/00001.mp4",
)
LIST = (
    "1 YouTube-real/00001.mp4\n1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0009.mp4"  # no newline at the end
)


def _config(root, **fields):
    return CelebDfConfig(type="celeb_df", name="celeb", root=str(root), **fields)


@pytest.fixture
def tree(touch):
    root = touch(*FILES)
    (root / TEST_LIST).write_text(LIST)
    return root


def test_test_is_what_the_list_names_and_the_rest_is_to_be_divided(tree, by_id):
    listing = list_videos(_config(tree))
    assert {name: (v.label, v.split) for name, v in by_id(listing).items()} == {
        "celeb/real/id0_0000": (0, "test"),
        "celeb/real/id1_0000": (0, ""),
        "celeb/real/id2_0000": (0, ""),
        "celeb/fake/id0_id1_0000": (1, ""),
        "celeb/fake/id2_id3_0000": (1, ""),
        "celeb/real/00000": (0, ""),
        "celeb/real/00001": (0, "test"),
    }
    assert listing.missing == ["celeb/fake/id0_id1_0009"], "the last line of the list counts"
    assert listing.to_fill == ("train", "val") and listing.unlisted == []
    assert listing.shared_identities == {("train", "test"), ("val", "test")} and "protocol" in listing.notes[0]


def test_people(tree, by_id):
    videos = by_id(list_videos(_config(tree)))
    assert videos["celeb/fake/id2_id3_0000"].identities == ("celeb/id2", "celeb/id3")
    assert videos["celeb/real/id1_0000"].identities == ("celeb/id1",)
    assert videos["celeb/real/00000"].identities == ()


def test_copies_with_a_level_between(touch, by_id):
    root = touch(*(name.replace("/", "/videos/") for name in FILES))
    (root / TEST_LIST).write_text(LIST)
    videos = by_id(list_videos(_config(root)))
    assert len(videos) == len(FILES) and videos["celeb/real/00001"].split == "test"


def test_disjoint_leaves_out_who_is_in_test(tree, by_id):
    listing = list_videos(_config(tree, disjoint=True))
    assert set(listing.left_out) == {"celeb/real/id1_0000", "celeb/fake/id0_id1_0000"}
    assert "celeb/fake/id2_id3_0000" in by_id(listing)
    assert listing.shared_identities == set() and not shared_identities(listing.videos)
    assert "2 of 5 training videos left out, because 2 celebrities" in listing.notes[0]


def test_other_files_are_unlisted(tree, touch):
    touch("Celeb-real/copy of id0.mp4", "Celeb-real/deep/er/id5_0000.mp4", "x.mp4", "YouTube-real/id0_0000.mp4")
    touch("Celeb-real/id7_0000.rmvb", "YouTube-real/00009.jpg", "notes.txt")
    assert list_videos(_config(tree)).unlisted == [
        "Celeb-real/copy of id0.mp4",
        "Celeb-real/deep/er/id5_0000.mp4",
        "Celeb-real/id7_0000.rmvb",
        "YouTube-real/00009.jpg",
        "YouTube-real/id0_0000.mp4",
        "x.mp4",
    ]


def test_without_the_list(touch):
    listing = list_videos(_config(touch(*FILES)))
    assert {v.split for v in listing.videos} == {""} and listing.to_fill == ("train", "val", "test")
    assert TEST_LIST in listing.notes[0]


def test_a_copy_without_videos_gets_no_word_about_its_list(touch):
    root = touch("Celeb-real/readme.txt")
    (root / TEST_LIST).write_text("1 YouTube-real/00170.mp4\n")
    listing = list_videos(_config(root))
    assert (listing.videos, listing.notes) == ([], []) and len(listing.missing) == 1


def test_the_list_may_lie_elsewhere(tree):
    (tree / TEST_LIST).rename(tree / "tests.txt")
    assert sum(v.split == "test" for v in list_videos(_config(tree, test_list="tests.txt")).videos) == 2
    with pytest.raises(InputError, match="absent"):
        list_videos(_config(tree, test_list="absent.txt"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 YouTube-real/00001.mp4", ":2: label 0 contradicts the folder YouTube-real"),
        ("1 Celeb-synthesis/id0_id1_0000.mp4", ":2: label 1 contradicts"),
        ("2 YouTube-real/00001.mp4", ":2: .* must be a label and a file"),
        ("YouTube-real/00001.mp4", ":2: .* must be"),
        ("1 Elsewhere/00001.mp4", ":2: .* folders are Celeb-real"),
    ],
)
def test_broken_list(tree, line, message):
    (tree / TEST_LIST).write_text(f"1 YouTube-real/00000.mp4\n{line}\n")
    with pytest.raises(InputError, match=message):
        list_videos(_config(tree))


def test_the_official_list_with_fabricated_files(real, tmp_path):
    content = (real("celeb_df") / TEST_LIST).read_text()
    (tmp_path / TEST_LIST).write_text(content)
    names = [line.split()[1] for line in content.splitlines()]
    more = [f"Celeb-real/id{i}_0050.mp4" for i in range(59)]
    more += [f"Celeb-synthesis/id{i}_id{(i + step) % 59}_0050.mp4" for i in range(59) for step in range(1, 8)]
    for name in [*names[:-1], *more]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listing = list_videos(_config(tmp_path))
    test = [v for v in listing.videos if v.split == "test"]
    assert (sum(v.label == 0 for v in test), sum(v.label == 1 for v in test)) == (178, 339)
    assert listing.missing == ["celeb/fake/id17_id2_0003"] and "56 celebrities" in listing.notes[0]

    waiting = [v for v in listing.videos if not v.split]
    divided, left_out = assign_splits(waiting, {"train": 0.8, "val": 0.1})
    assert not shared_identities(divided) and len(left_out) < len(waiting) / 2
    assert {(v.split, v.label) for v in divided} == {(s, label) for s in ("train", "val") for label in (0, 1)}
