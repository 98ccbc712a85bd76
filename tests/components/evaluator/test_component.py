import json
import os
import shutil

import pytest

from artifacts.errors import InputError
from artifacts.manifest import Video, write_manifest
from artifacts.predictions import read_predictions
from artifacts.preprocessing import Preprocessing
from artifacts.rejects import Reject, write_rejects
from artifacts.video_rules import VIDEO_RULES
from components.base import Context, main
from components.evaluator.component import COMPONENT, EvaluatorParameters
from evaluation.recompute import main as recompute
from model.saved_model import write_card, write_preprocessing

pytestmark = pytest.mark.slow  # it predicts with a model

OUTPUTS = ("predictions", "evaluation", "blessing")


@pytest.fixture(scope="module")
def faces(made):
    """Three reals, one of them bright, and three fakes of two methods; two frames each, some of the fakes dark."""
    greys = {("real", "0"): (50, 60), ("real", "1"): (100, 110), ("real", "2"): (150, 160)}
    greys |= {("df", "0"): (180, 60), ("df", "1"): (240, 220), ("nt", "0"): (90, 80)}
    return [
        made.face(grey, video, 3 * k, method=method)
        for (method, video), of in greys.items()
        for k, grey in enumerate(of)
    ]


@pytest.fixture
def run(tmp_path, model_dir, made, faces):
    def execute(examples=None, model=model_dir, inputs=None, into="out", val=None, **parameters):
        if examples is None:
            examples = tmp_path / "examples"
            if not examples.exists():
                made.write_examples(examples, faces)
                if val is not None:
                    made.write_examples(examples, val, "val")
        outputs = {key: str(tmp_path / into / key) for key in OUTPUTS}
        for folder in outputs.values():
            os.makedirs(folder)
        parameters = EvaluatorParameters(**{"resamples": 100, **parameters})
        inputs = {"examples": str(examples), "model": str(model), **(inputs or {})}
        return COMPONENT.execute(Context(inputs, outputs, parameters, ("--runner=FnApiRunner",)))

    return execute


def _metrics(tmp_path, into="out"):
    return json.loads((tmp_path / into / "evaluation" / "metrics.json").read_text())


def _shipped(tmp_path, into="out"):
    """Whether the figures follow from the shipped scores alone, each exactly as stored."""
    folder = tmp_path / into / "evaluation"
    return recompute([str(folder / "scores.parquet"), "--against", str(folder / "metrics.json")]) == 0


def test_scores_and_blesses(run, tmp_path, capsys):
    result = run(thresholds=[{"min": 0.5}], batch_size=5, caveats={"d": "for play only"})
    columns = read_predictions(str(tmp_path / "out" / "predictions"), "test")
    names = [columns["video_id"].dictionary[k].as_py() for k in columns["video_id"].indices.to_pylist()]
    logits = dict(zip(zip(names, columns["frame_index"].tolist(), strict=True), columns["logit"].tolist(), strict=True))
    assert len(names) == len(logits) == 12 and logits["d/df/0", 3] == pytest.approx((60 - 128) / 10, abs=1e-4)
    metrics = _metrics(tmp_path)
    video = metrics["video"]["datasets"]["d"]
    # Reals 55, 105, 155; df 120 and 230; nt 85: of the nine pairs the fake is brighter in 2 + 3 + 1.
    assert video["logit"]["auc"]["value"] == pytest.approx(6 / 9) and (video["real"], video["fake"]) == (3, 3)
    by_method = {method: group["logit"]["auc"]["value"] for method, group in video["methods"].items()}
    assert by_method == {"df": pytest.approx(5 / 6), "nt": pytest.approx(1 / 3)}
    assert video["center_similarity"]["auc"]["value"] == pytest.approx(6 / 9)
    assert video["logit"]["acc"]["value"] == pytest.approx(3 / 6) and metrics["frame"]["all"]["real"] == 6
    assert video["coverage"] is None and metrics["thresholds"]["reason"] and metrics["temperature"] is None
    assert metrics["split"] == "test" and metrics["caveats"] == {"d": "for play only"}
    assert result == {"video_auc": pytest.approx(6 / 9), "video_acc": pytest.approx(3 / 6), "verdict": "BLESSED"}
    assert [p.name for p in (tmp_path / "out" / "blessing").iterdir()] == ["BLESSED"]
    assert "at least 0.5" in (tmp_path / "out" / "blessing" / "BLESSED").read_text()
    report = (tmp_path / "out" / "evaluation" / "report.html").read_text()
    assert "for play only" in report and "python -m components.evaluator" in report and "no such file" not in report
    assert (tmp_path / "out" / "evaluation" / "tensorboard" / "projector_config.pbtxt").exists()
    assert "no threshold can be fixed on validation" in capsys.readouterr().out


