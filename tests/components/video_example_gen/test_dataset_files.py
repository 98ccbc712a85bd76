import pytest

from artifacts.errors import InputError
from components.video_example_gen.dataset_files import NOT_DOCUMENTS, find, read_json, read_text, relative


def test_find_is_sorted_recursive_and_skips_hidden_files(touch):
    root = touch("b.mp4", "a/c.avi", "a/x.jpg", "._b.mp4", ".cache/d.mp4")
    assert relative(find(str(root)), root) == ["a/c.avi", "b.mp4"]
    assert relative(find(str(root), ("image",)), root) == ["a/x.jpg"]
    assert find(str(root / "absent")) == []


def test_what_is_no_document_is_found_whatever_its_suffix(touch):
    root = touch("a.mp4", "b.jpg", "c.rmvb", "d", "list.csv", "metadata.json", "README.md")
    assert relative(find(str(root), NOT_DOCUMENTS), root) == ["a.mp4", "b.jpg", "c.rmvb", "d"]


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
