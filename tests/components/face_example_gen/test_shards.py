import hashlib
import json
import os
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_pipeline

from components.face_example_gen import shards
from components.face_example_gen.shards import ExtractFaces, WriteShard, shard_name, shard_of
from model import examples

IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


def test_the_hash_is_stable():
    assert [shard_of(name, 16) for name in ("ff/df/000_003", "ff/real/000", "a", "b", "ä")] == [15, 9, 15, 5, 9]
    assert shard_of("anything", 1) == 0


def test_the_hash_spreads():
    counts = np.bincount([shard_of(f"ff/df/{k:03}_{k + 1:03}", 8) for k in range(800)], minlength=8)
    assert len(counts) == 8 and counts.min() > 60 and counts.max() < 140


def test_names():
    assert shard_name("faces", 3, 16, "tfrecord") == "faces-00003-of-00016.tfrecord"


@pytest.fixture
def videos(clips, tmp_path, video):
    """Six videos over two splits, one of them missing."""
    path = clips.write_clip(tmp_path / "clip.mp4", range(0, 800, 40))
    made = [video(path, k % 2, video_id=f"d/m/{k}", split="train" if k < 4 else "test") for k in range(5)]
    return [*made, video(tmp_path / "gone.mp4", 1, video_id="d/m/5", split="test")]


class Answers:
    """Takes the detector's place in the shards; the tests set what happens at each frame."""

    def __init__(self):
        type(self).built += 1

    def detect(self, image):
        type(self).calls += 1
        return type(self).answer(image)


@pytest.fixture
def answers(clips, monkeypatch):
    fields = {"calls": 0, "built": 0, "answer": staticmethod(lambda image: [clips.face()])}
    kind = type("AnswersHere", (Answers,), fields)
    monkeypatch.setattr(shards, "MtcnnDetector", kind)
    return kind


def _run(videos, folder, count=3, frames=2):
    """Extract with Beam; return the summaries by (split, file)."""
    with test_pipeline.TestPipeline(options=PipelineOptions(IN_MEMORY)) as pipeline:
        extract = ExtractFaces(str(folder / "examples"), str(folder / "rejects"), count, frames)
        lines = pipeline | beam.Create(videos) | extract | beam.Map(json.dumps)
        _ = lines | beam.io.WriteToText(str(folder / "told"))
    summaries = []
    for path in folder.glob("told*"):
        summaries += map(json.loads, path.read_text().splitlines())
        path.unlink()
    return {summary["file"]: summary for summary in summaries}


def _tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def test_extracts_in_memory(videos, tmp_path, answers):
    out = tmp_path / "out"
    out.mkdir()
    summaries = _run(videos, out)
    by_shard = {}
    for video in videos:
        file = f"Split-{video.split}/{shard_name('faces', shard_of(video.video_id, 3), 3, 'tfrecord')}"
        by_shard.setdefault(file, []).append(video)
    assert set(summaries) == set(by_shard)
    for file, members in by_shard.items():
        path = out / "examples" / file
        records = [examples.parse(record) for record in examples.read_records(str(path))]
        good = sorted(v.video_id for v in members if v.video_id != "d/m/5")
        assert [r["video_id"].numpy().decode() for r in records] == [name for name in good for _ in range(2)]
        summary = summaries[file]
        assert (summary["videos"], summary["examples"]) == (len(members), 2 * len(good))
        assert summary["rejects"] == len(members) - len(good) and summary["bytes"] == path.stat().st_size
        assert summary["split"] == file.split("/")[0].removeprefix("Split-")
    assert answers.calls == 10
    rejects = [json.loads(x) for p in (out / "rejects").iterdir() for x in p.read_text().splitlines()]
    assert [(r["video_id"], r["reason"], r["scope"]) for r in rejects] == [("d/m/5", "missing_file", "video")]
    assert not [name for name in _tree(out) if "partial" in name or "progress" in name]


def test_the_order_of_the_manifest_does_not_matter(videos, tmp_path, answers):
    for name, order in (("a", videos), ("b", videos[::-1])):
        (tmp_path / name).mkdir()
        _run(order, tmp_path / name)
    assert _tree(tmp_path / "a") == _tree(tmp_path / "b")


def test_a_finished_shard_is_not_done_again(videos, tmp_path, answers):
    out = tmp_path / "out"
    out.mkdir()
    once, tree, calls = _run(videos, out), _tree(out), answers.calls
    assert _run(videos, out) == once and answers.calls == calls and _tree(out) == tree
    # Without its summary a shard is not finished.
    summary = next((out / "examples").rglob("shard-*.json"))
    summary.unlink()
    assert _run(videos, out) == once and calls < answers.calls < 2 * calls and _tree(out) == tree


def _files(folder, word):
    return [name for name in _tree(folder) if word in name]


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupted_shard_leaves_no_partial_file(videos, tmp_path, clips, answers, error):
    def fail(image):
        if answers.calls == 4:
            raise error
        return [clips.face()]

    answers.answer = staticmethod(fail)
    dofn = WriteShard(str(tmp_path / "examples"), str(tmp_path / "rejects"), 1, 2)
    with pytest.raises(type(error)):
        list(dofn.process((("train", 0), videos[:4])))
    left = [name for name in _tree(tmp_path) if name.startswith(("examples", "rejects")) and "progress" not in name]
    assert answers.calls == 4 and left == []
    (summary,) = dofn.process((("train", 0), videos[:4]))
    assert summary["examples"] == 8 and answers.calls == 12
    assert not _files(tmp_path, "partial") and not _files(tmp_path, "progress")


def test_one_failing_shard_keeps_the_finished_ones(videos, tmp_path, clips, answers):
    out = tmp_path / "out"
    out.mkdir()

    def fail(image):
        if answers.calls > 7:
            raise RuntimeError("out of order")
        return [clips.face()]

    answers.answer = staticmethod(fail)
    with pytest.raises(Exception, match="out of order"):
        _run(videos, out)
    finished = len(_files(out, "shard-") or []) - len(_files(out, ".progress"))
    assert finished and not _files(out, "partial")
    kept = answers.calls
    answers.answer = staticmethod(lambda image: [clips.face()])
    resumed = _run(videos, out)
    assert answers.calls - kept < 10  # ten frames in all: those of the finished shards are not seen again
    (tmp_path / "fresh").mkdir()
    assert _run(videos, tmp_path / "fresh") == resumed
    assert _tree(out / "examples") == _tree(tmp_path / "fresh" / "examples")


def test_the_detector_is_built_once_and_only_where_needed(videos, tmp_path, answers):
    dofn = WriteShard(str(tmp_path / "examples"), str(tmp_path / "rejects"), 2, 2)
    (summary,) = dofn.process((("test", 0), videos[5:]))
    assert summary["rejects"] == 1 and answers.built == 0
    list(dofn.process((("train", 0), videos[:2])))
    list(dofn.process((("train", 1), videos[2:4])))
    assert answers.built == 1 and answers.calls == 8


def test_the_digest_is_that_of_the_bytes(videos, tmp_path, answers):
    dofn = WriteShard(str(tmp_path / "examples"), str(tmp_path / "rejects"), 1, 2)
    (one,) = dofn.process((("train", 0), videos[:1]))
    path = tmp_path / "examples" / one["file"]
    assert one["digest"] == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert one["bytes"] == os.path.getsize(path)
