import json

import numpy as np
import pyarrow.parquet
import pytest

from components.base import Context, InputError, main
from components.evaluator.component import COMPONENT, EvaluatorParameters

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
    def execute(examples=None, model=model_dir, **parameters):
        if examples is None:
            examples = made.write_examples(tmp_path / "examples", faces)
        outputs = {key: str(tmp_path / key) for key in OUTPUTS}
        for key in OUTPUTS:
            (tmp_path / key).mkdir()
        parameters = EvaluatorParameters(**parameters)
        return COMPONENT.execute(Context({"examples": str(examples), "model": str(model)}, outputs, parameters))

    return execute


def test_scores_and_judges(run, tmp_path):
    result = run(thresholds=[{"min": 0.5}], batch_size=5, caveats={"d": "for play only"})
    table = pyarrow.parquet.read_table(tmp_path / "predictions" / "predictions-test.parquet")
    columns = {"video_id", "frame_index", "dataset", "method", "label", "logit", "center_similarity"}
    assert set(table.column_names) == columns and table.num_rows == 12
    rows = {(row["video_id"], row["frame_index"]): row for row in table.to_pylist()}
    assert len(rows) == 12
    row = rows["d/df/0", 3]
    assert row["logit"] == pytest.approx((60 - 128) / 10, abs=1e-4) and row["label"] == 1 and row["method"] == "df"
    assert row["center_similarity"] == pytest.approx(np.tanh(6.8), abs=1e-5)
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    video = metrics["video"]["datasets"]["d"]
    # Reals 55, 105, 155; df 120 and 230; nt 85: of the nine pairs the fake is brighter in 2 + 3 + 1.
    assert video["auc"] == pytest.approx(6 / 9) and video["methods"]["df"]["auc"] == pytest.approx(5 / 6)
    assert video["methods"]["nt"]["auc"] == pytest.approx(1 / 3) and (video["real"], video["fake"]) == (3, 3)
    assert video["acc"] == pytest.approx(3 / 6) and metrics["frame"]["all"]["real"] == 6
    assert metrics["split"] == "test" and metrics["caveats"] == {"d": "for play only"}
    assert result == {"video_auc": video["auc"], "video_acc": video["acc"], "verdict": "BLESSED"}
    assert [p.name for p in (tmp_path / "blessing").iterdir()] == ["BLESSED"]
    assert "at least 0.5" in (tmp_path / "blessing" / "BLESSED").read_text()
    report = (tmp_path / "evaluation" / "report.html").read_text()
    assert "for play only" in report and f"{video['auc']:.4f}" in report


@pytest.mark.parametrize(("thresholds", "words"), [([], "no threshold"), ([{"min": 0.9}], "below 0.9")])
def test_not_blessed(run, tmp_path, thresholds, words):
    assert run(thresholds=thresholds)["verdict"] == "NOT_BLESSED"
    (path,) = (tmp_path / "blessing").iterdir()
    assert path.name == "NOT_BLESSED" and words in path.read_text()


def test_the_batch_size_does_not_matter(run, tmp_path, faces, model_dir):
    from components.evaluator.executor import predict

    run()
    files = sorted(str(p) for p in (tmp_path / "examples" / "Split-test").iterdir())
    one, all_ = (predict(files, str(model_dir), size) for size in (1, 100))
    for name in one:
        assert (one[name] == all_[name]).all() or np.allclose(one[name], all_[name])
    assert len(one["logit"]) == len(faces)


def test_no_model(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty/Format-Serving: holds no SavedModel"):
        run(model=tmp_path / "empty")


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