@pytest.mark.parametrize(("thresholds", "words"), [([], "no threshold"), ([{"min": 0.9}], "below 0.9")])
def test_not_blessed(run, tmp_path, thresholds, words):
    assert run(thresholds=thresholds)["verdict"] == "NOT_BLESSED"
    (path,) = (tmp_path / "out" / "blessing").iterdir()
    assert path.name == "NOT_BLESSED" and words in path.read_text()


def test_thresholds_come_from_validation_and_temperatures_from_the_model(run, tmp_path, made, model_dir, capsys):
    """Of the rule that joins the frames; what its logit is, the figures and the report say, too."""
    model = shutil.copytree(model_dir, tmp_path / "model")
    (model / "Format-Serving" / "assets.extra").mkdir()

    def fitted(temperature, reason=None):
        return {"temperature": temperature, "nll_before": None, "nll_after": None, "reason": reason}

    by_rule = {rule: fitted(1.0) for rule in VIDEO_RULES} | {"mean_logit": fitted(4.0), "max_logit": fitted(5.0)}
    fits = {"frame": fitted(2.0, "few faces"), "main": by_rule, "all": by_rule}
    calibration = {"readout": "class_means", "frame": 2.0, "video": 4.0, "fits": fits}
    (model / "Format-Serving" / "assets.extra" / "calibration.json").write_text(json.dumps(calibration))
    val = [
        made.face(grey, grey, method=method) for grey, method in ((40, "real"), (60, "real"), (80, "df"), (99, "df"))
    ]
    run(model=model, val=val, video_rule="max_logit")
    metrics = _metrics(tmp_path)
    assert metrics["thresholds"]["frame"]["logit"] == pytest.approx((70 - 128) / 10, abs=1e-4)
    assert metrics["thresholds"]["video"]["logit"] == pytest.approx((70 - 128) / 10, abs=1e-4)
    assert metrics["temperature"] == {"frame": 2.0, "video": 5.0} and metrics["readout"] == "class_means"
    out, report = capsys.readouterr().out, (tmp_path / "out" / "evaluation" / "report.html").read_text()
    assert "this model: the probabilities of videos are not calibrated: few faces" in out
    assert all("a class-mean read-out of the embedding" in text for text in (out, report))
    assert _shipped(tmp_path)
    # Above 70: the reals 105 and 155, and all fakes.
    assert metrics["video"]["all"]["logit"]["acc_val"]["value"] == pytest.approx(4 / 6)


