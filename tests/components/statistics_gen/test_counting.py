"""Statistics of handmade face examples."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import tensorflow as tf

from artifacts.errors import InputError
from artifacts.face_examples import FaceExample
from artifacts.manifest import Video, write_manifest
from artifacts.rejects import Reject, write_rejects
from components.base import Context, main
from components.statistics_gen import counting
from components.statistics_gen.component import COMPONENT, StatisticsGenParameters
from components.statistics_gen.counting import compute
from components.statistics_gen.executor import print_table

pytestmark = pytest.mark.slow
RUNNER = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")


def _png(value, size=256):
    image = np.full((size, size, 3), value, np.uint8)
    image[0, 0] = 0  # not flat
    return cv2.imencode(".png", image)[1].tobytes()


def _face(name, frame, value=100, *, label=0, image=None, box=(0, 0, 40, 60), score=0.5):
    method = ("real", "df")[label]
    image = _png(value) if image is None else image
    return FaceExample(image, "png", label, "d", method, f"d/{method}/{name}", frame, 0.0, box, None, score)


def _write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record if isinstance(record, bytes) else record.serialize())


def _video(name, label=0, split="train", identities=()):
    method = ("real", "df")[label]
    return Video(f"d/{method}/{name}", f"/v/{name}.mp4", "d", method, label, split, identities)


def _reject(name, scope, reason, label=0, split="train"):
    method = ("real", "df")[label]
    return Reject(f"d/{method}/{name}", f"/v/{name}.mp4", "d", method, label, split, scope, reason, "a sentence")


FACES = {
    ("train", "a"): [_face("a", 0, 100), _face("a", 5, 200, box=(1, 2, 50, 50), score=0.7)],
    ("train", "b"): [_face("b", 0, 100)],
    ("train", "f"): [_face("f", k, 60, label=1, score=None) for k in range(3)],
    ("test", "g"): [_face("g", 0, 250)],
}
VIDEOS = [*map(_video, "abc"), _video("f", 1), _video("g", split="test")]
REJECTS = [
    *(_reject("a", "frame", "no_face") for _ in range(2)),
    _reject("b", "frame", "degenerate_landmarks"),
    _reject("c", "video", "missing_file"),
    _reject("b", "part", "damaged_file"),
    _reject("f", "frame", "no_face", label=1),
]


def _artifacts(folder, faces=None, videos=VIDEOS, rejects=REJECTS, shards=1):
    """Write the three inputs, with each split's videos spread over some shards; return their folders."""
    (folder / "rejects").mkdir(parents=True)
    write_manifest(str(folder / "videos"), videos)
    by_file = {}
    for number, ((split, _), rows) in enumerate((FACES if faces is None else faces).items()):
        by_file.setdefault((split, number % shards), []).extend(rows)
    for (split, shard), rows in by_file.items():
        _write(folder / "examples" / f"Split-{split}" / f"faces-{shard:05d}-of-{shards:05d}.tfrecord", rows)
    (folder / "examples").mkdir(exist_ok=True)
    for number in range(shards):
        write_rejects(str(folder / "rejects" / f"{number}.jsonl"), rejects[number::shards])
    return [str(folder / key) for key in ("videos", "examples", "rejects")]


def _groups(statistics):
    return {(g["split"], g["dataset"], g["method"], g["label"]): g for g in statistics["groups"]}


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    return compute(*_artifacts(tmp_path_factory.mktemp("one") / "x"), RUNNER)


def test_counts_and_rates(statistics):
    groups = _groups(statistics)
    assert set(groups) == {("train", "d", "real", 0), ("train", "d", "df", 1), ("test", "d", "real", 0)}
    real, fake = groups["train", "d", "real", 0], groups["train", "d", "df", 1]
    assert (real["videos"], real["videos_with_face"], real["faces"], real["frames"]) == (3, 2, 3, 6)
    assert real["frame_detection_rate"] == 0.5 and real["video_detection_rate"] == pytest.approx(2 / 3)
    assert (fake["videos"], fake["videos_with_face"], fake["faces"], fake["frames"]) == (1, 1, 3, 4)
    assert fake["frame_detection_rate"] == 0.75 and fake["video_detection_rate"] == 1
    assert real["sizes"] == {"256x256": 3} and real["formats"] == {"png": 3} and real["flat_crops"] == 0


