"""Training on a GPU: batches, figures, packing, tables; with torch, also the network against the Keras one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.gpu_training import landmarks, measures, pack, table
from benchmarks.gpu_training.crops import CROP, SOURCE, Crops, unpack
from benchmarks.gpu_training.geometry import invert, lifted_template
from benchmarks.gpu_training.sampler import Pairs
from benchmarks.gpu_training.settings import groups
from faces.alignment import template

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


# --- batches ----------------------------------------------------------------------------------------------------------
def faces(pairs=40, more=10):
    """Labels and originals: a real and a fake of each original, of some a second fake, and one fake alone."""
    label = [0] * pairs + [1] * (pairs + more + 1)
    original = [*range(pairs), *range(pairs), *range(more), 99]
    return np.array(label), np.array(original).astype(str)


@pytest.mark.parametrize("paired", [True, False])
def test_all_records_of_a_batch_are_distinct(paired):
    label, original = faces()
    sampler = Pairs(label, original, 16, seed=0, paired=paired)
    for _ in range(50):
        places = sampler.draw()
        assert len(set(places)) == 16
        assert label[places].tolist() == [0, 1] * 8
        if paired:
            assert (original[places[::2]] == original[places[1::2]]).all()


def test_every_fake_that_has_a_real_has_its_turn():
    label, original = faces(pairs=8, more=8)
    sampler = Pairs(label, original, 16, seed=1)
    assert set(np.concatenate([sampler.draw() for _ in range(2)])) == set(range(24))  # not the one without


def test_a_seed_gives_the_same_batches():
    label, original = faces()
    drawn = [[list(sampler.draw()) for _ in range(9)] for sampler in (Pairs(label, original, 8, s) for s in (3, 3, 4))]
    assert drawn[0] == drawn[1] != drawn[2]


def test_partners_share_an_original_and_not_the_label():
    sampler = Pairs(*faces(), 8, seed=0)
    partners = sampler.partners(sampler.draw())
    assert np.array_equal(partners, np.kron(np.eye(4, dtype=bool), np.array([[False, True], [True, False]])))


def test_too_few_faces_are_named():
    with pytest.raises(ValueError, match="a batch of 16 needs 8 reals and fakes that share originals; there are 3"):
        Pairs(*faces(pairs=3, more=0), 16, seed=0)


def test_settings_of_a_seed_that_share_batches_stand_side_by_side():
    found = list(groups(3, {16: 0.01, 64: 0.03}))
    assert [(batch, len(settings)) for batch, settings in found] == [(64, 20), (16, 12)] * 3
    for batch, settings in found:
        paired = [each["paired"] for each in settings]
        assert paired == sorted(paired, reverse=True)
        assert {each["learning_rate"] for each in settings} == {0.03 if batch == 64 else 0.01}


# --- figures ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ties", [False, True])
def test_auc_is_scikit_learns(ties):
    random = np.random.default_rng(0)
    label, score = random.integers(0, 2, 200), random.normal(size=200)
    score = np.round(score, 1) if ties else score
    assert measures.auc(label, score) == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_without_a_class_or_with_nan_there_is_no_auc():
    assert np.isnan(measures.auc([0, 0], [1.0, 2.0]))
    assert np.isnan(measures.auc([0, 1], [1.0, np.nan]))


def test_the_best_threshold_is_that_of_a_search():
    random = np.random.default_rng(1)
    label = random.integers(0, 2, 60)
    score = np.round(random.normal(size=60) + label, 1)
    threshold, accuracy = measures.best_threshold(label, score)
    tried = [np.mean((score > t) == label) for t in np.linspace(-5, 5, 4001)]
    assert accuracy == pytest.approx(max(tried))
    assert np.mean((score > threshold) == label) == accuracy


def test_rates_by_hand():
    label = np.array([0] * 100 + [1] * 4)
    score = np.concatenate([np.arange(100), [98.5, 99.5, 97.5, 120]])
    assert measures.true_positive_rate(label, score, 0.01) == 0.75  # one real may lie above: the threshold is 98
    assert measures.equal_error_rate(np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(0.5)


def test_spread_by_hand():
    found = measures.spread(np.array([0, 0, 1, 1]), np.array([[1.0, 0], [-1, 0], [0, 3], [0, 3]]))
    assert found == {"real_spread": 1.0, "fake_spread": 0.0, "delta2": 9.0, "rho": 18.0}


# --- packing ----------------------------------------------------------------------------------------------------------
def test_the_window_is_moved_up_and_maps_are_inverted():
    assert np.allclose(template(0.8) - lifted_template(), [0, 0.12 * 256])
    there = np.array([[[0.5, -0.2, 3.0], [0.2, 0.5, -7.0]]])
    back = invert(there)[0]
    point = np.array([10.0, 20.0])
    assert np.allclose(back[:, :2] @ (there[0, :, :2] @ point + there[0, :, 2]) + back[:, 2], point)


def test_held_out_are_one_real_and_one_fake_with_a_face_of_some_originals():
    label = np.array([0, 1, 1, 0, 1, 0, 1])
    original = np.array(["a", "a", "a", "b", "b", "c", "c"])
    eligible, found = np.array([True] * 5 + [False] * 2), np.array([True, False, True, True, True, True, True])
    split = pack.hold_out(np.array(["train"] * 7), label, original, eligible, found, 1)
    chosen = split != "train"
    assert len(set(original[chosen])) == 1 and not chosen[5:].any()
    assert sorted(label[split == "test"]) == [0, 1] and found[split == "test"].all()
    both = pack.hold_out(np.array(["train"] * 7), label, original, eligible, found, 2)
    assert both.tolist() == ["test", "spare", "test", "test", "test", "train", "train"]


def test_crops_survive_packing(tmp_path):
    rng, goal = np.random.default_rng(0), lifted_template()
    pictures = [cv2.GaussianBlur(rng.integers(0, 256, (SOURCE, SOURCE, 3), np.uint8), (0, 0), 4) for _ in range(4)]
    (tmp_path / "A").mkdir()
    rows = ["path,label,original"]
    for k, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / "A" / f"{k}.jpg"), picture)
        rows.append(f"{k}.jpg,{('real', 'fake')[k % 2]},o{k // 2}")
    (tmp_path / "A" / "train.csv").write_text("\n".join(rows[:3]))
    (tmp_path / "A" / "val.csv").write_text("\n".join([rows[0], *rows[3:]]))
    lists = landmarks.read_lists(str(tmp_path), [("train", "A/train.csv"), ("val", "A/val.csv")])
    assert lists["path"].tolist() == [f"A/{k}.jpg" for k in range(4)] and lists["label"].tolist() == [0, 1, 0, 1]
    score, points = np.array([0.9, 0.9, 0.9, np.nan]), np.stack([goal - 16] * 3 + [np.full((5, 2), np.nan)])
    np.savez(tmp_path / "landmarks.npz", score=score, landmarks=points, **lists)
    out = str(tmp_path / "pack")
    counts = pack.pack(str(tmp_path), str(tmp_path / "landmarks.npz"), "B", 10, parts=2, out=out)
    assert counts == {"train": 2, "val": 2}
    assert sum(unpack(out, part, workers=1) for part in (0, 1)) == 4
    crops = Crops(out)
    assert crops.parts == [0, 1] and crops.original.tolist() == ["o0", "o0", "o1", "o1"]
    assert crops.rows("train").tolist() == [0, 1] and crops.rows("val").tolist() == [2]
    assert crops.rows("val", found_only=False).tolist() == [2, 3]
    aligned = np.concatenate([np.load(os.path.join(out, f"aligned-{part}.npy")) for part in (0, 1)])
    source = np.concatenate([np.load(os.path.join(out, f"source-{part}.npy")) for part in (0, 1)])
    # The landmarks are 16 pixels up and left of the template, so the crop shows the picture shifted by as much.
    assert np.allclose(crops.to_source[:3], [[1, 0, -16], [0, 1, -16]], atol=1e-4)
    assert np.abs(aligned[0, 16:240, 16:240].astype(int) - source[0]).max() <= 1
    assert aligned.shape == (4, CROP, CROP, 3)


# --- results ----------------------------------------------------------------------------------------------------------
def test_differences_are_paired_by_seed():
    def run(name, seed, auc):
        figures = {"auc_logit": auc, "acc_val_logit": auc, "auc_center": auc}
        test = {**figures, "real_spread": 0.5, "fake_spread": 0.6, "rho": 1.0}
        changed = {"jpeg50": figures, "half": figures}
        return {"settings": {"name": name, "seed": seed}, "batch": 64, "val": test, "test": test, "changed": changed}

    records = [run("ce", 0, 0.8), run("ce", 1, 0.6), run("tri+ce, in", 1, 0.65), run("tri+ce, in", 0, 0.85)]
    runs = table.by_batch(records)[64]
    assert list(table.settings_table(runs))[2].startswith("| ce | 2 | 0.700 ± 1.271 | 0.700")
    assert list(table.differences_table(runs))[2:] == [
        "| triplet, partner in | +0.050 ± 0.000 | +0.050 ± 0.000 | +0.050 ± 0.000 | +0.000 ± 0.000 | +0.050, +0.050 |"
    ]


def test_the_results_hold_every_run_and_no_path():
    text = (RESULTS / "gpu_ablation.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    assert len(records) == 108 and "/" not in text and "NaN" not in text
    runs = table.by_batch(records)
    assert {batch: sum(map(len, settings.values())) for batch, settings in runs.items()} == {16: 36, 64: 72}
    assert all(record["distinct_records"] == record["batch"] for record in records)
    rows = list(table.differences_table(runs[64]))
    assert any(row.startswith("| triplet, partner out, beta .5 | +0.017 ± 0.012 |") for row in rows)


def test_the_candidates_weights_are_those_of_the_results():
    import hashlib

    document = json.loads((RESULTS / "gpu_detectors.json").read_text())
    weights = (RESULTS / document["weights"]["file"]).read_bytes()
    assert hashlib.sha256(weights).hexdigest() == document["weights"]["sha256"]
    assert len(weights) == document["weights"]["bytes"]
    assert document["candidates"]["gentle"]["averaged_weights"]["val"]["auc_logit"] == pytest.approx(0.968, abs=1e-4)


@pytest.mark.slow
def test_the_candidates_weights_fit_the_detector():
    from benchmarks.gpu_training.verify import load_detector, scores_of

    outputs = scores_of(load_detector(str(RESULTS / "efficientnetlite0_gentle.npz"), 224))
    logit, similarity = outputs(np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8))
    assert logit.shape == similarity.shape == (2,) and np.isfinite(logit).all() and (np.abs(similarity) <= 1).all()


# --- torch ------------------------------------------------------------------------------------------------------------
# Keras takes its backend once for a process; here another one is in use.
OTHER_BACKEND = """
import sys
import numpy as np
import torch
from benchmarks.gpu_training.network import SideBySide, unit
from benchmarks.gpu_training.multi_metric import multi_metric_loss
from benchmarks.gpu_training.objective import side_by_side_loss

