"""Augmentation of face crops on the GPU, whole batches at once.

Geometric changes are drawn together with the alignment, as one warp from the source picture, so that nothing is
interpolated twice. Then follows what pictures go through on the web. Images are float [n, 3, s, s], 0-255.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from artifacts.crop_size import CROP_SIZE
from benchmarks.gpu_training.jpeg import jpeg


@dataclass(frozen=True)
class Strength:
    """How often each change is made, and from which range it is drawn."""

    scale: tuple[float, float] = (0.9, 1.12)
    shift: float = 0.05  # of the crop's side, either way
    rotation: float = 8.0  # degrees, either way
    clean: float = 0.25  # share of the crops whose pixels stay as they are
    color: float = 0.5
    brightness: float = 0.12  # of 255, either way
    contrast: tuple[float, float] = (0.8, 1.25)
    saturation: tuple[float, float] = (0.6, 1.4)
    gamma: tuple[float, float] = (0.8, 1.25)
    downscale: tuple[float, float, float] = (0.3, 0.35, 0.95)  # how often; side of the shrunk crop, as a share
    blur: tuple[float, float, float] = (0.2, 0.3, 1.6)  # how often; standard deviation, pixels
    noise: tuple[float, float, float] = (0.2, 1.0, 8.0)  # how often; standard deviation, grey values
    jpeg: tuple[float, float, float] = (0.5, 30.0, 95.0)  # how often; quality
    erase: float = 0.2  # how often a rectangle is covered


def warp(pictures: torch.Tensor, to_source: torch.Tensor, size: int = CROP_SIZE, fill: str = "zeros") -> torch.Tensor:
    """Cut crops out of pictures, bilinearly.

    Args:
        pictures: uint8 [n, h, w, 3].
        to_source: float [n, 2, 3], from pixels of the crop to pixels of the picture.
        size: side of the crops, pixels.
        fill: what lies outside the picture: "zeros", "border" or "reflection".

    Returns:
        float [n, 3, size, size].
    """
    n, height, width, _ = pictures.shape
    line = torch.arange(size, device=pictures.device, dtype=torch.float32)
    y, x = torch.meshgrid(line, line, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], -1).reshape(1, -1, 3)
    grid = (grid @ to_source.float().transpose(1, 2)).reshape(n, size, size, 2)
    grid = grid * torch.tensor([2 / (width - 1), 2 / (height - 1)], device=grid.device) - 1
    return F.grid_sample(pictures.permute(0, 3, 1, 2).float(), grid, "bilinear", fill, align_corners=True)


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Shrink images as the detector's own preprocessing does: bilinear with antialiasing."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", align_corners=False, antialias=True)


def normalize(images: torch.Tensor) -> torch.Tensor:
    """Scale to the range of the ImageNet weights, as `model.backbones.normalize_pixels` does."""
    return ((images - 127.0) / 128.0).contiguous(memory_format=torch.channels_last)


class Augmenter:
    """Random changes. The same seed and calls give the same crops on the same kind of GPU.

    Args:
        device: of the images.
        seed: of all draws.
        strength: of the changes.
    """

    def __init__(self, device: str, seed: int, strength: Strength | None = None) -> None:
        self.device, self.strength = device, strength or Strength()
        self.generator = torch.Generator(device).manual_seed(seed)
        self.host = np.random.default_rng([seed, 11])

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Draw n numbers between two limits, float [n]."""
        return low + (high - low) * torch.rand(n, generator=self.generator, device=self.device)

    def jitter(self, to_source: torch.Tensor) -> torch.Tensor:
        """Compose maps from crop to source, float [n, 2, 3], with a random similarity of the crop, mirrored or not."""
        s, n = self.strength, len(to_source)
        log_scale = self.uniform(n, *np.log(s.scale))
        angle = self.uniform(n, -s.rotation, s.rotation) * np.pi / 180
        a, b = torch.cos(angle) * torch.exp(-log_scale), torch.sin(angle) * torch.exp(-log_scale)
        side = torch.where(self.uniform(n) < 0.5, -1.0, 1.0)
        middle = (CROP_SIZE - 1) / 2
        linear = torch.stack([torch.stack([a * side, -b], -1), torch.stack([b * side, a], -1)], -2)
        shift = torch.stack([self.uniform(n, -s.shift, s.shift) for _ in range(2)], -1) * CROP_SIZE
        offset = middle + shift - (linear * middle).sum(-1)
        inner = to_source[:, :, :2].float()
        return torch.cat([inner @ linear, (inner @ offset[:, :, None]) + to_source[:, :, 2:].float()], -1)

    def degrade(self, images: torch.Tensor) -> torch.Tensor:
        """Change colours, downscale, blur, add noise, compress, cover a rectangle, each in some; round to integers."""
        s, n = self.strength, len(images)
        touched = self.uniform(n) >= s.clean

        def some(share: float) -> torch.Tensor:
            return touched & (self.uniform(n) < share)

        images = _where(some(s.color), self._color(images), images)
        images = self._downscale(images, some(s.downscale[0]).cpu().numpy())
        images = _where(some(s.blur[0]), blur(images, self.uniform(n, *s.blur[1:])), images)
        grain = torch.randn(images.shape, generator=self.generator, device=self.device)
        images = _where(some(s.noise[0]), images + grain * self.uniform(n, *s.noise[1:])[:, None, None, None], images)
        images = images.clamp(0, 255)
        images = _where(some(s.jpeg[0]), jpeg(images, self.uniform(n, *s.jpeg[1:])), images)
        images = self._erase(images, self.uniform(n) < s.erase)
        return images.clamp(0, 255).round()

    def _color(self, images: torch.Tensor) -> torch.Tensor:
        s, n = self.strength, len(images)
        draw = [self.uniform(n, *limits)[:, None, None, None] for limits in (s.contrast, s.saturation, s.gamma)]
        tint = torch.stack([self.uniform(n, -8.0, 8.0) for _ in range(3)], 1)[:, :, None, None]
        bright = 255 * self.uniform(n, -s.brightness, s.brightness)[:, None, None, None]
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * draw[0] + mean + bright + tint
        luma = torch.tensor([0.299, 0.587, 0.114], device=self.device)[None, :, None, None]
        grey = (images * luma).sum(1, keepdim=True)
        images = ((images - grey) * draw[1] + grey).clamp(0, 255)
        return 255 * (images / 255) ** draw[2]

    def _downscale(self, images: torch.Tensor, chosen: np.ndarray) -> torch.Tensor:
        """Shrink and enlarge in four groups, each with one size, because a resize takes one size."""
        places = self.host.permutation(np.flatnonzero(chosen))
        if not len(places):
            return images
        images, side = images.clone(), images.shape[-1]
        for group in np.array_split(places, 4):
            small = round(side * self.host.uniform(*self.strength.downscale[1:]))
            if not len(group):
                continue
            rows = torch.as_tensor(group, device=self.device)
            shrunk = F.interpolate(images[rows], (small, small), mode="bilinear", align_corners=False, antialias=True)
            mode = ("bilinear", "bicubic")[int(self.host.integers(2))]
            images[rows] = F.interpolate(shrunk, (side, side), mode=mode, align_corners=False)
        return images

    def _erase(self, images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        n, side = len(images), images.shape[-1]
        line = torch.arange(side, device=self.device)
        inside = []
        for _ in range(2):
            length, middle = self.uniform(n, 0.1, 0.4) * side, self.uniform(n) * side
            inside.append((line[None] - middle[:, None]).abs() < length[:, None] / 2)
        mask = inside[0][:, None, :, None] & inside[1][:, None, None, :] & chosen[:, None, None, None]
        return torch.where(mask, (255 * self.uniform(n))[:, None, None, None], images)


def _where(chosen: torch.Tensor, changed: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return torch.where(chosen[:, None, None, None], changed, images)


def blur(images: torch.Tensor, sigma: torch.Tensor, radius: int = 5) -> torch.Tensor:
    """Blur each image with a Gaussian of its own standard deviation [n], pixels; edges are mirrored."""
    n, channels, side, _ = images.shape
    line = torch.arange(-radius, radius + 1, device=images.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (line[None] / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    x = F.pad(images, (radius,) * 4, mode="reflect").reshape(1, n * channels, side + 2 * radius, -1)
    x = F.conv2d(x, kernel[:, None, :, None], groups=n * channels)
    return F.conv2d(x, kernel[:, None, None, :], groups=n * channels).reshape(images.shape)


def web_changes(device: str) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Return what pictures go through on the web, by name; each a function of images float [n, 3, s, s]."""

    def quality(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda images: jpeg(images, torch.full((len(images),), value, device=device))

    def half(images: torch.Tensor) -> torch.Tensor:
        side = images.shape[-1]
        small = F.interpolate(images, (side // 2,) * 2, mode="bilinear", align_corners=False, antialias=True)
        return F.interpolate(small, (side, side), mode="bilinear", align_corners=False).round()

    def soft(images: torch.Tensor) -> torch.Tensor:
        return blur(images, torch.full((len(images),), 1.5, device=device)).round()

    return {"jpeg75": quality(75.0), "jpeg50": quality(50.0), "half": half, "blur1.5": soft}
