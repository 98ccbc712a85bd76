import errno
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from skimage.data import astronaut

from artifacts import crop_decoding, face_examples
from artifacts.errors import InputError
from artifacts.preprocessing import Preprocessing, read_of_examples
from components.base import Context, main
from components.face_example_gen import executor, shards
from components.face_example_gen.component import COMPONENT, FaceExampleGenParameters
from faces.extraction import FaceExtractor

RUNNER = ("--runner=FnApiRunner", "--direct_running_mode=in_memory")
GIGABYTES = 1.5  # of a worker's memory, on any data


@pytest.fixture
def no_detector(monkeypatch):
    monkeypatch.setattr(FaceExtractor, "_get_detector", lambda self: pytest.fail("the detector was asked for"))


@pytest.fixture
def crops(tmp_path, video):
    """Face crops of three splits: they need no detector."""
    made = []
    for number, split in enumerate(("train", "train", "train", "val", "test")):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.random.default_rng(number).integers(0, 255, (256, 256, 3), dtype=np.uint8))
        made.append(video(path, number % 2, "crop", split=split))
    return made


def _context(tmp_path, videos_dir, **parameters):
    outputs = {key: str(tmp_path / key) for key in ("examples", "rejects")}
    for folder in outputs.values():
        Path(folder).mkdir(exist_ok=True)
    return Context({"videos": str(videos_dir)}, outputs, FaceExampleGenParameters(**parameters), RUNNER)


def _arguments(videos, out, *more):
    return [f"--videos={videos}", f"--examples={out}/examples", f"--rejects={out}/rejects", *map(str, more)]


@pytest.mark.slow
def test_a_folder_with_another_extraction_is_refused_and_stays_as_it_is(crops, manifest, tmp_path, no_detector):
    videos = manifest(crops)
    COMPONENT.execute(_context(tmp_path, videos, shards=2))
    before = sorted(path.name for path in (tmp_path / "examples").rglob("*"))
    with pytest.raises(InputError, match="examples: holds face examples of other videos or parameters"):
        COMPONENT.execute(_context(tmp_path, videos, shards=3))
    assert sorted(path.name for path in (tmp_path / "examples").rglob("*")) == before
    assert COMPONENT.execute(_context(tmp_path, videos, shards=2))["faces"] == 5


def test_writes_the_artifacts(crops, manifest, tmp_path, no_detector):
    figures = COMPONENT.execute(_context(tmp_path, manifest(crops), shards=2))
    assert figures == {"videos": 5, "faces": 5, "rejects": 0}
    told = json.loads((tmp_path / "examples" / "manifest.json").read_text())
    files = sorted(str(p.relative_to(tmp_path / "examples")) for p in (tmp_path / "examples").rglob("*.tfrecord"))
    assert sorted(row["file"] for row in told["files"]) == files and told["schema"] == 1
    assert sum(row["examples"] for row in told["files"]) == 5
    found = {
        (split, example["video_id"].numpy().decode())
        for split in ("train", "val", "test")
        for path in face_examples.find_files(str(tmp_path / "examples"), split)
        for example in map(face_examples.parse, face_examples.read_records(path))
    }
    assert found == {(video.split, video.video_id) for video in crops}
    assert not list((tmp_path / "examples").rglob("shard-*"))


@pytest.mark.slow
def test_the_examples_tell_how_their_faces_were_made(crops, manifest, tmp_path, no_detector):
    chosen = {"crop_margin": 0.8, "crop_lift": 0.12, "min_face_size": 28.2}
    COMPONENT.execute(_context(tmp_path, manifest(crops), shards=1, **chosen))
    assert read_of_examples(str(tmp_path / "examples")) == Preprocessing(**chosen, ready_crops=True)


