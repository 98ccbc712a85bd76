import hashlib

import pytest

from artifacts.digests import BLOCK, content_digest
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
