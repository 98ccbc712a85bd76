"""EfficientNet-Lite0 and the detector's head in torch, several independent runs side by side.

A step at batch 16 leaves a large GPU idle: it consists of hundreds of small kernels that run one after the other. So R
runs that differ only in their settings go through one network: their channels lie beside each other in one tensor
[n, R * channels, h, w]. Depthwise convolutions, batch normalisation and ReLU6 treat each channel by itself and need no
change; a pointwise convolution is a batch of R matrix products. No run sees another's numbers.

The layers are those of `model.efficientnet_lite`. Weights have the names of the Keras model's variables
(`stem_conv/kernel`, ..., `classifier/bias`); `from_keras` and `to_keras` convert their shapes. The tests compare both
networks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.gpu_training.multi_metric import unit
from model.efficientnet_lite import FEATURES, STAGES, STEM_WIDTH

EMBEDDING = 128
EPSILON, MOMENTUM = 1e-3, 0.01  # of batch normalisation; torch's momentum is one minus Keras's

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Layer:
    """A convolution with its normalisation.

    Attributes:
        name: prefix of its weights' names.
        kind: of the convolution.
        width_in: channels of its input.
        width: channels of its output.
        kernel: side in pixels.
        stride: in pixels.
        activation: whether ReLU6 follows.
        opens: whether its input is kept for a shortcut.
        closes: whether the shortcut is added to its output.
    """

    name: str
    kind: Literal["stem", "pointwise", "depthwise"]
    width_in: int
    width: int
    kernel: int = 1
    stride: int = 1
    activation: bool = True
    opens: bool = False
    closes: bool = False


def lite0_layers() -> list[Layer]:
    """Return the layers of EfficientNet-Lite0 in their order."""
    layers = [Layer("stem", "stem", 3, STEM_WIDTH, kernel=3, stride=2)]
    number, narrow = 0, STEM_WIDTH
    for kernel, blocks, width, expansion, first_stride in STAGES:
        for stride in (first_stride,) + (1,) * (blocks - 1):
            name, wide = f"block{number}", narrow * expansion
            shortcut = stride == 1 and narrow == width
            if expansion > 1:
                layers.append(Layer(f"{name}_expand", "pointwise", narrow, wide, opens=shortcut))
            opens = shortcut and expansion == 1
            layers.append(Layer(f"{name}_depthwise", "depthwise", wide, wide, kernel, stride, opens=opens))
            layers.append(Layer(f"{name}_project", "pointwise", wide, width, activation=False, closes=shortcut))
            number, narrow = number + 1, width
    return [*layers, Layer("head", "pointwise", narrow, FEATURES)]


class Pointwise(torch.autograd.Function):  # type: ignore[misc]  # torch is not installed where mypy runs
    """[n, R * a, h, w] by [R, a, b] to [n, R * b, h, w], both in channels_last memory, as R matrix products."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Return the products."""
        runs, a, b = weight.shape
        n, _, h, w = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(n * h * w, runs, a)
        kernel = weight.to(x.dtype)
        y = torch.empty((n * h * w, runs, b), dtype=x.dtype, device=x.device)
        torch.bmm(rows.transpose(0, 1), kernel, out=y.transpose(0, 1))
        ctx.save_for_backward(rows, kernel)
        ctx.size = (n, h, w)
        return y.view(n, h, w, runs * b).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the gradients for input and weight."""
        rows, kernel = ctx.saved_tensors
        n, h, w = ctx.size
        runs, a, b = kernel.shape
        gradient = gradient.permute(0, 2, 3, 1).reshape(n * h * w, runs, b).transpose(0, 1)
        to_rows = torch.empty_like(rows)
        torch.bmm(gradient, kernel.transpose(1, 2), out=to_rows.transpose(0, 1))
        to_weight = torch.bmm(rows.permute(1, 2, 0), gradient).float()
        return to_rows.view(n, h, w, runs * a).permute(0, 3, 1, 2), to_weight


class SideBySide:
    """R detectors in one network.

    Args:
        runs: R.
        device: where the tensors lie.
        dtype: of the activations; weights are float32.

    Attributes:
        weights: all trainable numbers, flat, layer after layer and within a layer run after run.
        gradients: likewise; `zero_gradients` empties it, backward adds to it.
        statistics: means and variances of the batch normalisations, likewise.
        center: of the real embeddings, float [R, EMBEDDING].
    """

    def __init__(self, runs: int, device: str, dtype: torch.dtype = torch.float32) -> None:
        self.runs, self.device, self.dtype = runs, device, dtype
        self.layers = lite0_layers()
        self.shapes: Shapes = {}
        self.statistic_shapes: Shapes = {}
        for layer in self.layers:
            by_kind: Shapes = {
                "stem": (layer.width, 3, layer.kernel, layer.kernel),
                "pointwise": (layer.width_in, layer.width),
                "depthwise": (layer.width, 1, layer.kernel, layer.kernel),
            }
            self.shapes[f"{layer.name}_conv/kernel"] = by_kind[layer.kind]
            for part in ("gamma", "beta"):
                self.shapes[f"{layer.name}_bn/{part}"] = (layer.width,)
            for part in ("moving_mean", "moving_variance"):
                self.statistic_shapes[f"{layer.name}_bn/{part}"] = (layer.width,)
        self.shapes |= {
            "embedding/kernel": (FEATURES, EMBEDDING),
            "embedding/bias": (EMBEDDING,),
            "classifier/kernel": (EMBEDDING, 2),
            "classifier/bias": (2,),
        }
        self.weights, self.leaves = self._allocate(self.shapes)
        self.gradients, gradients = self._allocate(self.shapes)
        self.statistics, self.statistic_views = self._allocate(self.statistic_shapes)
        for name, leaf in self.leaves.items():
            leaf.requires_grad_()
            leaf.grad = gradients[name]
        self.center = torch.zeros((runs, EMBEDDING), device=device)

    def _allocate(self, shapes: Shapes) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return one flat tensor of zeros, and for each name its part of it, [R, *shape]."""
        flat = torch.zeros(sum(self.runs * math.prod(shape) for shape in shapes.values()), device=self.device)
        views, start = {}, 0
        for name, shape in shapes.items():
            stop = start + self.runs * math.prod(shape)
            views[name] = flat[start:stop].view(self.runs, *shape)
            start = stop
        return flat, views

    def per_weight(self, values: Callable[[str], float | torch.Tensor]) -> torch.Tensor:
        """Spread a value for each name, or each name and run, over the weights.

        Args:
            values: function of a weight's name to a float, or to a tensor [R].

        Returns:
            float tensor like `weights`.
        """
        flat, views = self._allocate(self.shapes)
        for name, view in views.items():
            value = torch.as_tensor(values(name), dtype=torch.float32, device=self.device)
            view.copy_(value.reshape(-1, *[1] * (view.ndim - 1)).expand_as(view))
        return flat

    def zero_gradients(self) -> None:
        """Forget the gradients of the last step."""
        self.gradients.zero_()

    # --- forward ----------------------------------------------------------------------------------------------------
    def features(self, images: Sequence[torch.Tensor], streams: Sequence[int], training: bool) -> torch.Tensor:
        """Return pooled features, float32 [n, R, FEATURES].

        Args:
            images: for each stream of batches, float [n, 3, s, s], normalised, in channels_last memory.
            streams: which of them each run sees, R integers.
            training: whether to take batch statistics and to move the running ones.
        """
        x: torch.Tensor = None
        shortcut: torch.Tensor = None
        for layer in self.layers:
            kernel = self.leaves[f"{layer.name}_conv/kernel"]
            if layer.opens:
                shortcut = x
            if layer.kind == "stem":
                x = self._stem(images, streams, kernel, layer)
            elif layer.kind == "pointwise":
                x = Pointwise.apply(x.contiguous(memory_format=torch.channels_last), kernel)
            else:
                kernel = kernel.reshape(-1, 1, layer.kernel, layer.kernel).to(x.dtype)
                x, padding = _pad(x, layer)
                x = F.conv2d(x, kernel, None, layer.stride, padding, groups=kernel.shape[0])
            x = self._norm(x, layer.name, training)
            if layer.activation:
                x = F.hardtanh_(x, 0.0, 6.0)  # in place: the normalisation's backward needs its input only
            if layer.closes:
                x = x + shortcut
        return x.float().mean((2, 3)).view(x.shape[0], self.runs, FEATURES)

    def _stem(
        self, images: Sequence[torch.Tensor], streams: Sequence[int], kernel: torch.Tensor, layer: Layer
    ) -> torch.Tensor:
        """Apply the stem, once for all neighbouring runs that see the same stream."""
        outputs = []
        for run in range(self.runs):
            if run and streams[run] == streams[run - 1]:
                continue
            last = run
            while last + 1 < self.runs and streams[last + 1] == streams[run]:
                last += 1
            x = images[streams[run]].to(self.dtype)
            x, padding = _pad(x, layer)
            outputs.append(F.conv2d(x, kernel[run : last + 1].flatten(0, 1).to(x.dtype), None, layer.stride, padding))
        x = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return x.contiguous(memory_format=torch.channels_last)

    def _norm(self, x: torch.Tensor, name: str, training: bool) -> torch.Tensor:
        mean, variance = (
            self.statistic_views[f"{name}_bn/{part}"].view(-1) for part in ("moving_mean", "moving_variance")
        )
        gamma, beta = (self.leaves[f"{name}_bn/{part}"].view(-1) for part in ("gamma", "beta"))
        return F.batch_norm(x, mean, variance, gamma, beta, training, MOMENTUM, EPSILON)

    def head(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map features [n, R, FEATURES] to (unit embeddings [R, n, EMBEDDING], logits [R, n, 2])."""
        embed, embed_bias, classify, classify_bias = (
            self.leaves[name] for name in ("embedding/kernel", "embedding/bias", "classifier/kernel", "classifier/bias")
        )
        raw = torch.baddbmm(embed_bias[:, None], features.transpose(0, 1), embed)
        logits = torch.baddbmm(classify_bias[:, None], raw, classify)
        return unit(raw), logits

    # --- weights in and out -----------------------------------------------------------------------------------------
    def load(self, run: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Copy arrays with Keras's names and shapes into one run; weights without an array keep their values."""
        with torch.no_grad():
            for views in (self.leaves, self.statistic_views):
                for name, view in views.items():
                    if name in arrays:
                        view[run] = torch.from_numpy(from_keras(name, np.asarray(arrays[name], np.float32))).to(
                            self.device
                        )
            if "real_center" in arrays:
                self.center[run] = torch.from_numpy(np.asarray(arrays["real_center"], np.float32)).to(self.device)

    def arrays(self, run: int) -> dict[str, np.ndarray]:
        """Return all numbers of one run as float32 arrays with Keras's names and shapes."""
        both = {**self.leaves, **self.statistic_views}
        result = {name: to_keras(name, view[run].detach().cpu().numpy()) for name, view in both.items()}
        return result | {"real_center": self.center[run].cpu().numpy()}


def _pad(x: torch.Tensor, layer: Layer) -> tuple[torch.Tensor, int | tuple[int, int]]:
    """Pad as TensorFlow's "same" does, with the odd pixel below and on the right.

    Returns:
        (x, padding that remains for torch's convolution).
    """
    total = [max((math.ceil(side / layer.stride) - 1) * layer.stride + layer.kernel - side, 0) for side in x.shape[2:]]
    if all(t % 2 == 0 for t in total):
        return x, (total[0] // 2, total[1] // 2)
    top, left = (t // 2 for t in total)
    return F.pad(x, (left, total[1] - left, top, total[0] - top)), 0


def from_keras(name: str, array: np.ndarray) -> np.ndarray:
    """Bring an array of the Keras model into the shape that this network keeps for one run."""
    if array.ndim == 4 and name.startswith("stem"):
        array = array.transpose(3, 2, 0, 1)  # [h, w, in, out] to [out, in, h, w]
    elif array.ndim == 4 and "_depthwise_" in name:
        array = array.transpose(2, 3, 0, 1)  # [h, w, channels, 1] to [channels, 1, h, w]
    elif array.ndim == 4:
        array = array[0, 0]
    return np.ascontiguousarray(array)


def to_keras(name: str, array: np.ndarray) -> np.ndarray:
    """Invert `from_keras`."""
    if array.ndim == 4 and name.startswith("stem"):
        array = array.transpose(2, 3, 1, 0)
    elif array.ndim == 4:
        array = array.transpose(2, 3, 0, 1)
    elif array.ndim == 2 and name.endswith("_conv/kernel"):
        array = array[None, None]
    return np.ascontiguousarray(array)
