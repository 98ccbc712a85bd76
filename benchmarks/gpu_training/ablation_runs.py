"""The trainings of `benchmarks.gpu_training.ablation`: data, batches, and a group of runs from start to record."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_training import augment
from benchmarks.gpu_training.assess import Pictures, assess, evaluation_images
from benchmarks.gpu_training.crops import INITIAL, Crops
from benchmarks.gpu_training.multi_metric import TERMS
from benchmarks.gpu_training.runs import Clock, Runs, cosine, prepare_torch
from benchmarks.gpu_training.sampler import Pairs
from benchmarks.gpu_training.settings import Setting, groups

SIZE = 160
CURVE = ("auc_logit", "auc_center", "rho", "real_spread")


class Data:
    """Training faces at one size on the device, and the sets to measure on.

    Args:
        crops: of the pack.
        size: of the network's input, pixels.
        device: where they lie.
        limit: most crops of each split.

    Attributes:
        train: uint8 [n, 3, size, size].
        label: of these, 0 or 1, [n].
        original: of these, str [n].
        sets: "val" and "test".
        changed: "test" after JPEG and at half size.
        fit: 2,000 training faces, for the read-out by class means.
    """

    def __init__(self, crops: Crops, size: int, device: str, limit: int | None = None) -> None:
        aligned = crops.load("aligned", device)
        rows = crops.rows("train")[:limit]
        self.label, self.original = crops.label[rows], crops.original[rows]
        small = []
        for part in np.array_split(rows, max(len(rows) // 500, 1)):
            images = aligned[torch.as_tensor(part, device=device)].permute(0, 3, 1, 2).float()
            small.append(augment.resize(images, size).round().to(torch.uint8))
        self.train = torch.cat(small)
        self.sets: dict[str, Pictures] = {}
        self.changed: dict[str, Pictures] = {}
        for split in ("val", "test"):
            chosen = crops.rows(split)[:limit]
            of_split, label = aligned[torch.as_tensor(chosen, device=device)], crops.label[chosen]
            self.sets[split] = (evaluation_images(of_split, size), label)
            if split == "test":
                for name in ("jpeg50", "half"):
                    change = augment.web_changes(device)[name]
                    self.changed[name] = (evaluation_images(of_split, size, change), label)
        fit = np.random.default_rng(0).choice(len(rows), min(2000, len(rows)), replace=False)
        fit_images = self.train[torch.as_tensor(fit, device=device)].float()
        self.fit: Pictures = (augment.normalize(fit_images), self.label[fit])


class Batches:
    """The batches of all streams, drawn beforehand.

    Args:
        data: to draw from.
        streams: (seed, paired) of each.
        batch: its size.
        steps: how many.
        device: where they are put together.

    Attributes:
        labels: of every batch, integer [batch].
        distinct: mean number of distinct records in a batch of the first stream.
    """

    def __init__(self, data: Data, streams: Sequence[tuple[int, bool]], batch: int, steps: int, device: str) -> None:
        samplers = [Pairs(data.label, data.original, batch, seed, paired) for seed, paired in streams]
        drawn = np.array([[sampler.draw() for _ in range(steps)] for sampler in samplers])
        self.distinct = float(np.mean([len(set(places)) for places in drawn[0].tolist()]))
        self._train, self._places = data.train, torch.as_tensor(drawn, device=device)  # [streams, steps, batch]
        self._codes = torch.as_tensor(np.array([sampler.code for sampler in samplers]), device=device)
        self.labels = torch.arange(batch, device=device) % 2
        self._other = self.labels[:, None] != self.labels[None, :]
        self._draws = augment.Augmenter(device, streams[0][0])

    def at(self, step: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return for each stream the images, float [n, 3, s, s], and who are partners, boolean [n, n]."""
        images, partners = [], []
        mirrored = (self._draws.uniform(len(self.labels)) < 0.5)[:, None, None, None]
        for stream, places in enumerate(self._places[:, step]):
            crops = self._train[places].float()
            images.append(augment.normalize(torch.where(mirrored, crops.flip(-1), crops)))
            code = self._codes[stream, places]
            partners.append((code[:, None] == code[None, :]) & self._other)
        return images, partners


def train_group(
    data: Data,
    settings: Sequence[Setting],
    batch: int,
    faces: int,
    initial: Mapping[str, np.ndarray],
    device: str,
    dtype: torch.dtype,
) -> Iterator[dict[str, Any]]:
    """Train runs side by side over that many faces, and yield the record of each."""
    clock = Clock(device)
    runs = Runs(settings, initial, device, dtype)
    steps = faces // batch
    batches = Batches(data, runs.streams, batch, steps, device)
    curve = []
    recent: torch.Tensor = None  # moving means of the terms
    for step in range(steps):
        images, partners = batches.at(step)
        # In the middle of a step, so that rounding cannot move the stages' borders.
        terms = runs.terms_at((step + 0.5) / steps)
        values = runs.step(images, partners, batches.labels, terms, cosine(step / steps))
        recent = values if recent is None else 0.98 * recent + 0.02 * values
        if step + 1 in (steps // 3, 2 * steps // 3):
            found = assess(runs, {"val": data.sets["val"]}, dtype=dtype)
            curve.append((step + 1, found, recent.cpu().numpy()))
            aucs = " ".join(f"{each['val']['auc_logit']:.3f}" for each in found)
            print(f"  step {step + 1} of {steps}, {clock():.1f} s, val AUC {aucs}", flush=True)
    trained = clock()
    found = assess(runs, data.sets, data.fit)
    changed = assess(runs, data.changed, dtype=dtype)
    last = recent.cpu().numpy()
    for run, each in enumerate(runs.settings):
        history = [
            {
                "step": step,
                **{key: then[run]["val"][key] for key in CURVE if key in then[run]["val"]},
                "terms": dict(zip(TERMS, map(float, terms_then[run]), strict=True)),
            }
            for step, then, terms_then in curve
        ]
        yield {
            "settings": each, "batch": batch, "steps": steps, "faces": steps * batch, "size": SIZE, "dtype": str(dtype),
            "distinct_records": batches.distinct, "terms": dict(zip(TERMS, map(float, last[run]), strict=True)),
            "curve": history, **found[run], "changed": changed[run], "train_seconds_of_group": trained,
            "seconds_of_group": clock(),
        }  # fmt: skip


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    prepare_torch()
    dtype = getattr(torch, options.dtype)
    initial = dict(np.load(f"{options.data}/{INITIAL}"))
    data = Data(Crops(options.data), SIZE, options.device, options.limit)
    print(f"{len(data.label)} faces to train on", flush=True)
    for batch, settings in groups(options.seeds, {16: options.rate16, 64: options.rate64}):
        if batch != options.batch:
            continue
        with open(options.out, "a") as out:
            for record in train_group(data, settings, batch, options.faces, initial, options.device, dtype):
                out.write(json.dumps(record) + "\n")
                each, test = record["settings"], record["test"]
                print(
                    f"batch {batch}, seed {each['seed']}, {each['name']}: test AUC {test['auc_logit']:.4f}", flush=True
                )