@pytest.mark.slow
def test_a_missing_file_is_listed_and_the_rest_goes_on(crops, manifest, tmp_path, no_detector):
    gone = replace(crops[0], uri=str(tmp_path / "gone.png"))
    figures = COMPONENT.execute(_context(tmp_path, manifest([gone, *crops[1:]])))
    assert figures == {"videos": 5, "faces": 4, "rejects": 1}
    (row,) = (json.loads(x) for p in (tmp_path / "rejects").iterdir() for x in p.read_text().splitlines())
    assert row["video_id"] == gone.video_id and row["uri"] == gone.uri and row["reason"] == "missing_file"
    assert row["scope"] == "video" and row["split"] == "train"


def test_workers_that_write_to_another_disk_are_no_success(crops, manifest, tmp_path, monkeypatch, no_detector):
    def elsewhere(examples_dir, *more):
        return shards.ExtractFaces(str(tmp_path / "their disk"), *more)

    monkeypatch.setattr(executor, "ExtractFaces", elsewhere)
    with pytest.raises(InputError, match=r"Split-test/shard-00000-of-00001\.json: is missing, though no worker"):
        COMPONENT.execute(_context(tmp_path, manifest(crops), shards=1))
    assert not (tmp_path / "examples" / "manifest.json").exists()


def test_what_was_extracted_but_not_published_is_kept(crops, manifest, tmp_path, monkeypatch, no_detector):
    first = COMPONENT.execute(_context(tmp_path, manifest(crops), shards=1))
    monkeypatch.setattr(executor, "ExtractFaces", lambda *_: pytest.fail("extracted again"))
    assert COMPONENT.execute(_context(tmp_path, tmp_path / "videos", shards=1)) == first
    monkeypatch.undo()
    next((tmp_path / "examples").rglob("*.tfrecord")).unlink()
    assert COMPONENT.execute(_context(tmp_path, tmp_path / "videos", shards=1)) == first


@pytest.mark.parametrize(
    ("line", "word"),
    [("{no json", "not a manifest line"), ('{"video_id": "a"}', "not a manifest line"), ('{"x": 1}', "manifest line")],
)
def test_a_broken_manifest_line_is_named(crops, manifest, tmp_path, line, word, capsys):
    folder = manifest(crops)
    path = folder / "Split-train" / "videos.jsonl"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=f"{path}:4: .*{word}"):
        COMPONENT.execute(_context(tmp_path, folder))
    assert main(COMPONENT, _arguments(folder, tmp_path / "out")) == 2
    assert f"error: {path}:4:" in capsys.readouterr().err


def test_a_wrong_field_of_the_manifest_is_named(crops, manifest, tmp_path):
    folder = manifest(crops)
    path = folder / "Split-val" / "videos.jsonl"
    path.write_text(path.read_text().replace('"kind": "crop"', '"kind": "film"'))
    with pytest.raises(InputError, match=f"{path}:1: kind is 'film'; it can be video, image, crop"):
        COMPONENT.execute(_context(tmp_path, folder))


def test_no_video_at_all(manifest, tmp_path):
    with pytest.raises(InputError, match="name no video"):
        COMPONENT.execute(_context(tmp_path, manifest([])))


def test_outputs_that_cannot_be_written(crops, manifest, tmp_path, capsys, no_detector):
    (tmp_path / "file").write_text("in the way")
    assert main(COMPONENT, _arguments(manifest(crops), tmp_path / "file")) == 2
    assert str(tmp_path / "file" / "examples") in capsys.readouterr().err
    # A file in the way of a folder that only the workers make.
    (tmp_path / "out" / "examples").mkdir(parents=True)
    (tmp_path / "out" / "examples" / "Split-train").write_text("in the way")
    assert main(COMPONENT, _arguments(tmp_path / "videos", tmp_path / "out")) == 2
    assert f"error: {tmp_path}/out/examples/Split-train: cannot be written" in capsys.readouterr().err


def test_a_full_disk_is_told(crops, manifest, tmp_path, monkeypatch, no_detector):
    def full(path, value, **how):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards, "write_json", full)
    with pytest.raises(InputError, match=r"examples: cannot be written \(No space left on device\). Make room"):
        COMPONENT.execute(_context(tmp_path, manifest(crops)))


