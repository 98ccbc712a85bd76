"""The training of `benchmarks.gpu_training.candidates`: batches, moving averages, and what is recorded."""

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from artifacts.crop_size import CROP_SIZE
from artifacts.writing import whole
from benchmarks.gpu_training import augment
from benchmarks.gpu_training.assess import Pictures, assess, evaluation_images
from benchmarks.gpu_training.crops import INITIAL, Crops
from benchmarks.gpu_training.multi_metric import TERMS
from benchmarks.gpu_training.network import SideBySide
from benchmarks.gpu_training.runs import Clock, Runs, cosine, prepare_torch
from benchmarks.gpu_training.sampler import Pairs
from benchmarks.gpu_training.settings import CANDIDATES, Setting

# What lies outside a source picture, and how often.
FILLS = (("zeros", 0.5), ("border", 0.25), ("reflection", 0.25))
RESERVE = 18  # seconds for the last assessment


class Average:
    """Moving averages of weights, statistics and centre, which can take their place for a while.

    Args:
        net: whose numbers are averaged.
        keep: share of the old average that an update keeps.
    """

    def __init__(self, net: SideBySide, keep: float) -> None:
        self.net, self.keep, self.count = net, keep, 0
        self.copies = [part.detach().clone() for part in self._parts()]

    def _parts(self) -> list[torch.Tensor]:
        return [self.net.weights, self.net.statistics, self.net.center]

    def update(self) -> None:
        """Take in the present numbers; the first updates keep less, so that the start is soon forgotten."""
        self.count += 1
        keep = min(self.keep, self.count / (self.count + 10))
        for copy, part in zip(self.copies, self._parts(), strict=True):
            copy.lerp_(part.detach(), 1 - keep)

    def swap(self) -> None:
        """Exchange the averages and what is averaged."""
        with torch.no_grad():
            for copy, part in zip(self.copies, self._parts(), strict=True):
                held = part.clone()
                part.copy_(copy)
                copy.copy_(held)


def training_images(
    pictures: torch.Tensor, to_source: torch.Tensor, draws: augment.Augmenter, size: int
) -> torch.Tensor:
    """Make one batch: warp it from the sources with a random similarity, degrade, shrink and normalise it.

    Args:
        pictures: uint8 [n, h, w, 3].
        to_source: float [n, 2, 3], from the aligned crop to its picture.
        draws: of the augmentation.
        size: of the network's input, pixels.

    Returns:
        float [n, 3, size, size].
    """
    maps, n = draws.jitter(to_source), len(to_source)
    order = draws.host.permutation(n)
    stops = (np.cumsum([0, *(share for _, share in FILLS)]) * n).round().astype(int)
    images = torch.empty((n, 3, CROP_SIZE, CROP_SIZE), device=maps.device)
    for (fill, _), start, stop in zip(FILLS, stops[:-1], stops[1:], strict=True):
        rows = torch.as_tensor(order[start:stop], device=maps.device)
        if len(rows):
            images[rows] = augment.warp(pictures[rows], maps[rows], fill=fill)
    return augment.normalize(augment.resize(draws.degrade(images.round()), size))