@pytest.mark.parametrize(("no_face", "auc"), [("left_out", 6 / 9), ("real", 9 / 12), ("fake", 6 / 12)])
def test_videos_without_a_face_count_as_they_should(run, tmp_path, faces, no_face, auc):
    """One more real video in which no face was found, and one that could not be decoded."""
    seen = {face.video_id: face for face in faces}
    videos = [Video(face.video_id, "", face.dataset, face.method, face.label, "test") for face in seen.values()] + [
        Video(f"d/real/{name}", "", "d", "real", 0, "test") for name in ("dark", "cut")
    ]
    write_manifest(tmp_path / "videos", videos)
    rejects = [
        Reject(video, "", "d", "real", 0, "test", scope, reason, "as a sentence")
        for video, scope, reason in (
            ("d/real/dark", "frame", "no_face"),
            ("d/real/dark", "video", "no_face"),
            ("d/real/cut", "video", "undecodable"),
            ("d/real/0", "part", "damaged_file"),
        )
    ]
    (tmp_path / "rejects").mkdir()
    write_rejects(str(tmp_path / "rejects" / "test.jsonl"), rejects)
    run(no_face=no_face, inputs={key: str(tmp_path / key) for key in ("videos", "rejects")})
    group = _metrics(tmp_path)["video"]["all"]
    judged = 6 if no_face == "left_out" else 7
    assert group["coverage"] == {"listed": 8, "decoded": 7, "with_face": 6, "judged": judged}
    assert group["logit"]["auc"]["value"] == pytest.approx(auc)
    assert _shipped(tmp_path)


def test_a_policy_for_videos_without_a_face_needs_the_list(run):
    with pytest.raises(InputError, match="needs the inputs videos and rejects"):
        run(no_face="fake")


def test_beside_the_last_blessed_model_and_others(run, tmp_path, model_dir):
    """The same model: no difference, the same figures, and two rows in the matrix."""
    other = shutil.copytree(model_dir, tmp_path / "other")
    result = run(
        thresholds=[{"min": 0.5}, {"metric": "acc", "level": "frame", "min": 0.1}],
        inputs={"baseline": str(other)},
        models={"other": str(other)},
        robustness=["brightness"],
        robustness_videos=2,
    )
    metrics = _metrics(tmp_path)
    assert [(row["key"], row["difference"]) for row in metrics["comparison"]] == [("auc", 0), ("acc", 0)]
    assert metrics["matrix"]["models"] == ["this model", "other"] and metrics["matrix"]["datasets"] == ["d"]
    assert metrics["matrix"]["auc"] == [[pytest.approx(6 / 9)], [pytest.approx(6 / 9)]]
    assert {row["severity"] for row in metrics["robustness"]} == {0, 1, 2, 3, 4, 5}
    assert {row["method"] for row in metrics["robustness"]} == {None, "df", "nt"} and _shipped(tmp_path)
    assert result["verdict"] == "BLESSED"


def test_a_second_attempt_keeps_the_predictions(run, tmp_path, model_dir):
    run(into="first")
    shutil.copytree(tmp_path / "first" / "predictions", tmp_path / "second" / "predictions")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "second" / "predictions").glob("*.parquet")}
    parameters = EvaluatorParameters(resamples=100)
    for key in OUTPUTS[1:]:
        (tmp_path / "second" / key).mkdir()
    outputs = {key: str(tmp_path / "second" / key) for key in OUTPUTS}
    inputs = {"examples": str(tmp_path / "examples"), "model": str(model_dir)}
    COMPONENT.execute(Context(inputs, outputs, parameters, ("--runner=FnApiRunner",)))
    assert {path: path.stat().st_mtime_ns for path in before} == before and len(before) == 2
    assert _metrics(tmp_path, "second") == _metrics(tmp_path, "first")


