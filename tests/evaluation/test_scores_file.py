import dataclasses
import json

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest

from artifacts.errors import InputError
from evaluation.assembly import metrics_of
from evaluation.blessing import Threshold
from evaluation.recompute import differences
from evaluation.recompute import main as recompute
from evaluation.scores import BASELINE, THIS, HowScored, Part, ScoredModel, Scores, Temperatures, other
from evaluation.scores_file import METADATA, SCHEMA, read_scores, write_scores
from evaluation.video_scores import videos_of


def changed(columns, rng, scale=1.0):
    """The same faces with other scores."""
    logit = (columns["logit"] + rng.normal(0, scale, len(columns["label"]))).astype(np.float32)
    return columns | {
        "logit": logit,
        "center_similarity": np.tanh(-logit).astype(np.float32),
        "fake_probability": (1 / (1 + np.exp(-logit))).astype(np.float32),
    }


def encoded(columns):
    """Texts as `read_predictions` returns them."""
    texts = {name: pyarrow.array(columns[name]).dictionary_encode() for name in ("video_id", "dataset", "method")}
    return columns | texts


@pytest.fixture(scope="module")
def scores(made):
    """All that an evaluation can hold: three data sets, other models, changed faces, videos without a face."""
    rng = np.random.default_rng(5)
    test, val = (encoded(made.full_columns(rng, videos=12, per_video=3)["frame"]) for _ in range(2))
    parts = {Part(THIS, "test"): test, Part(THIS, "val"): val}
    parts |= {Part(BASELINE, split): changed(of, rng) for split, of in (("test", test), ("val", val))}
    parts[Part(other("x"), "test")] = changed(test, rng, 3)
    parts[Part(THIS, "test", "unchanged crops")] = test
    parts |= {Part(THIS, "test", "jpeg", severity): changed(test, rng, severity) for severity in (1, 2, 3, 4, 5)}
    videos = videos_of(test)
    keys = ("video_id", "dataset", "method", "label")
    listed = [
        dict(zip(keys, row, strict=True)) | {"outcome": "with_face"}
        for row in zip(*(videos[key].tolist() for key in keys), strict=True)
    ]
    listed += [
        {"video_id": f"dfdc/real/{name}", "dataset": "dfdc", "method": "real", "label": 0, "outcome": outcome}
        for name, outcome in (("dark", "no_face"), ("cut", "undecoded"))
    ]
    temperatures = {THIS: Temperatures(frame=1.4, video=1 / 3), BASELINE: Temperatures(frame=2.0, video=None)}
    models = {
        key: ScoredModel(name=name, digest="d" + name, temperature=temperatures.get(key))
        for key, name in ((THIS, "ours"), (BASELINE, "last"), (other("x"), "x"))
    }
    how = HowScored(
        models=models,
        readout="classifier",
        video_rule="median_logit",
        no_face="real",
        listed=True,
        resamples=60,
        seed=3,
        thresholds=(Threshold(min=0.6), Threshold(metric="acc_val", level="frame", min=0.5)),
        robustness=("jpeg",),
        caveats={"dfdc": "for play"},
        lineage=({"name": "model", "value": "here"},),
        reproduce=("python -m components.evaluator",),
    )
    return Scores(how, parts, listed)


@pytest.fixture(scope="module")
def metrics(scores):
    return metrics_of(scores)


@pytest.fixture
def path(tmp_path, scores):
    write_scores(str(tmp_path / "scores.parquet"), scores)
    return tmp_path / "scores.parquet"


def stored(tmp_path, metrics):
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    return str(tmp_path / "metrics.json")


def test_all_of_it_is_in_the_metrics(metrics):
    assert {"comparison", "matrix", "robustness"} <= metrics.keys() and metrics["matrix"]["models"] == ["ours", "x"]
    assert metrics["video"]["datasets"]["dfdc"]["coverage"] == {
        "listed": 26, "decoded": 25, "with_face": 24, "judged": 25
    }  # fmt: skip
    assert {(row["dataset"], row["method"]) for row in metrics["robustness"]} == {
        ("celeb_df", None), ("dfdc", None), *(("ffpp", method) for method in (None, "df", "ff", "fs", "nt"))
    }  # fmt: skip


