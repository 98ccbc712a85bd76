"""Films coded again: two reals and two fakes of two methods, beside videos that cannot be."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest

from artifacts import face_examples
from artifacts.errors import InputError
from artifacts.face_examples import FaceExample
from artifacts.manifest import Video, write_manifest
from artifacts.predictions import read_predictions
from components.base import Context
from components.evaluator import reencoding
from components.evaluator.component import COMPONENT, EvaluatorParameters
from components.evaluator.inference import write_predictions
from evaluation.recompute import main as recompute
from evaluation.scores import THIS, Part
from evaluation.scores_file import read_scores
from evaluation.vocabulary import CHANGES
from faces import reencoding as faces_reencoding
from faces.alignment import TEMPLATE, align, encode
from faces.decoder import VideoFrames
from faces.reading import FrameReader
from faces.reencoding import ALL_FRAMES, PROFILES, Coding, WantedFace, recoded_crops
from model.saved_model import find_saved_model

pytestmark = pytest.mark.slow  # it predicts with a model

LANDMARKS = np.asarray(TEMPLATE * 100 / 256 + (30, 10), np.float32)
FILMS = {("d", "real", "0"): 0, ("d", "real", "1"): 30, ("d", "df", "0"): 60, ("d", "nt", "0"): 10}


@pytest.fixture(scope="module")
def films(clips, portraits, tmp_path_factory):
    """(folder, manifest lines, face examples) of films of some brightness, and of what is no film."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    part = cv2.resize(np.ascontiguousarray(portraits[0][:240, 100:420]), (160, 120), interpolation=cv2.INTER_AREA)
    lines, examples = [], []
    for (dataset, method, name), light in FILMS.items():
        images = [np.clip(part * 0.6 + light + rng.normal(0, 5, part.shape) + 2 * k, 0, 255).astype(np.uint8)
                  for k in range(6)]  # fmt: skip
        path = clips.write_clip(folder / f"{method}{name}.mp4", range(0, 240, 40), images, options={"crf": "12"})
        lines.append(Video(f"{dataset}/{method}/{name}", str(path), dataset, method, int(method != "real"), "test"))
        for frame in VideoFrames(str(path), 100):
            if frame.index in (1, 4):
                examples.append(example(lines[-1], frame.index, align(frame.image, LANDMARKS), LANDMARKS))
    return folder, lines, examples


def example(video, frame, crop, landmarks):
    where = (video.label, video.dataset, video.method, video.video_id, frame, 0.0, (0, 0, 1, 1))
    return FaceExample(encode(crop, "png"), "png", *where, landmarks)


@pytest.fixture
def run(tmp_path, model_dir, made):
    def execute(lines, examples, inputs=("videos", "rejects"), **parameters):
        made.write_examples(tmp_path / "examples", examples)
        write_manifest(tmp_path / "videos", lines)
        (tmp_path / "rejects").mkdir()
        outputs = {key: str(tmp_path / key) for key in ("predictions", "evaluation", "blessing")}
        for folder in outputs.values():
            os.makedirs(folder)
        given = {"resamples": 20, "embeddings": 0, "panels": 0} | parameters
        folders = {key: str(tmp_path / key) for key in ("examples", *inputs)} | {"model": str(model_dir)}
        COMPONENT.execute(Context(folders, outputs, EvaluatorParameters(**given), ("--runner=FnApiRunner",)))
        return json.loads((tmp_path / "evaluation" / "metrics.json").read_text())

    return execute


def test_every_change_of_films_is_a_profile():
    assert {name for name, change in CHANGES.items() if change.of == "films"} == PROFILES.keys()


def test_curves_per_method_equal_a_loop(run, films, tmp_path):
    _, lines, examples = films
    metrics = run(lines, examples, robustness=["h264", "brightness", "messenger"])
    rows = metrics["robustness"]
    assert {(row["change"], row["severity"]) for row in rows if row["change"] != "brightness"} == {
        (change, severity) for change in ("h264", "messenger") for severity in (0, 1, 2)
    }
    assert {row["method"] for row in rows} == {None, "df", "nt"} and "left_out" not in metrics
    of = {(row["change"], row["severity"], row["method"]): row for row in rows}
    assert (of["h264", 2, None]["strength"], of["messenger", 2, "df"]["strength"]) == (40, 240)
    assert of["h264", 1, "df"]["real"] == 2 and of["h264", 1, "df"]["fake"] == 1
    # By hand: dark nt lies between the two reals, df above both.
    assert of["h264", 0, "df"]["video_auc"] == 1 and of["h264", 0, "nt"]["video_auc"] == 0.5

    parts = read_scores(str(tmp_path / "evaluation" / "scores.parquet")).parts
    columns = parts[Part(THIS, "test", "h264", 2)]
    scored = {
        (video, frame): logit
        for video, frame, logit in zip(
            columns["video_id"].to_pylist(), columns["frame_index"].tolist(), columns["logit"].tolist(), strict=True
        )
    }
    assert len(scored) == len(examples)
    with FrameReader(ALL_FRAMES, 60) as reader:
        for line in lines:
            wanted = [WantedFace(frame, LANDMARKS) for frame in (1, 4)]
            crops = recoded_crops(reader, line, wanted, [PROFILES["h264"](40)], reencoding.Preprocessing())
            for k, frame in enumerate((1, 4)):
                expected = (crops[1, k].mean(dtype=np.float64) - 128) / 10  # as `Tiny` does
                assert scored[line.video_id, frame] == pytest.approx(expected, abs=1e-4)
    unchanged, plain = (parts[Part(THIS, "test", change)] for change in ("unchanged films", ""))
    assert sorted(unchanged["logit"]) == pytest.approx(sorted(plain["logit"]), abs=1e-5)
    folder = tmp_path / "evaluation"
    assert recompute([str(folder / "scores.parquet"), "--against", str(folder / "metrics.json")]) == 0
    report = (folder / "report.html").read_text()
    assert "Re-encoding of the films, on 2 real and 2 fake videos." in report and "only the coding differs" in report