def test_no_model(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no SavedModel"):
        run(model=tmp_path / "empty")


def test_another_model_that_is_none(run, tmp_path):
    """Said at once, not after the predictions."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no SavedModel"):
        run(models={"other": str(tmp_path / "empty")})
    assert not list((tmp_path / "out" / "predictions").iterdir())


def test_a_model_without_the_signature(run, tmp_path):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path / "bare" / "Format-Serving"))
    with pytest.raises(InputError, match="no signature 'crops'"):
        run(model=tmp_path / "bare")


def test_no_examples(run, tmp_path, made):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="nothing to evaluate: .*Split-test"):
        run(examples=tmp_path / "nothing")


def test_examples_without_a_face(run, tmp_path, made):
    with pytest.raises(InputError, match="holds no face"):
        run(examples=made.write_examples(tmp_path / "hollow", []))


def test_a_cut_file_is_named(run, tmp_path, made, faces):
    folder = made.write_examples(tmp_path / "cut", faces)
    path = folder / "Split-test" / "faces-00001-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=f"{path}: damaged or cut after 5 records"):
        run(examples=folder)


def test_command_line(tmp_path, model_dir, made, faces, capsys):
    examples = made.write_examples(tmp_path / "examples", faces)
    outputs = [f"--{key}={tmp_path}/{key}" for key in OUTPUTS]
    common = [f"--examples={examples}", f"--model={model_dir}", *outputs]
    assert main(COMPONENT, [*common, '--thresholds=[{"min": 2}]']) == 2
    assert "--thresholds.0.min" in capsys.readouterr().err
    assert main(COMPONENT, [*common, '--thresholds=[{"min": 0.1}]', "--batch_size=4"]) == 0
    assert "verdict: BLESSED" in capsys.readouterr().out


def _pushed(model_dir, folder):
    """A model server's folder: an older version that is not a model of this project, and one with its card."""
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "saved_model.pb").touch()
    shutil.copytree(model_dir / "Format-Serving", folder / "12")
    write_card({"name": "paper", "recipe": {"steps": 77}}, str(folder / "12"))
    return folder


def test_command_line_on_any_saved_model(tmp_path, model_dir, made, faces, capsys):
    """A bare SavedModel, beside the folder of a model server, and beside an older one without heat maps."""
    examples, pushed = made.write_examples(tmp_path / "examples", faces), _pushed(model_dir, tmp_path / "pushed")
    old = made.save_model(tmp_path / "old", "crops")
    few = ['--thresholds=[{"min": 0.1}]', "--resamples=50"]

    def evaluated(name, model, *more):
        outputs = [f"--{key}={tmp_path}/{name}/{key}" for key in OUTPUTS]
        assert main(COMPONENT, [f"--examples={examples}", f"--model={model}", *outputs, *few, *more]) == 0
        report = (tmp_path / name / "evaluation" / "report.html").read_text().replace("<wbr>", "")
        return _metrics(tmp_path, name), report

    bare, shown = evaluated("bare", model_dir / "Format-Serving", f"--models={json.dumps({'pushed': str(pushed)})}")
    assert bare["matrix"]["models"] == ["this model", "pushed"] and bare["matrix"]["auc"][0] == bare["matrix"]["auc"][1]
    assert "Surest hits" in shown and f"{pushed}/12" in shown and "recipe" not in shown
    same, shown = evaluated("same", pushed, f"--baseline={model_dir / 'Format-Serving'}")
    assert same["video"] == bare["video"] and [row["difference"] for row in same["comparison"]] == [0]
    assert "Surest hits" in shown and "recipe: steps" in shown and "77" in shown, "of the card"
    _, shown = evaluated("without", old)
    assert "Surest hits" not in shown and "no signature &#39;heat_maps&#39;" in shown
    capsys.readouterr()


def test_the_old_name_of_max_drop_is_refused():
    with pytest.raises(ValueError, match=r"max_loss\n.*not permitted"):
        EvaluatorParameters(max_loss=0.02)


def test_faces_that_are_cut_otherwise_than_the_models_are_refused(run, tmp_path, model_dir, made, faces):
    folder = tmp_path / "examples"
    made.write_examples(folder, faces)
    (folder / "manifest.json").write_text(json.dumps({"preprocessing": Preprocessing().as_dict()}))
    tight = shutil.copytree(model_dir, tmp_path / "tight")
    write_preprocessing(Preprocessing(crop_margin=0.8), str(tight))
    for arguments in ({"model": tight}, {"inputs": {"baseline": str(tight)}}, {"models": {"other": str(tight)}}):
        with pytest.raises(InputError) as refused:
            run(folder, into=f"out-{next(iter(arguments))}", **arguments)
        assert f"{folder}: " in str(refused.value) and f"{tight}" in str(refused.value)
        assert "their crop_margin is 1.3, the model's 0.8" in str(refused.value)
