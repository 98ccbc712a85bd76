"""Training from files to a model: it learns, keeps the best, and tells what is wrong."""

import json
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from artifacts import face_examples
from artifacts.errors import InputError
from components.evaluator.inference import score_file
from model import calibration, readout, scoring, training
from model.detector import TRACKED
from model.saved_model import read_calibration
from model.served import load_signature
from model.validation import criterion, validation_metrics

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_resnet")]  # it trains


@pytest.fixture(scope="module")
def run(tmp_path_factory, examples_dir, small_recipe):
    """One training of 40 steps with all three stages: its files, detector and history."""
    run_dir = tmp_path_factory.mktemp("run")
    train_files, val_files = (face_examples.find_files(str(examples_dir), split) for split in ("train", "val"))
    detector, history = training.train(small_recipe(), train_files, val_files, str(run_dir), validate_every=10)
    return SimpleNamespace(dir=run_dir, detector=detector, history=history, train=train_files, val=val_files)


def test_it_learns(run):
    assert max(row["val_auc"] for row in run.history) > 0.9
    assert run.history[-1]["cross_entropy"] < 0.6 * run.history[0]["cross_entropy"]


def test_the_history_tells_every_term_at_every_validation(run):
    assert [row["step"] for row in run.history] == [10, 20, 30, 40]
    with open(run.dir / "history.jsonl") as stream:
        assert [json.loads(line) for line in stream] == run.history
    for row in run.history:
        assert {"loss", "triplet", "cross_entropy", "weight_center", "learning_rate", "val_video_auc"} <= set(row)
    # Weight-Center acts from step 13 on, so the first ten steps hold none of it.
    assert run.history[0]["weight_center"] == 0 < run.history[1]["weight_center"]
    assert list((run.dir / "logs").glob("events*"))


def test_tensorboard_gets_every_term_between_validations_too(run):
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    events = EventAccumulator(str(run.dir / "logs"), {TENSORS: 0}).Reload()
    curves = {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}
    for name in (*TRACKED, "learning_rate"):
        assert curves[f"training/{name}"] == [10, 20, 30, 40], name
    assert curves["validation/auc"] == [10, 20, 30, 40]


def test_the_detector_is_the_one_of_the_best_validation(run):
    metrics = validation_metrics(scoring.predictor(run.detector), run.val)
    best = max(run.history, key=criterion)
    for name, value in metrics.items():
        assert value == pytest.approx(best[name], abs=1e-6), name


def test_the_saved_model_is_the_detector(run, tmp_path, crop):
    fitted = calibration.calibrate(run.detector, run.val)
    assert fitted["faces"] == 16 and fitted["frame"] == float(run.detector.temperature.numpy())
    fitted["frame"] = fitted["fits"]["frame"]["temperature"] = 1.7  # none was fitted: they are told apart
    run.detector.temperature.assign(1.7)
    training.save_model(run.detector, fitted, str(tmp_path))
    assert read_calibration(tmp_path) == read_calibration(tmp_path / "Format-Serving") == fitted
    crops = np.stack([crop(i % 2, 200 + i) for i in range(4)])
    expected = run.detector(crops)
    loaded = keras.saving.load_model(tmp_path / "Format-Keras" / "model.keras")(crops)
    served = load_signature(tmp_path / "Format-Serving")(keras.ops.convert_to_tensor(crops))
    for name in ("logit", "fake_probability"):
        assert loaded[name].numpy() == pytest.approx(expected[name].numpy(), abs=1e-5)
        assert served[name].numpy() == pytest.approx(expected[name].numpy(), abs=1e-5)
    probability = expit(expected["logit"].numpy() / fitted["frame"])
    assert served["fake_probability"].numpy() == pytest.approx(probability, abs=1e-5)
    run.detector.temperature.assign(1.0)


def test_a_finished_training_is_not_repeated(run, small_recipe):
    again, history = training.train(small_recipe(), run.train, run.val, str(run.dir), validate_every=10)
    assert history == run.history
    assert again.center.numpy().tolist() == run.detector.center.numpy().tolist()
    assert calibration.calibrate(again, run.val) == calibration.calibrate(run.detector, run.val)


def test_another_recipe_in_the_same_folder_is_refused(run, small_recipe):
    with pytest.raises(ValueError, match=r"holds a training with another learning_rate, seed\. Give another folder"):
        training.train(small_recipe(learning_rate=0.5, seed=9), run.train, run.val, str(run.dir))
    with open(run.dir / "recipe.json") as stream:
        assert json.load(stream) == small_recipe().model_dump()