def test_a_clip_whose_crops_are_listed_is_one_video(tmp_path):
    crops = [
        replace(_video(f"{clip}/{k}"), kind="crop", clip=f"d/real/{clip}", frame=k) for clip in "ab" for k in (0, 5)
    ]
    faces = {("train", "a"): [_face("a", 0), _face("a", 5)], ("train", "b"): [_face("b", 0), _face("b", 5)]}
    (group,) = compute(*_artifacts(tmp_path / "x", faces, crops, []), RUNNER)["groups"]
    assert (group["videos"], group["videos_with_face"], group["faces"]) == (2, 2, 4)


def test_pixels_boxes_and_scores(statistics):
    real, fake = _groups(statistics)["train", "d", "real", 0], _groups(statistics)["train", "d", "df", 1]
    assert real["mean_pixel"] == pytest.approx((100 + 200 + 100) / 3 * (1 - 1 / 65536))
    assert real["mean_box_side"] == pytest.approx(50) and real["mean_score"] == pytest.approx((0.5 + 0.7 + 0.5) / 3)
    assert fake["mean_score"] is None and fake["mean_pixel"] == pytest.approx(60 * (1 - 1 / 65536))


def test_rejects_are_counted_by_scope_and_reason(statistics):
    groups = _groups(statistics)
    assert groups["train", "d", "real", 0]["rejects"] == {
        "frame": {"no_face": 2, "degenerate_landmarks": 1},
        "video": {"missing_file": 1},
        "part": {"damaged_file": 1},
    }
    assert groups["train", "d", "df", 1]["rejects"] == {"frame": {"no_face": 1}}
    assert groups["test", "d", "real", 0]["rejects"] == {}


@pytest.mark.parametrize("shards", [2, 3])
def test_the_shards_do_not_matter(statistics, tmp_path, shards):
    assert compute(*_artifacts(tmp_path / "x", shards=shards), RUNNER) == statistics


def test_the_engine_does_not_matter(statistics, tmp_path):
    folders = _artifacts(tmp_path / "x", shards=2)
    threads = ("--runner=FnApiRunner", "--direct_running_mode=multi_threading", "--direct_num_workers=2")
    assert compute(*folders, threads) == statistics


def test_a_group_without_a_face(tmp_path):
    folders = _artifacts(tmp_path / "x", {}, [_video("c")], [_reject("c", "video", "empty_file")])
    (group,) = compute(*folders, RUNNER)["groups"]
    assert (group["videos"], group["videos_with_face"], group["faces"], group["frames"]) == (1, 0, 0, 0)
    assert group["video_detection_rate"] == 0
    assert {group[key] for key in ("frame_detection_rate", "mean_pixel", "mean_box_side", "mean_score")} == {None}


def test_flat_crops_other_sizes_and_formats_show(tmp_path):
    flat = cv2.imencode(".png", np.full((256, 256, 3), 9, np.uint8))[1].tobytes()
    faces = [_face("a", 0, image=flat), _face("a", 1, image=_png(9, 64)), _face("b", 0)]
    faces[2] = FaceExample(**{**faces[2].__dict__, "image_format": "jpeg"})
    (group,) = compute(*_artifacts(tmp_path / "x", {("train", "a"): faces}, [_video("a"), _video("b")], []), RUNNER)[
        "groups"
    ]
    assert group["flat_crops"] == 1 and group["sizes"] == {"256x256": 2, "64x64": 1}
    assert group["formats"] == {"jpeg": 1, "png": 2}


def test_people_in_several_splits_are_named(tmp_path):
    videos = [
        _video("a", identities=("d/x", "d/y")),
        _video("b", split="val", identities=("d/x",)),
        _video("c", split="test", identities=("d/x", "d/z")),
        _video("e", split="test", identities=("d/y",)),
    ]
    statistics = compute(*_artifacts(tmp_path / "x", {}, videos, []), RUNNER)
    assert statistics["shared_identities"] == {
        "d": [
            {"splits": ["train", "test"], "identities": ["d/y"]},
            {"splits": ["train", "val", "test"], "identities": ["d/x"]},
        ]
    }


def _execute(folders, out):
    out.mkdir()
    inputs = dict(zip(("videos", "examples", "rejects"), folders, strict=True))
    result = COMPONENT.execute(Context(inputs, {"statistics": str(out)}, StatisticsGenParameters(), RUNNER))
    return result, json.loads((out / "statistics.json").read_text())


def test_missing_names_come_from_the_report(statistics, tmp_path, capsys):
    folders = _artifacts(tmp_path / "x")
    source = {"missing": ["000", "001"], "unlisted": [], "shared_identities": [["train", "val"]]}
    (tmp_path / "x" / "videos" / "report.json").write_text(json.dumps({"datasets": {"d": source}}))
    result, written = _execute(folders, tmp_path / "out")
    assert result == {"faces": 7} and written == statistics | {"sources": {"d": source}}
    told = capsys.readouterr().out
    assert "d: 2 videos named by its lists and missing, such as 000" in told
    (row,) = (line.split() for line in told.splitlines() if line.startswith("train") and " real " in line)
    assert row == ["train", "d", "real", "real", "3", "2", "3", "50.0%"]