def test_other_failures_are_not_dressed_up(crops, manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(FaceExtractor, "_extract", lambda *_: Path("/there/is/no/such/file").read_bytes())
    with pytest.raises(Exception, match="/there/is/no/such/file") as caught:
        COMPONENT.execute(_context(tmp_path, manifest(crops)))
    assert not isinstance(caught.value, InputError)


def test_an_unknown_option_ends_with_2_and_the_nearest_name(crops, manifest, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(COMPONENT, _arguments(manifest(crops), tmp_path / "out", "--framez=3", *RUNNER))
    assert ended.value.code == 2 and "did you mean --frames?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argument", "word"),
    [
        ("--frames=0", "--frames"),
        ("--shards=many", "--shards"),
        ("stray", "stray"),
        ("--runner=DirectRunner", "DirectRunner"),
    ],
)
def test_wrong_arguments_end_with_2(crops, manifest, tmp_path, capsys, argument, word):
    runner = () if "runner" in argument else RUNNER
    assert main(COMPONENT, _arguments(manifest(crops), tmp_path / "out", argument, *runner)) == 2
    assert word in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.tfrecord"))


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("frame", [3], []),
        ("frames", [0, -1, 1.5], [1, 500]),
        ("shards", [0], [1, 1000]),
        ("faces", ["everyone", ""], ["main", "all"]),
        ("min_face_size", [0, 19.9, 30, 40, 39, 112, "x"], [20, 28.2, 39.8, 56.1, 79.1, "39.8"]),
        ("detect_every", [0, -3], [1, 8]),
        ("crop_margin", [0.5, 4.1, -1], [0.6, 1, 4]),
        ("crop_size", [31, 1025, 0], [32, 112, 1024]),
        ("image_format", ["jpg", "WEBP"], ["png", "webp"]),
        ("decode_time_limit", [0, -1], [0.5, 86400]),
    ],
)
def test_parameters_are_checked(name, wrong, right):
    for value in wrong:
        with pytest.raises(ValidationError, match=name):
            FaceExampleGenParameters.model_validate({name: value})
    for value in right:
        parameters = FaceExampleGenParameters.model_validate({name: value})
        assert getattr(parameters, name) in (value, float(value) if name == "min_face_size" else value)


def test_a_wrong_least_size_names_the_right_ones(crops, manifest, tmp_path, capsys):
    assert main(COMPONENT, _arguments(manifest(crops), tmp_path / "out", "--min_face_size=40", *RUNNER)) == 2
    assert "must be one of 20, 28.2, 39.8, 56.1, 79.1" in capsys.readouterr().err


@pytest.mark.slow
def test_parameters_reach_the_crops(crops, manifest, tmp_path, no_detector):
    COMPONENT.execute(_context(tmp_path, manifest(crops), shards=1, crop_size=64, image_format="png"))
    (record, *_) = face_examples.read_records(face_examples.find_files(str(tmp_path / "examples"), "val")[0])
    example = face_examples.parse(record)
    assert example["image/format"] == b"png" and crop_decoding.decode_image(example["image/encoded"]).shape == (
        64,
        64,
        3,
    )
    assert json.loads((tmp_path / "examples" / "plan.json").read_text())["crop_size"] == 64


def test_a_run_that_failed_before_its_first_shard_leaves_the_folder_free(crops, manifest, tmp_path, no_detector):
    context = _context(tmp_path, manifest(crops), crop_size=64)
    (tmp_path / "examples").mkdir(exist_ok=True)
    (tmp_path / "examples" / "plan.json").write_text('{"crop_size": 32}')
    COMPONENT.execute(context)
    with pytest.raises(InputError, match="holds face examples of other videos or parameters"):
        COMPONENT.execute(_context(tmp_path, manifest(crops), crop_size=32))