def test_a_recipe_of_an_earlier_version_goes_on_with_the_defaults_of_later_fields(tmp_path, small_recipe):
    fields = small_recipe().model_dump()
    del fields["batch_scope"], fields["triplet_partner"]
    (tmp_path / "recipe.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match="holds a training with another batch_scope"):
        training._keep_recipe(small_recipe(batch_scope="replica"), str(tmp_path), resumed=True)
    training._keep_recipe(small_recipe(), str(tmp_path), resumed=True)
    assert json.loads((tmp_path / "recipe.json").read_text()) == small_recipe().model_dump()


@pytest.mark.parametrize("name, keep", [("checkpoints/best.weights.h5", 2000), ("recipe.json", 0)])
def test_a_damaged_file_of_a_training_is_named_before_it_goes_on(name, keep, run, small_recipe, tmp_path):
    shutil.copytree(run.dir, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes((tmp_path / "run" / name).read_bytes()[:keep])
    with pytest.raises(InputError, match=rf"{name}: damaged .*(D|d)elete .* to train from the start"):
        training.train(small_recipe(), run.train, run.val, str(tmp_path / "run"), validate_every=10)


def test_without_validation_files_the_last_weights_win(tmp_path, examples_dir, small_recipe):
    files = face_examples.find_files(str(examples_dir), "train")
    detector, history = training.train(small_recipe(steps=4), files, [], str(tmp_path), validate_every=2)
    assert [row["step"] for row in history] == [2, 4]
    assert "val_auc" not in history[0]
    assert int(detector.optimizer.iterations.numpy()) == 4


def test_a_cut_training_file_is_named_before_anything_is_written(tmp_path, write_tfrecord, face, small_recipe):
    path = write_tfrecord(tmp_path / "cut.tfrecord", [face(i % 2, i).serialize() for i in range(4)])
    (tmp_path / "cut.tfrecord").write_bytes((tmp_path / "cut.tfrecord").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"cut\.tfrecord: damaged or cut after 3 records"):
        training.train(small_recipe(), [path], [], str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_other_faces_in_the_same_folder_are_refused(run, small_recipe):
    with pytest.raises(ValueError, match=r"holds a training on other face examples\. Give another folder"):
        training.train(small_recipe(), run.train[:1] + run.val, run.val, str(run.dir), validate_every=10)


def test_weights_to_start_from_serve_the_first_step_only(run, tmp_path, small_recipe):
    run.detector.save(tmp_path / "model.keras")
    recipe = small_recipe(steps=2, initial_weights=str(tmp_path / "model.keras"), learning_rate=1e-9)
    detector, _ = training.train(recipe, run.train, run.val, str(tmp_path / "run"))
    for ours, theirs in zip(detector.trainable_variables, run.detector.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert detector.center.numpy() != pytest.approx(run.detector.center.numpy(), abs=1e-9)


def test_without_a_classifier_the_logit_is_a_class_mean_read_out(
    tmp_path, examples_dir, small_recipe, face, write_tfrecord, monkeypatch
):
    """From the loss to the exported model: its logit is the projection that is computed here from its embeddings."""
    train_files = face_examples.find_files(str(examples_dir), "train")
    faces = [face(label, 100 + i) for i in range(8) for label in (0, 1)]
    faces += [face(1, 200 + i, image=face(0, 200 + i).image) for i in range(4)]  # fakes that nothing gives away
    val_files = [write_tfrecord(tmp_path / "val.tfrecord", [each.serialize() for each in faces])]
    untrained = {}
    install = readout.install

    def score_then_install(detector, fitted):
        before = scoring.join_batches(scoring.score_examples(scoring.predictor(detector), val_files))
        untrained["auc"] = roc_auc_score(before["label"], before["logit"])
        install(detector, fitted)

    monkeypatch.setattr(readout, "install", score_then_install)
    recipe = small_recipe(cross_entropy_weight=0, expander=False, steps=8, seed=0)
    detector, history = training.train(recipe, train_files, val_files, str(tmp_path / "run"), validate_every=4)
    fitted = calibration.calibrate(detector, val_files)
    training.save_model(detector, fitted, str(tmp_path))
    served = load_signature(tmp_path / "Format-Serving")

    def scored(files):
        names = ("logit", "fake_probability", "embedding")
        return scoring.join_batches(scoring.score_examples(served, files, outputs=names))

    faces, val = scored(train_files), scored(val_files)
    real, fake = (faces["embedding"][faces["label"] == kind].mean(axis=0, dtype=np.float64) for kind in (0, 1))
    projection = (val["embedding"] - (real + fake) / 2) @ (fake - real)
    auc = roc_auc_score(val["label"], projection)
    assert roc_auc_score(val["label"], val["logit"]) == pytest.approx(auc, abs=1e-6)
    assert val["logit"] / val["logit"].std() == pytest.approx(projection / projection.std(), abs=1e-4)
    assert max(row["val_auc"] for row in history) == pytest.approx(auc, abs=1e-6)
    assert 0.95 > auc > untrained["auc"] + 0.1
    assert fitted["readout"] == read_calibration(tmp_path / "Format-Serving")["readout"] == "class_means"
    assert val["fake_probability"] == pytest.approx(expit(val["logit"] / fitted["frame"]), abs=1e-5)
    evaluated = np.concatenate([part["logit"] for part in score_file(served, val_files[0], 32)])
    assert evaluated == pytest.approx(val["logit"], abs=1e-5)  # as the Evaluator writes it
