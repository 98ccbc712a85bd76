from components.video_example_gen.splits import assign_splits, shared_identities
from components.video_example_gen.uadfv import UadfvConfig, list_videos, recognises


def _config(root):
    return UadfvConfig(type="uadfv", name="uadfv", root=str(root))


def _tree(touch, level=""):
    return touch(*(f"real/{level}{i:04}.mp4" for i in range(10)), *(f"fake/{level}{i:04}_fake.mp4" for i in range(10)))


def test_each_fake_stays_with_its_original(touch, by_id):
    listing = list_videos(_config(_tree(touch)))
    videos = by_id(listing)
    assert len(videos) == 20 and listing.to_fill == ("train", "val", "test")
    fake, real = videos["uadfv/fake/0003_fake"], videos["uadfv/real/0003"]
    assert (fake.label, real.label) == (1, 0) and fake.identities == real.identities == ("uadfv/0003",)
    assert "face of one actor" in listing.notes[0]
    divided, left_out = assign_splits(listing.videos, {"train": 0.6, "val": 0.2, "test": 0.2})
    assert not left_out and not shared_identities(divided)
    assert {(v.split, v.label) for v in divided} == {(s, k) for s in ("train", "val", "test") for k in (0, 1)}


def test_copies_with_a_level_between(touch, by_id):
    root = _tree(touch, "videos/")
    assert len(by_id(list_videos(_config(root)))) == 20 and recognises(str(root))


def test_a_partial_copy_and_what_is_not_of_it(touch):
    root = touch("fake/0001_fake.mp4", "fake/0002.mp4", "real/0001.avi", "real/0001.mp4", "real/frames/2.mp4", "x.zip")
    listing = list_videos(_config(root))
    assert {v.video_id for v in listing.videos} == {"uadfv/fake/0001_fake", "uadfv/real/0001"}
    assert listing.unlisted == ["fake/0002.mp4", "real/0001.mp4", "real/frames/2.mp4", "x.zip"]


def test_other_folders_of_real_and_fake_are_not_this_set(touch):
    assert not recognises(str(touch("real/0001.mp4", "fake/0001.mp4")))