@pytest.mark.slow
def test_what_a_killed_run_had_begun_is_cleared_away(crops, manifest, tmp_path, no_detector):
    for path in ("examples/Split-train/.faces-00000-of-00002.partial-123.tfrecord", "rejects/.x.partial-123.jsonl"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"half")
    COMPONENT.execute(_context(tmp_path, manifest(crops), shards=2))
    assert not list(tmp_path.rglob("*partial*")) and len(list(tmp_path.rglob("*.tfrecord"))) == 4


def _tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def _threads(count):
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM",
             "NUMBA_NUM_THREADS")  # fmt: skip
    return dict.fromkeys(names, str(count))


ENGINES = {
    "one process, one thread": (["--direct_running_mode=in_memory"], _threads(1)),
    "one process, two threads": (["--direct_running_mode=in_memory"], _threads(2)),
    "two processes, three threads": (["--direct_running_mode=multi_processing", "--direct_num_workers=2"], _threads(3)),
}


@pytest.mark.slow
def test_the_same_bytes_on_any_number_of_processes_and_threads(sample, manifest, tmp_path, command, clips):
    """Many short clips, a broken file and a missing one."""
    broken = clips.cut(sample[0].uri, tmp_path / "cut.mp4")
    bad = [replace(sample[0], video_id=f"sample/df/{p.stem}", uri=str(p)) for p in (broken, tmp_path / "none.mp4")]
    videos = [replace(v, split=("train", "val", "test")[k % 3]) for k, v in enumerate([*sample[:12], *bad])]
    folder, trees = manifest(videos), {}
    for name, (engine, environment) in ENGINES.items():
        engine = ("--runner=FnApiRunner", *engine)
        done = command(*_arguments(folder, tmp_path / name, "--frames=2", "--shards=3", *engine), **environment)
        assert done.code == 0, done.err
        assert done.peak < GIGABYTES
        print(f"{name}: peak {done.peak:.2f} GB")
        trees[name] = _tree(tmp_path / name)
        rows = json.loads(trees[name]["examples/manifest.json"])["files"]
        assert sum(row["videos"] for row in rows) == 14 and sum(row["examples"] for row in rows) > 20
    one, *others = trees.values()
    assert len(one) == 2 + 2 * len(rows)  # manifest.json and plan.json, and two files per shard
    assert len(others) == 2 and all(other == one for other in others)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length_of_a_video(manifest, tmp_path, command, video):
    """3000 frames of 640x480: decoded, they would take 2.8 GB."""
    path, length, once = tmp_path / "long.mp4", 3000, 60
    image = cv2.resize(astronaut()[:384], (640, 480))
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.time_base = once, Fraction(1, 30)
        frames = [av.VideoFrame.from_ndarray(np.roll(image, k, axis=1), format="rgb24") for k in range(once)]
        packets = [packet for frame in [*frames, None] for packet in stream.encode(frame)]
        payload = [(bytes(packet), packet.pts, packet.dts, packet.is_keyframe) for packet in packets]
        for start in range(0, length, once):  # the same packets again and again
            for content, pts, dts, key in payload:
                packet = av.Packet(content)
                packet.pts, packet.dts, packet.is_keyframe = pts + start, dts + start, key
                packet.stream, packet.time_base = stream, Fraction(1, 30)
                file.mux(packet)
    with av.open(str(path)) as file:
        assert file.streams.video[0].frames == length
    folder = manifest([video(path)])
    done = command(*_arguments(folder, tmp_path / "out", "--frames=16", *RUNNER))
    assert done.code == 0, done.err
    print(f"peak {done.peak:.2f} GB")
    assert done.peak < GIGABYTES
    (row,) = json.loads((tmp_path / "out" / "examples" / "manifest.json").read_text())["files"]
    assert row["examples"] == 16


def test_crops_are_called_crops_and_have_no_frames(video):
    videos = [video("a.mp4"), video("b.mp4"), video("c.png", kind="crop")]
    assert executor._amount(videos, 32) == "1 crop, 2 videos, 32 frames each"
    assert executor._amount(videos[:1], 1) == "1 video, 1 frame each"
