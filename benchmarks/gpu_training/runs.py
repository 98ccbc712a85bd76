"""Runs of one batch size, trained in step with each other."""

import time
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch

from benchmarks.gpu_training import objective
from benchmarks.gpu_training.network import EMBEDDING, SideBySide
from benchmarks.gpu_training.settings import Setting
from model.efficientnet_lite import FEATURES

# Settings that are numbers.
Weight = Literal[
    "triplet", "cross_entropy", "weight_center", "weight_center_start", "expander", "expander_start", "exclude_partner"
]
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4  # of SGD; the classic L2 form, on kernels only


def first_head(seed: int) -> dict[str, np.ndarray]:
    """Draw the first weights of embedding and classifier, Glorot uniform as in Keras; equal in all runs of a seed."""
    random = np.random.default_rng([seed, 3])

    def kernel(inputs: int, outputs: int) -> np.ndarray:
        limit = np.sqrt(6 / (inputs + outputs))
        return random.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)

    return {
        "embedding/kernel": kernel(FEATURES, EMBEDDING),
        "embedding/bias": np.zeros(EMBEDDING, np.float32),
        "classifier/kernel": kernel(EMBEDDING, 2),
        "classifier/bias": np.zeros(2, np.float32),
    }


class Runs:
    """Some runs side by side.

    Args:
        settings: of each run; those with the same seed and pairing stand side by side.
        initial: arrays of the backbone with Keras's names.
        device: where to train.
        dtype: of the network's activations; weights and losses are float32.

    Attributes:
        streams: (seed, paired) of the streams of batches that the runs see.
        stream_of: which of them each run sees, R integers.

    Raises:
        ValueError: runs of one stream do not stand side by side.
    """

    def __init__(
        self, settings: Sequence[Setting], initial: Mapping[str, np.ndarray], device: str, dtype: torch.dtype
    ) -> None:
        self.settings, self.device = list(settings), device
        self.net = SideBySide(len(settings), device, dtype)
        for run, each in enumerate(self.settings):
            self.net.load(run, {**initial, **first_head(each["seed"])})
        self.velocity = torch.zeros_like(self.net.weights)
        rates = torch.tensor([each["learning_rate"] for each in self.settings], device=device)
        self.rate = self.net.per_weight(lambda name: rates)
        self.decay = self.net.per_weight(lambda name: WEIGHT_DECAY if name.endswith("kernel") else 0.0)
        keys = [(each["seed"], each["paired"]) for each in self.settings]
        self.streams = list(dict.fromkeys(keys))
        self.stream_of = [self.streams.index(key) for key in keys]
        if self.stream_of != sorted(self.stream_of):
            raise ValueError("runs with the same seed and pairing must stand side by side")

    def _column(self, name: Weight) -> torch.Tensor:
        """Return a setting of every run, float [R]."""
        return torch.tensor([each[name] for each in self.settings], device=self.device)

    def terms_at(self, progress: float) -> dict[str, torch.Tensor]:
        """Return the settings of `multi_metric.multi_metric_loss` after that share of the training, each float [R]."""
        return {
            "triplet": self._column("triplet"),
            "cross_entropy": self._column("cross_entropy"),
            "weight_center": self._column("weight_center") * (self._column("weight_center_start") <= progress),
            "expander": self._column("expander") * (self._column("expander_start") <= progress),
            "exclude_partner": self._column("exclude_partner"),
        }

    def step(
        self,
        images: Sequence[torch.Tensor],
        partners: Sequence[torch.Tensor],
        labels: torch.Tensor,
        terms: Mapping[str, torch.Tensor],
        schedule: float,
    ) -> torch.Tensor:
        """Take one step of SGD.

        Args:
            images: for each stream, float [n, 3, s, s], normalised.
            partners: for each stream, boolean [n, n].
            labels: integer [n].
            terms: see `terms_at`.
            schedule: factor of the learning rates.

        Returns:
            Values of `multi_metric.TERMS`, [R, len(TERMS)].
        """
        net = self.net
        net.zero_gradients()
        embedding, logits = net.head(net.features(images, self.stream_of, True))
        shared = torch.stack([partners[stream] for stream in self.stream_of])
        loss, values = objective.side_by_side_loss(embedding, logits, net.center, terms, labels, shared)
        loss.sum().backward()
        with torch.no_grad():
            self.velocity.mul_(MOMENTUM).add_(net.gradients).addcmul_(self.decay, net.weights)
            net.weights.addcmul_(self.rate, self.velocity, value=-schedule)
            net.center = objective.move_center(net.center, embedding, labels)
        return values.detach()

    @torch.no_grad()  # type: ignore[untyped-decorator]  # torch is not installed where mypy runs
    def outputs(
        self, images: torch.Tensor, dtype: torch.dtype = torch.float32, chunk: int = 600
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Apply every run to pictures.

        Args:
            images: float [n, 3, s, s], normalised.
            dtype: of the activations.
            chunk: how many pictures times runs go through at once.

        Returns:
            Unit embeddings [R, n, d], logits (fake minus real) [R, n] and similarities to the centre [R, n].
        """
        net, own = self.net, self.net.dtype
        net.dtype = dtype
        center = net.center * torch.rsqrt(net.center.square().sum(-1, keepdim=True).clamp(min=1e-12))
        parts = []
        for piece in images.split(max(chunk // net.runs, 1)):
            piece = piece.contiguous(memory_format=torch.channels_last)
            embedding, logits = net.head(net.features([piece], [0] * net.runs, False))
            parts.append((embedding, logits[:, :, 1] - logits[:, :, 0], torch.einsum("rnd,rd->rn", embedding, center)))
        net.dtype = own
        embedding, logit, similarity = (torch.cat(each, 1).cpu().numpy() for each in zip(*parts, strict=True))
        return embedding, logit, similarity


def cosine(progress: float) -> float:
    """Return the factor of Keras's `CosineDecay` to zero."""
    return float(0.5 * (1 + np.cos(np.pi * min(progress, 1.0))))


class Clock:
    """Seconds since the start, with the GPU's work done."""

    def __init__(self, device: str) -> None:
        self.device, self.start = device, time.perf_counter()

    def __call__(self) -> float:
        """Wait for the GPU and return the seconds."""
        if torch.device(self.device).type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - self.start


def prepare_torch() -> None:
    """Set what makes results comparable and the start quick."""
    # The search for the fastest kernel hangs for minutes on convolutions with thousands of groups.
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