generator = torch.Generator().manual_seed(0)
runs, n = 3, 8
embedding = unit(torch.randn(runs, n, 128, generator=generator))
logits = torch.randn(runs, n, 2, generator=generator)
center = torch.randn(runs, 128, generator=generator)
labels = torch.arange(n) % 2
partners = torch.tensor([[i // 2 == j // 2 and i != j for j in range(n)] for i in range(n)]).expand(runs, n, n)
settings = {
    "triplet": torch.tensor([2.0, 2.0, 0.5]), "cross_entropy": torch.tensor([1.0, 1.0, 0.0]),
    "weight_center": torch.tensor([0.0, 1.0, 0.1]), "expander": torch.tensor([0.0, 1.0, 1.0]),
    "exclude_partner": torch.tensor([1.0, 0.0, 1.0]),
}
loss, terms = side_by_side_loss(embedding, logits, center, settings, labels, partners)
for run in range(runs):
    own = {name: values[run] for name, values in settings.items()}
    one, _ = multi_metric_loss(embedding[run], logits[run], center[run], own, labels, partners[run])
    assert torch.allclose(loss[run], one, atol=1e-6)
gram = (embedding[0] @ embedding[0].T).numpy()
by_loops = [
    max(0.0, gram[a, q] - gram[a, p] + 1) for a in range(n) for p in range(n) for q in range(n)
    if a != p and labels[a] == labels[p] and labels[q] != labels[a] and q // 2 != a // 2
]
assert abs(np.mean([value for value in by_loops if value > 0]) - float(terms[0, 2])) < 1e-6

# Runs side by side: each computes, and learns, as if it were alone.
arrays = dict(np.load(sys.argv[1]))
images = torch.from_numpy(arrays.pop("images")).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
expected = arrays.pop("features")
both, alone = SideBySide(2, "cpu"), SideBySide(1, "cpu")
both.load(0, {name: value * 0.9 for name, value in arrays.items()})
both.load(1, arrays)
alone.load(0, arrays)
with torch.no_grad():
    found = both.features([images], [0, 0], False)[:, 1].numpy()
assert np.abs(found - expected).max() < 1e-4, np.abs(found - expected).max()
assert all(np.array_equal(value, arrays[name]) for name, value in both.arrays(1).items() if name in arrays)
for net in (both, alone):
    net.zero_gradients()
    net.features([images], [0] * net.runs, True)[:, -1].square().sum().backward()
for name, leaf in alone.leaves.items():
    scale = leaf.grad.abs().max() + 1e-6
    assert (both.leaves[name].grad[1] - leaf.grad[0]).abs().max() / scale < 1e-3, name
    assert not both.leaves[name].grad[0].abs().max() > 0, name
"""


@pytest.mark.slow
def test_network_and_loss_on_torch(tmp_path):
    pytest.importorskip("torch", reason="torch is needed for training on a GPU, and is no dependency of this project")
    from model.backbones import LITE, create_backbone

    network, random = create_backbone(LITE, 64), np.random.default_rng(0)
    for variable in network.variables:
        if "variance" in variable.path or "gamma" in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    images = random.normal(size=(4, 64, 64, 3)).astype(np.float32)
    path = tmp_path / "network.npz"
    arrays = {v.path: v.numpy() for v in network.variables}
    np.savez(path, images=images, features=network(images).numpy(), **arrays)
    environment = os.environ | {"KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, str(path)], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
