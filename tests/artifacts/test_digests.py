import hashlib
import json
import os

import pytest

from artifacts.digests import BLOCK, artifact_digest, content_digest, examples_digest, file_digest
from artifacts.errors import InputError


def _digest(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    return content_digest(str(path))


def test_small_file_is_read_wholly(tmp_path):
    expected = hashlib.blake2b((5).to_bytes(8, "big") + b"hello", digest_size=16).hexdigest()
    assert _digest(tmp_path, b"hello") == expected
    assert _digest(tmp_path, b"") != _digest(tmp_path, b"\0")


@pytest.mark.parametrize("position", [0, 5 * BLOCK, 10 * BLOCK - 1])
def test_head_middle_and_tail_of_a_large_file_count(tmp_path, position):
    content = bytearray(10 * BLOCK)
    before = _digest(tmp_path, content)
    content[position] = 1
    assert _digest(tmp_path, content) != before


def test_every_byte_counts_up_to_three_blocks(tmp_path):
    content = bytearray(3 * BLOCK)
    before = _digest(tmp_path, content)
    for position in range(0, 3 * BLOCK, BLOCK // 2):
        changed = content.copy()
        changed[position] = 1
        assert _digest(tmp_path, changed) != before


def test_size_counts(tmp_path):
    assert _digest(tmp_path, bytes(10 * BLOCK)) != _digest(tmp_path, bytes(11 * BLOCK))


def test_unreadable_file(tmp_path):
    with pytest.raises(InputError, match="absent"):
        content_digest(str(tmp_path / "absent"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a" / "sub").mkdir(parents=True)
    (tmp_path / "a" / "one").write_text("1")
    (tmp_path / "a" / "sub" / "two").write_text("22")
    return tmp_path / "a"


def test_artifact_digest_is_of_contents_and_names(folder):
    before = artifact_digest(folder)
    os.utime(folder / "one", (1, 1))
    assert artifact_digest(folder) == before, "the time does not matter"
    (folder / "one").write_text("x")
    changed = artifact_digest(folder)
    (folder / "one").write_text("1")
    assert artifact_digest(folder) == before
    (folder / "one").rename(folder / "uno")
    renamed = artifact_digest(folder)
    (folder / "uno").rename(folder / "sub" / "one")
    moved = artifact_digest(folder)
    (folder / "sub" / "one").unlink()
    assert len({before, changed, renamed, moved, artifact_digest(folder)}) == 5


def test_artifact_digest_does_not_depend_on_the_place(folder, tmp_path):
    before = artifact_digest(folder)
    folder.rename(tmp_path / "b")
    assert artifact_digest(tmp_path / "b") == before


def test_artifact_digests_of_a_manifest_count_only_where_the_size_agrees(folder):
    def write(digest, size):
        rows = [{"file": "one", "digest": digest, "bytes": size}]
        (folder / "manifest.json").write_text(json.dumps({"files": rows}).ljust(200))

    def parts(path):  # without the manifest's own digest, which changes with its text
        real = (folder / "manifest.json").read_text()
        seen = {}
        for content in ("1", "2"):
            (folder / "one").write_text(content)
            seen[content] = artifact_digest(path)
        assert (folder / "manifest.json").read_text() == real
        return seen

    write("abc", 1)
    trusted = parts(folder)
    assert trusted["1"] == trusted["2"], "not read again"
    write("abc", 7)
    read = parts(folder)
    assert read["1"] != read["2"]


def test_face_examples_are_read_where_they_were_written_after_their_manifest(tmp_path):
    """A label in the middle of a large file counts, which the three blocks of `content_digest` do not show."""
    shard = tmp_path / "Split-test" / "faces-00000-of-00001.tfrecord"
    shard.parent.mkdir()
    content = bytearray(10 * BLOCK)
    shard.write_bytes(content)
    assert examples_digest(str(shard)) == file_digest(str(shard)), "without a manifest"
    row = {"file": "Split-test/faces-00000-of-00001.tfrecord", "digest": "noted", "bytes": len(content)}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"files": [row]}))
    assert examples_digest(str(shard)) == "noted"
    content[2 * BLOCK] = 1
    shard.write_bytes(content)
    os.utime(shard, ns=(0, manifest.stat().st_mtime_ns + 1))
    assert examples_digest(str(shard)) == file_digest(str(shard))
    for text in ("", "[]", json.dumps({"files": [{**row, "bytes": 1}]})):
        manifest.write_text(text)
        os.utime(manifest, ns=(0, shard.stat().st_mtime_ns + 1))
        assert examples_digest(str(shard)) == file_digest(str(shard))