class EvaluationSets:
    """The sets to measure on.

    Args:
        crops: of the pack.
        aligned: their pixels, uint8 [n, 256, 256, 3].
        size: of the network's input, pixels.
        limit: most crops of each split.

    Attributes:
        often: "val" and "test", crops with a face.
    """

    def __init__(self, crops: Crops, aligned: torch.Tensor, size: int, limit: int | None) -> None:
        self._size, self._crops = size, crops
        self._pixels = {
            (split, found_only): self._rows(split, found_only, aligned, limit)
            for split in ("val", "test")
            for found_only in (True, False)
        }
        self.often = {split: self._pictures(split, True) for split in ("val", "test")}

    def _rows(
        self, split: str, found_only: bool, aligned: torch.Tensor, limit: int | None
    ) -> tuple[torch.Tensor, np.ndarray]:
        rows = self._crops.rows(split, found_only)[:limit]
        return aligned[torch.as_tensor(rows, device=aligned.device)], self._crops.label[rows]

    def _pictures(
        self, split: str, found_only: bool, change: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> Pictures:
        pixels, label = self._pixels[split, found_only]
        return evaluation_images(pixels, self._size, change), label

    def at_the_end(self, device: str) -> dict[str, Pictures]:
        """Return the sets that are measured once: crops without a found face, too, and pictures from the web."""
        sets = {f"{split}_all": self._pictures(split, False) for split in ("val", "test")}
        return sets | {
            name: self._pictures("test", True, change) for name, change in augment.web_changes(device).items()
        }


class Recorder:
    """Assesses the candidates, and writes their figures and weights.

    Args:
        runs: of the candidates.
        average: of their weights.
        names: of the candidates.
        sets: to measure on.
        out: folder to write to.
        settings: to note in each line.
    """

    def __init__(
        self,
        runs: Runs,
        average: Average,
        names: list[str],
        sets: EvaluationSets,
        out: str,
        settings: dict[str, Any],
    ) -> None:
        self._runs, self._average, self._names, self._sets = runs, average, names, sets
        self._out, self._settings = out, settings

    def record(self, terms: np.ndarray, progress: dict[str, float], final: bool = False) -> None:
        """Write one line for each candidate, and its weights; the last time in full precision and on all sets."""
        runs, average, dtype = self._runs, self._average, self._runs.net.dtype
        raw = assess(runs, self._sets.often, dtype=dtype)
        average.swap()
        found = assess(runs, self._sets.often, dtype=torch.float32 if final else dtype)
        more = assess(runs, self._sets.at_the_end(runs.device)) if final else [{} for _ in self._names]
        arrays = [runs.net.arrays(run) for run in range(len(self._names))]
        average.swap()
        for run, name in enumerate(self._names):
            line = {
                "candidate": name, "settings": runs.settings[run], **self._settings, **progress, "final": final,
                "terms": dict(zip(TERMS, map(float, terms[run]), strict=True)), "raw": raw[run], "average": found[run],
                "more": more[run],
            }  # fmt: skip
            with open(os.path.join(self._out, "detectors.jsonl"), "a") as log:
                log.write(json.dumps(line) + "\n")
            seed = runs.settings[run]["seed"]
            save_half(os.path.join(self._out, f"weights_{name}_s{seed}.npz"), arrays[run])
            aucs = ", ".join(f"{kind} AUC {each['auc_logit']:.4f}" for kind, each in found[run].items())
            print(f"{progress['passes']:.2f} passes, {name}: {aucs}", flush=True)


def save_half(path: str, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays in half precision."""
    with whole(path) as partial, open(partial, "wb") as stream:
        np.savez(stream, allow_pickle=False, **{name: value.astype(np.float16) for name, value in arrays.items()})


def run(options: argparse.Namespace) -> None:
    """Do what the command line asks for."""
    began, device = time.perf_counter(), options.device
    prepare_torch()
    os.makedirs(options.out, exist_ok=True)
    crops = Crops(options.data)
    rows = crops.rows("train")[: options.limit]
    source, to_source = crops.load("source", device), torch.from_numpy(crops.to_source).to(device)
    sets = EvaluationSets(crops, crops.load("aligned", device), options.size, options.limit)
    names = options.candidates.split(",")
    settings: list[Setting] = [
        {**CANDIDATES[name], "seed": options.seed, "learning_rate": options.rate} for name in names
    ]
    initial = dict(np.load(os.path.join(options.data, INITIAL)))
    runs = Runs(settings, initial, device, getattr(torch, options.dtype))
    average, draws = Average(runs.net, options.keep), augment.Augmenter(device, options.seed)
    recorder = Recorder(
        runs, average, names, sets, options.out,
        {"batch": options.batch, "size": options.size, "keep": options.keep, "dtype": options.dtype},
    )  # fmt: skip
    sampler = Pairs(crops.label[rows], crops.original[rows], options.batch, options.seed)
    labels = torch.arange(options.batch, device=device) % 2
    print(f"{len(rows)} faces to train on", flush=True)
    clock = Clock(device)
    budget = options.seconds - (time.perf_counter() - began) - (RESERVE if device == "cuda" else 0)
    step, elapsed, next_assessment = 0, 0.0, 1 / options.assessments
    recent: torch.Tensor = None  # moving means of the terms

    def progress() -> dict[str, float]:
        return {"step": step, "passes": step * options.batch / len(rows), "seconds": clock()}

    while elapsed < budget:
        done = elapsed / budget
        chosen = sampler.draw()
        places = torch.as_tensor(rows[chosen], device=device)
        images = training_images(source[places], to_source[places], draws, options.size)
        partners = torch.as_tensor(sampler.partners(chosen), device=device)
        values = runs.step([images], [partners], labels, runs.terms_at(done), cosine(done))
        average.update()
        recent = values if recent is None else 0.98 * recent + 0.02 * values
        step += 1
        # The GPU works behind; without a wait now and then, the clock would run ahead of it.
        if step % 8 == 0:
            elapsed = clock()
        if done >= next_assessment:
            recorder.record(recent.cpu().numpy(), progress())
            next_assessment += 1 / options.assessments
    recorder.record(recent.cpu().numpy(), progress(), final=True)
