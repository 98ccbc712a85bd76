"""The ablation: its table by hand, and a small whole run that goes on where it stopped."""

import json
import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf

from artifacts.face_examples import FaceExample
from benchmarks import ablation


def result(auc, center_auc=0.5, acc=0.5):
    return {"auc": auc, "acc": acc, "center_auc": center_auc}


def test_mean_and_interval_are_students():
    mean, half = ablation.mean_and_interval([0.6, 0.7, 0.8])
    assert mean == pytest.approx(0.7)
    assert half == pytest.approx(4.302653 * 0.1 / math.sqrt(3))
    assert ablation.mean_and_interval([0.6]) == (0.6, None)


def test_differences_are_taken_seed_by_seed():
    results = {
        ("triplet", 0): result(0.50, acc=None),
        ("triplet", 1): result(0.60, acc=None),
        ("triplet_cross_entropy", 0): result(0.55),
        ("triplet_cross_entropy", 1): result(0.65),
    }
    table = ablation.summarize(results, ["triplet", "triplet_cross_entropy"], range(2))
    mean, half = table["differences"]["+ cross-entropy"]
    assert mean == pytest.approx(0.05) and half == pytest.approx(0, abs=1e-12)
    assert list(table["differences"]) == ["+ cross-entropy"]
    lines = list(ablation.to_markdown(table))
    assert lines[2] == "| triplet | 0.550 ± 0.635 | – | 0.500 ± 0.000 | 0.500, 0.600 |"
    assert lines[-1] == "| + cross-entropy | +0.050 ± 0.000 |"


def test_methods_are_columns_with_all_reals_beside_each():
    label = np.array([0, 0, 1, 1, 1])
    logit = np.array([-1.0, 1.0, 2.0, -2.0, 0.5])
    method = np.array(["real", "real", "df", "nt", "nt"], object)
    found = ablation.of_methods(label, logit, method)
    assert found == {"df": {"auc": 1.0, "acc": pytest.approx(2 / 3)}, "nt": {"auc": 0.25, "acc": 0.5}}
    assert ablation.of_methods(label, logit, np.where(label == 1, "df", "real")) == {}
    results = {("paper", seed): {**result(0.5), "methods": found} for seed in (0, 1)}
    lines = list(ablation.to_markdown(ablation.summarize(results, ["paper"], range(2))))
    assert lines[0].endswith("| df: AUC, ACC | nt: AUC, ACC |") and lines[1].count("---") == 7
    assert lines[2].endswith("| 1.000 ± 0.000, 0.667 ± 0.000 | 0.250 ± 0.000, 0.500 ± 0.000 |")


@pytest.mark.parametrize("name, starts", [("paper", (1, 2)), ("without_expander", (1, None)), ("warm", (None, None))])
def test_a_start_goes_to_the_recipes_that_have_the_term(name, starts):
    options = SimpleNamespace(warm_steps=4, seeds=1, out="out")
    fields = {"steps": "5", "weight_center_start": "1", "expander_start": "2"}
    recipe = ablation._recipe(name, 0, options, fields)
    assert (recipe.weight_center_start, recipe.expander_start) == starts


@pytest.fixture
def faces(tmp_path):
    """A folder of face examples: eight grey reals and eight fakes with stripes, per split."""
    for split in ("train", "val"):
        path = tmp_path / "examples" / f"Split-{split}" / "faces.tfrecord"
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for k in range(16):
                image = np.full((256, 256, 3), 60 + 8 * k, np.uint8)
                image[:, :: 32 if k % 2 else 256] = 255
                png = cv2.imencode(".png", image)[1].tobytes()
                writer.write(
                    FaceExample(png, "png", k % 2, "d", "m", f"d/m/{k}", 0, 0.0, (0, 0, 1, 1), identity=f"d/{k // 2}")
                    .serialize()
                )  # fmt: skip
    return str(tmp_path / "examples")


@pytest.fixture
def in_this_process(monkeypatch, tiny_resnet):
    """Trainings of a tiny network, without a process for each."""
    monkeypatch.setattr(ablation.common, "in_own_process", lambda function, *arguments, what: function(*arguments))


@pytest.mark.slow
def test_a_run_ends_with_a_table_and_is_not_repeated(faces, tmp_path, capfd, in_this_process):
    arguments = [
        f"--examples={faces}", f"--out={tmp_path / 'out'}", "--quick", "--seeds=1", "--warm_steps=2",
        "--recipes=paper,triplet", "--batch_size=8", f"--json={tmp_path / 'found.json'}",
    ]  # fmt: skip
    assert ablation.main(arguments) == 0
    printed = capfd.readouterr().out
    assert "--- run 3 of 3: triplet, seed 0" in printed and "| triplet |" in printed
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["figures"]["recipes"]) == {"warm", "paper", "triplet"}
    assert found["figures"]["settings"]["batch_size"] == "8" and found["machine"]["cores"] > 0
    recipe = json.loads((tmp_path / "out" / "paper-0" / "recipe.json").read_text())
    assert recipe["initial_weights"] == str(tmp_path / "out" / "warm-0" / "model.keras")
    (tmp_path / "out" / "triplet-0" / "result.json").unlink()
    assert ablation.main(arguments) == 0
    assert "run 3 of 3" in (again := capfd.readouterr().out) and "run 2 of 3" not in again
    assert again.splitlines()[-8:] == printed.splitlines()[-8:]


@pytest.mark.parametrize("wrong", ["--recipes=papers", "--no_such_field=1", "extra", "--steps=0"])
def test_a_wrong_argument_is_named(wrong, faces, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        ablation.main([f"--examples={faces}", f"--out={tmp_path / 'out'}", wrong])
    assert ended.value.code == 2
    assert wrong.split("=")[0].lstrip("-") in capsys.readouterr().err
