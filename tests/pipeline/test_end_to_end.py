"""The whole way on the smallest embedded sample, as a user goes it: in processes of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

pytestmark = pytest.mark.slow  # it runs the pipeline in processes of its own

REPOSITORY = Path(__file__).parents[2]
COMPONENTS = ("VideoExampleGen", "FaceExampleGen", "StatisticsGen", "ExampleValidator", "Trainer", "Evaluator",
              "InfraValidator", "Pusher")  # fmt: skip

# Runs the pipeline and says, last, which of the heavy libraries it has loaded.
WATCHED = """
import sys
from pipeline.run import main
code = main(sys.argv[1:])
print("LOADED", sorted({"tensorflow", "keras", "apache_beam", "cv2", "matplotlib"} & sys.modules.keys()))
sys.exit(code)
"""


def _ask(served):
    """The answers of a served model to two pictures, with TensorFlow alone: {output: array}."""
    pictures = tf.stack([tf.io.encode_jpeg(tf.fill([300, 200, 3], tf.constant(v, tf.uint8))) for v in (40, 200)])
    answer = tf.saved_model.load(str(served)).signatures["serving_default"](image_bytes=pictures)
    return {name: value.numpy() for name, value in answer.items()}


def _python(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _decisions(out):
    """{component: "run" or "cached"} of what a run printed."""
    rows = (line[1:].partition("]") for line in out.splitlines() if line.startswith(("[run", "[cached")))
    return {rest.split(":")[0].strip(): kind.strip() for kind, _, rest in rows}


def test_from_videos_to_a_served_model(sample_config, tmp_path, execute, faults_of_report):
    first = execute("pipeline.run", "--config", sample_config)
    assert first.returncode == 0, first.all
    assert _decisions(first.stdout) == dict.fromkeys(COMPONENTS, "run")
    assert "8 of 8 components executed, 0 cached" in first.stdout
    assert "[run   ] Evaluator: never run before; baseline: none yet" in first.stdout
    assert "NOTE on sample: this is the embedded sample" in first.stdout and "note:         this is the" in first.stdout

    root = tmp_path / "root"
    metrics = json.loads((root / "Evaluator" / "evaluation" / "6" / "metrics.json").read_text())
    table = [line.split() for line in first.stdout.splitlines() if line.startswith("sample  ")]
    assert [row[1] for row in table] == ["df", "ff", "fs", "nt", "all"]
    video, frame = (metrics[level]["all"]["logit"] for level in ("video", "frame"))
    shown = [video["acc"], video["acc_val"], video["eer"], metrics["video"]["all"]["center_similarity"]["auc"]]
    shown = [video["auc"], *shown, frame["auc"], frame["acc"]]
    cells = [cell for cell in table[-1][2:] if not cell.startswith("[") and not cell.endswith("]")]
    assert cells[:-1] == [f"{figure['value']:.4f}" for figure in shown]
    coverage = metrics["video"]["all"]["coverage"]
    assert cells[-1] == f"{coverage['judged']}/{coverage['listed']}" and coverage["judged"] == coverage["with_face"] > 0
    assert faults_of_report(root / "Evaluator" / "evaluation" / "6" / "report.html") == []
    report = (root / "Evaluator" / "evaluation" / "6" / "report.html").read_text()
    assert report.count("<svg") >= 2 and "made by this program from two photographs" in report
    assert f"report:       {root}/Evaluator/evaluation/6/report.html" in first.stdout
    assert list((root / "Trainer" / "model_run" / "5" / "logs").iterdir())
    assert (root / "Evaluator" / "blessing" / "6" / "BLESSED").exists()

    (served,) = (tmp_path / "serving").iterdir()
    assert f"served model: {served}" in first.stdout and (served / "saved_model.pb").exists()
    answer = _ask(served)
    assert len(answer["fake_probability"]) == 2 and all(0 <= p <= 1 for p in answer["fake_probability"])
    assert {len(row) for row in answer["embedding"]} == {128} and len(answer["center_similarity"]) == 2

    card = json.loads((served / "assets.extra" / "model_card.json").read_text())
    assert card["name"] == "sample" and {row["method"] for row in card["trained_on"]} == {
        "real",
        "df",
        "ff",
        "fs",
        "nt",
    }
    assert card["tested_on"][0]["auc"] == metrics["video"]["datasets"]["sample"]["logit"]["auc"]
    assert "embedded sample" in card["caveats"]["sample"]

    second = _python(WATCHED, "--config", sample_config)
    assert _decisions(second) == dict.fromkeys(COMPONENTS, "cached")
    assert "all 8 components were cached" in second and "LOADED []" in second
    assert [line.split() for line in second.splitlines() if line.startswith("sample  ")] == table
    assert f"served model: {served}" in second and [p.name for p in served.parent.iterdir()] == [served.name]

    stricter = execute("pipeline.run", "--config", sample_config, "--set", "components.Evaluator.thresholds.0.min=1.0")
    assert stricter.returncode == 3, stricter.all
    changed = _decisions(stricter.stdout)
    assert {name for name, kind in changed.items() if kind == "run"} == {"Evaluator", "Pusher"}
    assert changed.keys() == set(COMPONENTS)
    assert "[run   ] Evaluator: parameter thresholds changed" in stricter.stdout
    assert "[run   ] Pusher: input blessing, evaluation changed" in stricter.stdout
    assert "served model: not pushed: blessing: sample video AUC" in stricter.stdout
    assert [p.name for p in served.parent.iterdir()] == [served.name]

    longer = ("--set", "components.Trainer.steps=5", "--to", "Evaluator")
    other = execute("pipeline.run", "--config", sample_config, *longer)
    assert other.returncode == 0 and _decisions(other.stdout)["Evaluator"] == "run", other.all
    assert "; baseline: Trainer/model/5\n" in other.stdout and "against the last blessed model's" in other.stdout
    again = execute("pipeline.run", "--config", sample_config, *longer)
    assert _decisions(again.stdout)["Evaluator"] == "cached" and "; baseline: Trainer/model/5\n" in again.stdout

    lineage = execute("pipeline.lineage", served, "--root", root)
    assert lineage.returncode == 0, lineage.all
    for name in ("Pusher", "InfraValidator", "Evaluator", "Trainer", "FaceExampleGen", "VideoExampleGen"):
        assert f"made by {name} (execution " in lineage.stdout