def test_a_wrong_label_reaches_the_validator(tmp_path):
    folders = _artifacts(tmp_path / "x", {("train", "a"): [FaceExample(**{**_face("a", 0).__dict__, "label": 7})]})
    _, written = _execute(folders, tmp_path / "out")
    assert 7 in {group["label"] for group in written["groups"]}


@pytest.mark.parametrize("engine", [RUNNER, (*RUNNER[:1], "--direct_running_mode=multi_threading")])
def test_a_cut_file_is_named(tmp_path, engine, capsys):
    folders = _artifacts(tmp_path / "x")
    path = tmp_path / "x" / "examples" / "Split-train" / "faces-00000-of-00001.tfrecord"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"^{path}: damaged or cut after 2 records") as caught:
        compute(*folders, engine)
    assert "Traceback" not in str(caught.value) and "[while running" not in str(caught.value)
    arguments = [f"--{key}={folder}" for key, folder in zip(("videos", "examples", "rejects"), folders, strict=True)]
    assert main(COMPONENT, [*arguments, f"--statistics={tmp_path}/out", *engine]) == 2
    assert f"error: {path}: damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change, why",
    [
        (lambda rows: rows[0].update(examples=9), "holds 6 faces, and manifest.json says 9"),
        (lambda rows: rows.append({"file": "Split-val/gone.tfrecord", "examples": 1}), "is missing, but the manifest"),
    ],
)
def test_the_manifest_s_counts_are_compared(tmp_path, change, why):
    folders = _artifacts(tmp_path / "x")
    rows = [{"file": "Split-train/faces-00000-of-00001.tfrecord", "examples": 6}]
    change(rows)
    (tmp_path / "x" / "examples" / "manifest.json").write_text(json.dumps({"files": rows}))
    with pytest.raises(InputError, match=why):
        compute(*folders, RUNNER)


def test_workers_that_write_to_another_disk_are_no_success(tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "_count_one", lambda path_and_target: None)
    folders = _artifacts(tmp_path / "x")
    (tmp_path / "S").mkdir()
    with pytest.raises(InputError, match=f"{tmp_path}/S/.counts-.*json: is missing, though no worker failed"):
        counting.compute(*folders, RUNNER, str(tmp_path / "S"))


def _not_utf8():
    example = tf.train.Example.FromString(_face("a", 1).serialize())
    example.features.feature["dataset"].bytes_list.value[0] = b"caf\xe9"
    return example.SerializeToString()


@pytest.mark.parametrize(
    "record, why",
    [
        (_not_utf8(), "dataset is not UTF-8"),
        (_face("a", 1, image=b"no picture"), "the picture is not a JPEG, PNG"),
        (b"no example at all", ""),
        (b"", ""),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tmp_path, record, why):
    folders = _artifacts(tmp_path / "x", {("train", "a"): [_face("a", 0), record]})
    with pytest.raises(InputError, match=f"/Split-train/faces-00000-of-00001.tfrecord: record 1: {why}"):
        compute(*folders, RUNNER)


def test_several_faces_of_a_frame_count_as_one_frame(tmp_path):
    faces = {("train", "a"): [_face("a", 0), _face("a", 0), _face("a", 4), _face("a", 4), _face("a", 4)]}
    rejects = [_reject("a", "frame", "no_face"), _reject("a", "note", "smaller_faces")]
    (group,) = compute(*_artifacts(tmp_path / "x", faces, [_video("a")], rejects), RUNNER)["groups"]
    assert (group["faces"], group["frames_with_face"], group["frames"]) == (5, 2, 3)
    assert group["frame_detection_rate"] == pytest.approx(2 / 3)
    assert group["rejects"]["note"] == {"smaller_faces": 1}


def test_outcomes_are_told_per_data_set_and_label(tmp_path, capsys):
    folders = _artifacts(tmp_path / "x", rejects=[*REJECTS, _reject("f", "note", "smaller_faces", label=1)])
    print_table(compute(*folders, RUNNER))
    lines = capsys.readouterr().out.splitlines()
    assert "d real: frame no_face 2, frame degenerate_landmarks 1, video missing_file 1, part damaged_file 1" in lines
    assert "d fake: frame no_face 1, note smaller_faces 1" in lines
