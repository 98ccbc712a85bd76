import pytest

from artifacts.errors import InputError
from components.video_example_gen.dataset_files import find, kind_of, read_json, read_text, relative


def test_kind_by_extension():
    kinds = {name: kind_of(name) for name in ("a.MP4", "b.webm", "c.JPEG", "d.gif", "e.json", "mp4")}
    assert kinds == {"a.MP4": "video", "b.webm": "video", "c.JPEG": "image", "d.gif": None, "e.json": None, "mp4": None}


def test_find_is_sorted_recursive_and_skips_hidden_files(touch):
    root = touch("b.mp4", "a/c.avi", "a/x.jpg", "._b.mp4", ".cache/d.mp4")
    assert relative(find(str(root)), root) == ["a/c.avi", "b.mp4"]
    assert relative(find(str(root), ("image",)), root) == ["a/x.jpg"]
    assert find(str(root / "absent")) == []


def test_find_follows_links_and_ends_at_loops(touch):
    root = touch("data/x.mp4")
    (root / "data" / "loop").symlink_to(root / "data")
    (root / "link").symlink_to(root / "data")
    (root / "broken.mp4").symlink_to(root / "absent.mp4")
    assert relative(find(str(root)), root) == ["data/x.mp4", "link/x.mp4"]


def test_broken_text_names_file_and_line(tmp_path):
    (tmp_path / "x.json").write_text('{\n"a": }')
    with pytest.raises(InputError, match=r"x\.json:2: is not JSON"):
        read_json(str(tmp_path / "x.json"))
    (tmp_path / "latin.csv").write_bytes(b"\xe4")
    with pytest.raises(InputError, match="UTF-8"):
        read_text(str(tmp_path / "latin.csv"))
    with pytest.raises(InputError, match="absent"):
        read_text(str(tmp_path / "absent"))