def test_recomputed_equals_stored_bit_by_bit(path, metrics, scores, tmp_path):
    again = read_scores(str(path))
    assert again.how == scores.how and list(again.parts) == sorted(again.parts, key=list(again.parts).index)
    assert again.parts.keys() == scores.parts.keys()
    for part, columns in scores.parts.items():
        for name, values in columns.items():
            assert again.parts[part][name].to_pylist() == values.to_pylist() if name in (
                "video_id", "dataset", "method"
            ) else np.array_equal(again.parts[part][name], values)  # fmt: skip
    assert json.dumps(metrics_of(again)) == json.dumps(metrics)


def test_equal_scores_give_equal_bytes(path, scores, tmp_path):
    write_scores(str(tmp_path / "again.parquet"), scores)
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_the_command_agrees_and_writes_figures(path, metrics, tmp_path, capsys):
    against, target = stored(tmp_path, metrics), tmp_path / "again.json"
    assert recompute([str(path), "--against", against, "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert f"every value is that of {against}" in out and "BLESSED" in out and "for play" in out
    assert json.loads(target.read_text()) == json.loads(json.dumps(metrics))
    assert recompute([str(path), "--json", str(target)]) == 0, "its own file it replaces"


@pytest.mark.slow
def test_the_report_without_the_faces(path, tmp_path):
    report = tmp_path / "again.html"
    assert recompute([str(path), "--report", str(report)]) == 0
    page = report.read_text()
    assert "coverage; where the model looks." not in page and "embeddings; where the model looks." in page
    assert "median logit" in page and "Changes of the crops, on 12 real and 48 fake videos" in page
    assert recompute([str(path), "--report", str(report)]) == 0, "its own page it replaces"


@pytest.mark.parametrize(
    ("part", "named"),
    [
        (Part(THIS, "test"), "video.all.logit.brier.value: stored 0."),
        (Part(THIS, "val"), "thresholds.frame.logit: stored "),
        (Part(BASELINE, "test"), "comparison[0].last: stored 0."),
        (Part(other("x"), "test"), "matrix.auc[1]["),
        (Part(THIS, "test", "jpeg", 3), "].frame_auc: stored 0."),
    ],
)
def test_one_changed_score_is_found(part, named, scores, metrics, tmp_path, capsys):
    columns = dict(scores.parts[part])
    columns["logit"] = columns["logit"].copy()
    if part.split == "val":  # of the many, the threshold's neighbour
        threshold = metrics["thresholds"]["frame"]["logit"]
        row = np.flatnonzero(columns["logit"] > threshold)[np.argmin(columns["logit"][columns["logit"] > threshold])]
        columns["logit"][row] = np.nextafter(columns["logit"][row], np.float32(np.inf)) + np.float32(1e-4)
    else:
        columns["logit"][np.argmin(columns["logit"])] = 50
    forged = dataclasses.replace(scores, parts=scores.parts | {part: columns})
    write_scores(str(tmp_path / "forged.parquet"), forged)
    assert recompute([str(tmp_path / "forged.parquet"), "--against", stored(tmp_path, metrics)]) == 1
    out = capsys.readouterr().out
    assert " differ" in out
    assert any(named in line for line in differences(metrics, metrics_of(forged))), out


def test_differences_are_named_exactly():
    stored = {"a": [1.0, {"b": None}], "c": 0.1, "d": True, "gone": 1}
    again = {"a": [1.0, {"b": "x"}], "c": 0.1, "d": 1, "new": [2]}
    assert list(differences(stored, again)) == [
        'a[1].b: stored null, recomputed "x"',
        "d: stored true, recomputed 1",
        'gone: stored 1, recomputed "absent"',
        'new: stored "absent", recomputed [2]',
    ]
    assert list(differences({"c": 0.1}, {"c": 0.1 + 1e-9}, 1e-8)) == []
    assert len(list(differences({"c": 0.1}, {"c": 0.1 + 1e-9}))) == 1
    assert list(differences([1], [1, 2])) == [": stored [1], recomputed [1, 2]"]


def table_with(path, name, values):
    """The file with one column replaced."""
    table = pyarrow.parquet.read_table(path)
    place = table.schema.get_field_index(name)
    if values is None:
        table = table.drop_columns([name])
    else:
        table = table.set_column(place, name, pyarrow.array(values(table.column(name).to_pylist())))
    pyarrow.parquet.write_table(table.replace_schema_metadata(table.schema.metadata), path)


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("logit", None, "is no file of scores: it has no column 'logit'"),
        ("label", lambda old: [7, *old[1:]], "column label holds 7; it can hold 0, 1"),
        ("split", lambda old: ["train", *old[1:]], "column split holds 'train'; it can hold 'val', 'test'"),
        ("change", lambda old: ["fog", *old[1:]], "column change holds 'fog'"),
        ("severity", lambda old: [1, *old[1:]], "column severity holds 1 for ''"),
        ("severity", lambda old: [6 if k else k for k in old], "column severity holds 6 for 'jpeg'; 1 to 5 exist"),
        ("outcome", lambda old: ["seen", *old[1:]], "column outcome holds 'seen'"),
        ("logit", lambda old: [old[0], None, *old[2:]], "row 1: logit is missing"),
        ("video_id", lambda old: [None, *old[1:]], "row 0: video_id is missing"),
        ("logit", lambda old: ["much"] * len(old), "column logit holds string, not float"),
        ("model", lambda old: ["that" if one == THIS else one for one in old], "column model holds 'that'"),
        (
            "model",
            lambda old: [THIS if one == BASELINE else one for one in old],
            "models names 'baseline', of which it",
        ),
        ("frame_index", lambda old: [0] * len(old), ", track 0 occurs twice"),
        ("split", lambda old: ["val"] * len(old), "holds no row of model 'this' and split 'test'"),
    ],
)
def test_bad_files_are_named_with_the_field_and_the_cure(name, values, words, path, capsys):
    table_with(path, name, values)
    assert recompute([str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ") and words in error


def test_what_is_no_scores_file(path, tmp_path, capsys):
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="bad.parquet: cannot be read as Parquet .*Name the scores.parquet"):
        read_scores(str(bad))
    with pytest.raises(InputError, match="missing: cannot be read as Parquet .No such file"):
        read_scores(str(tmp_path / "missing"))
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).replace_schema_metadata({}), bad)
    with pytest.raises(InputError, match="it has no metadata 'scores'"):
        read_scores(str(bad))
    table = pyarrow.parquet.read_table(path)
    how = json.loads(table.schema.metadata[METADATA]) | {"video_rule": "loudest"}
    pyarrow.parquet.write_table(table.replace_schema_metadata({METADATA: json.dumps(how)}), bad)
    with pytest.raises(InputError, match="metadata scores.video_rule: must be 'mean_logit'"):
        read_scores(str(bad))
    assert recompute([str(path), "--json", str(path)]) == 2
    assert "which it would replace" in capsys.readouterr().err
    assert recompute([str(path), "--tolerance=-1"]) == 2 and "--tolerance: must be" in capsys.readouterr().err
    assert recompute([str(path), "--against", str(tmp_path / "none.json")]) == 2


def test_it_is_compact_and_any_reader_opens_it(path, scores):
    table = pyarrow.parquet.read_table(path)
    rows = sum(len(columns["label"]) for columns in scores.parts.values())
    assert table.num_rows == rows + 2 and table.schema.names == SCHEMA.names
    assert path.stat().st_size / table.num_rows < 30, "bytes a row"
    faceless = table.filter(pyarrow.compute.equal(table.column("outcome").cast("string"), "no_face")).to_pylist()
    assert [(row["video_id"], row["logit"], row["frame_index"]) for row in faceless] == [("dfdc/real/dark", None, None)]
