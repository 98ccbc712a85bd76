import functools
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
import cv2
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_pipeline

from artifacts import face_examples
from artifacts.manifest import Video
from components.base import Context
from components.face_example_gen.component import COMPONENT, FaceExampleGenParameters
from components.face_example_gen.shards import ExtractFaces, WriteShard, deal, shard_name
from faces.extraction import FaceExtractor

ROOT = Path(__file__).parents[3]
IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory"]


def _videos(names, split="train", label=0):
    return [Video(name, f"/{name}.mp4", "d", "m", label, split) for name in names]


def _shards(videos, count):
    """The shard of each video by its id."""
    dealt = deal(videos, count)
    assert Counter(video for _, video in dealt) == Counter(videos), "every video once"
    assert all(split == video.split for (split, _), video in dealt)
    return {video.video_id: shard for (_, shard), video in dealt}


def test_the_deal_is_stable():
    """The same on every machine and in every version: a run that was interrupted goes on."""
    names = ("ff/df/000_003", "ff/real/000", "a", "b", "ä")
    assert _shards(_videos(names), 3) == {"a": 0, "b": 1, "ff/df/000_003": 0, "ff/real/000": 2, "ä": 1}
    assert set(_shards(_videos(names), 1).values()) == {0}


@pytest.mark.parametrize("shards", [1, 2, 7, 16])
@pytest.mark.parametrize("counts", [(1, 0, 0), (5, 2, 3), (16, 15, 17), (360, 70, 71)])
def test_shards_differ_by_one_video_at_most(counts, shards):
    videos = []
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        videos += _videos((f"{split}/{k:03}" for k in range(count)), split)
    dealt = deal(videos, shards)
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        sizes = Counter(shard for (of, shard), _ in dealt if of == split)
        assert sum(sizes.values()) == count and set(sizes) == set(range(min(count, shards)))
        assert not sizes or max(sizes.values()) - min(sizes.values()) <= 1


def test_the_deal_depends_on_the_ids_alone():
    videos = _videos((f"d/{k:03}" for k in range(60)), "train") + _videos((f"e/{k:03}" for k in range(20)), "val")
    expected = _shards(videos, 7)
    order = np.random.default_rng(0).permutation(len(videos))
    others = [replace(videos[k], uri=f"elsewhere/{k}", label=1, digest="x", identities=("p",)) for k in order]
    assert _shards(others, 7) == expected
    assert {name: shard for name, shard in expected.items() if name[0] == "d"} == _shards(videos[:60], 7)


def test_the_deal_mixes_what_lies_together():
    """A manifest names real ones first: every shard has both, and no shard a run of neighbours."""
    videos = _videos((f"ff/df/{k:03}" for k in range(400)), label=1) + _videos(f"ff/real/{k:03}" for k in range(400))
    fakes = Counter(shard for (_, shard), video in deal(videos, 8) if video.label)
    assert len(fakes) == 8 and min(fakes.values()) > 30 and max(fakes.values()) < 70


def test_the_crops_of_a_clip_are_in_one_shard():
    crops = [
        Video(f"d/{clip}/{k}", f"/{clip}/{k}.png", "d", "m", 1, "train", kind="crop", clip=f"d/{clip}", frame=k)
        for clip in "abcdefgh"
        for k in range(5)
    ]
    dealt = deal(crops, 4)
    places = {video.clip: {shard for (_, shard), other in dealt if other.clip == video.clip} for video in crops}
    assert all(len(shards) == 1 for shards in places.values()) and {len(dealt)} == {40}
    assert Counter(shard for (_, shard), _ in dealt) == {0: 10, 1: 10, 2: 10, 3: 10}


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

    def detect(self, images, min_face_size):
        return [self._answer(image) for image in images]

    def _answer(self, image):
        type(self).calls += 1
        return type(self).answer(image)


@pytest.fixture
def answers(clips, monkeypatch):
    fields = {"calls": 0, "built": 0, "answer": staticmethod(lambda image: [clips.face()])}
    kind = type("AnswersHere", (Answers,), fields)
    monkeypatch.setattr(FaceExtractor, "_get_detector", functools.cache(lambda self: kind()))
    return kind


@pytest.fixture
def write_shard(tmp_path):
    """write_shard(shards) is a `WriteShard` of two frames a video that writes below `tmp_path`."""

    def make(count):
        how = FaceExampleGenParameters(shards=count, frames=2)
        return WriteShard(str(tmp_path / "examples"), str(tmp_path / "rejects"), how)

    return make