def test_what_cannot_be_coded_again_is_said_with_its_reason(run, films, clips, tmp_path, capsys):
    """A moved file, one that has changed, crops, an unlisted video: each is named, and none is silently left out."""
    folder, lines, examples = films
    moved, changed = (Video(f"d/real/{name}", str(tmp_path / f"{name}.mp4"), "d", "real", 0, "test")
                      for name in ("moved", "changed"))  # fmt: skip
    crop = Video("c/real/0", str(tmp_path / "0.png"), "c", "real", 0, "test", kind="crop")
    flat = Video("d/df/flat", lines[0].uri, "d", "df", 1, "test")
    shutil.copy(folder / "df0.mp4", changed.uri)
    grey = np.full((256, 256, 3), 90, np.uint8)
    more = [example(moved, 1, grey, LANDMARKS), example(changed, 1, grey, LANDMARKS), example(crop, 0, grey, None)]
    more += [example(flat, 1, grey, None)]
    metrics = run([*lines, moved, changed, crop, flat], [*examples, *more], robustness=["h264"])
    assert metrics["left_out"] == {
        "c": {reencoding.NOT_A_FILM: 1},
        "d": {
            "the file is not where the list of videos says": 1,
            reencoding.CHANGED: 1,
            reencoding.NO_LANDMARKS: 1,
        },
    }
    assert {row["dataset"] for row in metrics["robustness"]} == {"d"}
    out, report = capsys.readouterr().out, (tmp_path / "evaluation" / "report.html").read_text()
    assert f"not coded again: d/real/moved ({moved.uri}): " in out
    assert f"NOTE on c: 1 video not coded again: {reencoding.NOT_A_FILM}." in out
    assert f"1 video not coded again: {reencoding.NOT_A_FILM}." in report and reencoding.CHANGED in report
    found = read_scores(str(tmp_path / "evaluation" / "scores.parquet"))
    assert found.how.left_out == metrics["left_out"]
    names = set(found.parts[Part(THIS, "test", "h264", 1)]["video_id"].to_pylist())
    assert names == {line.video_id for line in lines}


def test_an_interrupted_run_continues_film_by_film(films, model_dir, made, tmp_path, monkeypatch):
    _, lines, examples = films
    examples_dir = str(made.write_examples(tmp_path / "examples", examples))
    write_manifest(tmp_path / "videos", lines)
    files, folder = face_examples.find_files(examples_dir, "test"), str(tmp_path / "predictions")
    os.makedirs(folder)
    write_predictions(files, "test", str(model_dir), folder, ["--runner=FnApiRunner"])
    columns, coded = read_predictions(folder, "test"), []

    def stopped(reader, video, *rest):
        coded.append(video.video_id)
        if len(coded) == 3:
            raise KeyboardInterrupt
        return recoded_crops(reader, video, *rest)

    monkeypatch.setattr(reencoding, "recoded_crops", stopped)
    model = find_saved_model(str(model_dir))
    arguments = (files, folder, columns, str(tmp_path / "videos"), examples_dir, model)
    with pytest.raises(KeyboardInterrupt):
        reencoding.FilmSweep(*arguments, ["h264"]).run()
    kept = sorted((tmp_path / "predictions" / "films").iterdir())
    assert len(kept) == 2
    first = reencoding.FilmSweep(*arguments, ["h264"]).run()
    assert len(coded) == 3 + 2 and coded[2] == coded[3], "the two that were done are not coded again"
    kept[0].write_bytes(b"damaged")
    again = reencoding.FilmSweep(*arguments, ["h264"]).run()
    assert len(coded) == 6
    for part, of_part in first.parts.items():
        assert np.array_equal(of_part["logit"], again.parts[part]["logit"])
    reencoding.FilmSweep(*arguments, ["vp9"]).run()
    assert len(coded) == 10, "other codings are other scores"


def test_few_films_of_each_method(run, films):
    _, lines, examples = films
    metrics = run(lines, examples, robustness=["h264"], reencoding_videos=1)
    of = {(row["method"], row["severity"]): row for row in metrics["robustness"]}
    assert (of[None, 1]["real"], of[None, 1]["fake"]) == (1, 2)


def test_without_the_list_of_videos_nothing_is_begun(run, films, tmp_path):
    _, lines, examples = films
    with pytest.raises(InputError, match="robustness: vp9 codes the films again.*leave vp9 out: coding a row of crops"):
        run(lines, examples, inputs=(), robustness=["vp9"])
    assert not os.listdir(tmp_path / "predictions")


def test_a_missing_encoder_is_named_before_anything_is_done(run, films, tmp_path, monkeypatch):
    _, lines, examples = films
    monkeypatch.setitem(faces_reencoding.PROFILES, "h265", lambda crf: Coding("libnone", {}))
    with pytest.raises(InputError, match="robustness: h265 needs the encoder libnone, which this PyAV .* lacks. Inst"):
        run(lines, examples, robustness=["h265"])
    assert not os.listdir(tmp_path / "predictions")
