import json

from components.face_example_gen import shard_progress


def test_counts_what_is_done_and_under_way(tmp_path):
    assert shard_progress.count(str(tmp_path)) == (0, 0, 0)
    (tmp_path / "Split-train").mkdir()
    done, under_way = (str(tmp_path / "Split-train" / f"shard-0000{k}-of-00002.json") for k in (0, 1))
    with open(done, "w") as stream:
        json.dump({"videos": 5, "examples": 40, "rejects": 2}, stream)
    shard_progress.note(under_way, 3, 20, 1)
    assert shard_progress.count(str(tmp_path)) == (8, 60, 3)
    shard_progress.note(under_way, 4, 28, 1)
    assert shard_progress.count(str(tmp_path)) == (9, 68, 3)
    shard_progress.forget(under_way)
    shard_progress.forget(under_way)
    assert shard_progress.count(str(tmp_path)) == (5, 40, 2)


def test_a_half_written_note_is_passed_over(tmp_path):
    (tmp_path / "Split-val").mkdir()
    (tmp_path / "Split-val" / "shard-00000-of-00001.json.progress").write_text("[1, 2")
    assert shard_progress.count(str(tmp_path)) == (0, 0, 0)


def test_shows_the_last_state_even_when_the_work_fails(tmp_path, capsys):
    (tmp_path / "Split-val").mkdir()
    try:
        with shard_progress.shown(str(tmp_path), 3, starting=""):
            shard_progress.note(str(tmp_path / "Split-val" / "shard-00000-of-00001.json"), 2, 7, 1)
            raise RuntimeError
    except RuntimeError:
        pass
    shown = capsys.readouterr().err
    assert "2/3" in shown and "faces=7" in shown and "rejects=1" in shown