def _run(videos, folder, count=3, frames=2):
    """Extract with Beam; return the summaries by (split, file)."""
    with test_pipeline.TestPipeline(options=PipelineOptions(IN_MEMORY)) as pipeline:
        parameters = FaceExampleGenParameters(shards=count, frames=frames)
        extract = ExtractFaces(str(folder / "examples"), str(folder / "rejects"), parameters)
        lines = pipeline | beam.Create(deal(videos, count)) | extract | beam.Map(json.dumps)
        _ = lines | beam.io.WriteToText(str(folder / "told"))
    summaries = []
    for path in folder.glob("told*"):
        summaries += map(json.loads, path.read_text().splitlines())
        path.unlink()
    return {summary["file"]: summary for summary in summaries}


def _tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


@pytest.mark.slow
def test_extracts_in_memory(videos, tmp_path, answers):
    out = tmp_path / "out"
    out.mkdir()
    summaries = _run(videos, out)
    by_shard = {}
    for (split, shard), video in deal(videos, 3):
        file = f"Split-{split}/{shard_name('faces', shard, 3, 'tfrecord')}"
        by_shard.setdefault(file, []).append(video)
    assert set(summaries) == set(by_shard)
    for file, members in by_shard.items():
        path = out / "examples" / file
        records = [face_examples.parse(record) for record in face_examples.read_records(str(path))]
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


@pytest.mark.slow
def test_the_order_of_the_manifest_does_not_matter(videos, tmp_path, answers):
    for name, order in (("a", videos), ("b", videos[::-1])):
        (tmp_path / name).mkdir()
        _run(order, tmp_path / name)
    assert _tree(tmp_path / "a") == _tree(tmp_path / "b")


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(143)])
def test_an_interrupted_shard_leaves_no_partial_file(videos, tmp_path, clips, answers, error, write_shard):
    def fail(image):
        if answers.calls == 4:
            raise error
        return [clips.face()]

    answers.answer = staticmethod(fail)
    dofn = write_shard(1)
    with pytest.raises(type(error)):
        list(dofn.process((("train", 0), videos[:4])))
    left = [name for name in _tree(tmp_path) if name.startswith(("examples", "rejects")) and "progress" not in name]
    assert answers.calls == 4 and left == []
    (summary,) = dofn.process((("train", 0), videos[:4]))
    assert summary["examples"] == 8 and answers.calls == 12
    assert not _files(tmp_path, "partial") and not _files(tmp_path, "progress")


@pytest.mark.slow
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


def test_the_detector_is_built_once_and_only_where_needed(videos, answers, write_shard):
    dofn = write_shard(2)
    (summary,) = dofn.process((("test", 0), videos[5:]))
    assert summary["rejects"] == 1 and answers.built == 0
    list(dofn.process((("train", 0), videos[:2])))
    list(dofn.process((("train", 1), videos[2:4])))
    assert answers.built == 1 and answers.calls == 8


def test_the_digest_is_that_of_the_bytes(videos, tmp_path, answers, write_shard):
    dofn = write_shard(1)
    (one,) = dofn.process((("train", 0), videos[:1]))
    path = tmp_path / "examples" / one["file"]
    assert one["digest"] == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert one["bytes"] == os.path.getsize(path)


def test_a_second_look_disturbs_no_other_video(clips, video, tmp_path, answers, write_shard, monkeypatch):
    """Every third video has faces too small for the first look, while the next ones are being decoded already."""
    made, length = [], {}
    for k in range(9):
        length[k] = 20 + k
        path = clips.write_clip(tmp_path / f"{k}.mp4", range(length[k]), scale=25)
        made.append(video(path, k % 2, video_id=f"d/m/{k}"))

    class Near(answers):
        def detect(self, images, min_face_size):
            numbers = [clips.number_in(image) for image in images]
            small = numbers[0] in (5, 6) and len(images) == 2 and numbers[0] == 5 + (numbers[1] > 17)
            return [[] if small and min_face_size > 20 else [clips.face()] for _ in images]

    monkeypatch.setattr(FaceExtractor, "_get_detector", functools.cache(lambda self: Near()))
    (summary,) = write_shard(1).process((("train", 0), made))
    assert (summary["videos"], summary["examples"]) == (9, 18)
    path = tmp_path / "examples" / summary["file"]
    found = [face_examples.parse(record) for record in face_examples.read_records(str(path))]
    assert [f["video_id"].numpy().decode() for f in found] == [f"d/m/{k}" for k in range(9) for _ in range(2)]
    for k in range(9):  # the frames of each video are its own
        expected = [round((part + 0.5) * length[k] / 2) for part in range(2)]
        assert [int(f["frame/index"]) for f in found[2 * k : 2 * k + 2]] == pytest.approx(expected, abs=1)
    rejects = [json.loads(x) for p in (tmp_path / "rejects").iterdir() for x in p.read_text().splitlines()]
    assert {(r["scope"], r["reason"]) for r in rejects} == {("note", "smaller_faces")} and 0 < len(rejects) < 9


