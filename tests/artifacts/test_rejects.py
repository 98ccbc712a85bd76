import json
from dataclasses import asdict

import pytest

from artifacts.errors import InputError
from artifacts.rejects import Reject, read_rejects, write_rejects

OF_A_FRAME = Reject("d/df/a", "a.mp4", "d", "df", 1, "test", "frame", "no_face", "no face found", 7)
OF_A_VIDEO = Reject("d/real/ü", "ü.mp4", "d", "real", 0, "test", "video", "missing_file", "No such file")


def test_what_is_written_is_read(tmp_path):
    write_rejects(str(tmp_path / "b.jsonl"), [OF_A_VIDEO])
    write_rejects(str(tmp_path / "a.jsonl"), [OF_A_FRAME, OF_A_VIDEO])
    write_rejects(str(tmp_path / "c.jsonl"), [])
    (tmp_path / "other.json").write_text("{}")
    assert list(read_rejects(str(tmp_path))) == [OF_A_FRAME, OF_A_VIDEO, OF_A_VIDEO]


def test_the_format(tmp_path):
    """Earlier runs have such files."""
    write_rejects(str(tmp_path / "a.jsonl"), [OF_A_FRAME])
    assert (tmp_path / "a.jsonl").read_text() == (
        '{"video_id": "d/df/a", "uri": "a.mp4", "dataset": "d", "method": "df", "label": 1, "split": "test", '
        '"scope": "frame", "reason": "no_face", "detail": "no face found", "frame": 7}\n'
    )


@pytest.mark.parametrize("line", ["{", "[]", '{"scope": "video"}', '{"people": 3}', "[" * 100_000, '{"uri": "\udcff"}'])
def test_a_broken_line_is_named(line, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(asdict(OF_A_VIDEO)) + "\n" + line + "\n", errors="surrogateescape")
    with pytest.raises(InputError, match=r"a\.jsonl:2: not a line of rejects"):
        list(read_rejects(str(tmp_path)))
