import json
import os

import pytest

from artifacts.layout import artifact_dir, content_digest, files_below, outline, staging_dir


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "a" / "one").write_text("1")
    (tmp_path / "a" / "sub" / "two").write_text("22")
    return tmp_path / "a"


def test_places():
    assert artifact_dir("r", "Trainer", "model", 5) == os.path.join("r", "Trainer", "model", "5")
    assert staging_dir("r", "Trainer", "0123456789abcdef99") == os.path.join(
        "r", ".staging", "Trainer-0123456789abcdef"
    )


def test_files_and_outline(folder):
    assert list(files_below(folder)) == [("one", 1), (os.path.join("sub", "two"), 2)]
    assert outline(folder) == (2, 3)


def test_digest_is_of_contents_and_names(folder):
    before = content_digest(folder)
    os.utime(folder / "one", (1, 1))
    assert content_digest(folder) == before, "the time does not matter"
    (folder / "one").write_text("x")
    changed = content_digest(folder)
    (folder / "one").write_text("1")
    assert content_digest(folder) == before
    (folder / "one").rename(folder / "uno")
    renamed = content_digest(folder)
    (folder / "uno").rename(folder / "sub" / "one")
    moved = content_digest(folder)
    (folder / "sub" / "one").unlink()
    assert len({before, changed, renamed, moved, content_digest(folder)}) == 5


def test_digest_does_not_depend_on_the_place(folder, tmp_path):
    before = content_digest(folder)
    folder.rename(tmp_path / "b")
    assert content_digest(tmp_path / "b") == before


def test_digests_of_a_manifest_count_only_where_the_size_agrees(folder):
    def write(digest, size):
        rows = [{"file": "one", "digest": digest, "bytes": size}]
        (folder / "manifest.json").write_text(json.dumps({"files": rows}).ljust(200))

    def parts(path):  # without the manifest's own digest, which changes with its text
        real = (folder / "manifest.json").read_text()
        seen = {}
        for content in ("1", "2"):
            (folder / "one").write_text(content)
            seen[content] = content_digest(path)
        assert (folder / "manifest.json").read_text() == real
        return seen

    write("abc", 1)
    trusted = parts(folder)
    assert trusted["1"] == trusted["2"], "not read again"
    write("abc", 7)
    read = parts(folder)
    assert read["1"] != read["2"]