def _children():
    """Ids of the processes that this one has started and that have not been waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state = path.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has just ended
            continue
        if int(state[1]) == os.getpid():
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("error", [None, RuntimeError("no"), KeyboardInterrupt()])
def test_a_shard_leaves_no_process_and_no_open_file(videos, clips, answers, write_shard, error):
    def answer(image):
        if error and answers.calls == 3:
            raise error
        return [clips.face()]

    answers.answer = staticmethod(answer)
    before = set(_children()), set(os.listdir("/proc/self/fd"))
    dofn, caught = write_shard(1), None
    try:
        list(dofn.process((("train", 0), videos)))
    except (RuntimeError, KeyboardInterrupt) as raised:
        caught = type(raised)
    assert caught is (error and type(error))
    if error:
        error.__traceback__ = None  # it refers to the batch that was being searched, and so to the memory
    assert set(_children()) <= before[0] and set(os.listdir("/proc/self/fd")) <= before[1]


# --- an end without warning -------------------------------------------------------------------------------------------
def _start(folder, out):
    """Start the component's command line as the leader of a process group of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    line = [sys.executable, "-m", "components.face_example_gen", f"--videos={folder}", f"--examples={out}/examples",
            f"--rejects={out}/rejects", "--frames=6", "--shards=6", *IN_MEMORY]  # fmt: skip
    with open(out.parent / f"{out.name}.log", "a") as log:
        return subprocess.Popen(line, env=environment, stdout=log, stderr=log, start_new_session=True)


def _done(out):
    """The summaries of the finished shards."""
    return sorted(out.glob("examples/Split-*/shard-*.json"))


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_shards_that_are_missing(clips, scene, manifest, video, tmp_path):
    """SIGKILL to the whole process group during a shard; the bytes are those of a run that nothing has ended."""
    made = []
    for k in range(12):
        image = cv2.resize(scene(4 * k), (160, 128), interpolation=cv2.INTER_AREA)
        images = [np.roll(image, 2 * number, axis=1) for number in range(12)]
        path = clips.write_clip(tmp_path / f"{k}.mp4", range(12), images, scale=25)
        made.append(video(path, k % 2, video_id=f"d/m/{k:02}", split="val" if k == 0 else "train"))
    made.append(video(tmp_path / "gone.mp4", video_id="d/m/99"))
    folder, killed, whole = manifest(made), tmp_path / "killed", tmp_path / "whole"
    process = _start(folder, killed)
    readers = []
    while not (readers and _done(killed)):  # a shard is done, and another is under way
        assert process.poll() is None, (tmp_path / "killed.log").read_text()
        readers = [pid for pid in _all_processes() if _parent(pid) == process.pid]
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    finished = [
        path.parent / path.name.replace("shard-", "faces-").replace("json", "tfrecord") for path in _done(killed)
    ]
    times = {path: path.stat().st_mtime_ns for path in finished}
    assert 1 <= len(finished) < 7 and not (killed / "examples" / "manifest.json").exists()
    deadline = time.monotonic() + 20
    while any(_parent(pid) is not None for pid in readers):  # they end by themselves
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = _start(folder, killed)
    assert again.wait(timeout=300) == 0, (tmp_path / "killed.log").read_text()
    assert {path: path.stat().st_mtime_ns for path in finished} == times
    outputs = {key: str(whole / key) for key in ("examples", "rejects")}
    for path in outputs.values():
        Path(path).mkdir(parents=True)
    how = FaceExampleGenParameters(frames=6, shards=6)
    figures = COMPONENT.execute(Context({"videos": str(folder)}, outputs, how, IN_MEMORY))
    assert figures["videos"] == 13 and figures["faces"] > 20 and len(_files(whole, ".tfrecord")) == 7
    assert _tree(killed) == _tree(whole)


def _all_processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(pid):
    """The parent's id, or None where the process has ended."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return None
    return None if state == "Z" else int(parent)
