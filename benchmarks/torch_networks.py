"""PyTorch's form of the networks that `benchmarks.training` times: the same layers, as its users would write them."""

import torch
from torch import nn

EMBEDDING = 128
# Kernel, repeats, width before, width after, expansion, stride (EfficientNet-Lite0).
STAGES = (
    (3, 1, 32, 16, 1, 1),
    (3, 2, 16, 24, 6, 2),
    (5, 2, 24, 40, 6, 2),
    (3, 3, 40, 80, 6, 2),
    (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2),
    (3, 1, 192, 320, 6, 1),
)


def create(name: str) -> nn.Module:
    """Return `resnet34` or `efficientnetlite0` with the embedding and the classifier on top."""
    layers, features = {"resnet34": _resnet34, "efficientnetlite0": _lite0}[name]()
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, EMBEDDING), nn.Linear(EMBEDDING, 2)]
    return nn.Sequential(*layers, *head)


class _Residual(nn.Module):  # type: ignore[misc]  # PyTorch is optional, its types are unknown here
    """The block of ResNet-18 and ResNet-34."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Identity()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def _resnet34() -> tuple[list[nn.Module], int]:
    blocks, before = [], 64
    for stage, (width, depth) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3), strict=True)):
        for k in range(depth):
            blocks.append(_Residual(before, width, 2 if stage and not k else 1))
            before = width
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return [*stem, *blocks], before


class _Inverted(nn.Module):  # type: ignore[misc]
    """The block of EfficientNet-Lite: expand, filter each channel, project."""

    def __init__(self, kernel: int, before: int, after: int, expansion: int, stride: int) -> None:
        super().__init__()
        width = before * expansion
        expand = _conv(before, width, 1) if expansion > 1 else []
        project = [nn.Conv2d(width, after, 1, bias=False), nn.BatchNorm2d(after, eps=1e-3)]
        self.layers = nn.Sequential(*expand, *_conv(width, width, kernel, stride, groups=width), *project)
        self.is_residual = stride == 1 and before == after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the block."""
        y = self.layers(x)
        return x + y if self.is_residual else y


def _conv(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(after, eps=1e-3), nn.ReLU6()]


def _lite0() -> tuple[list[nn.Module], int]:
    layers = _conv(3, 32, 3, 2)
    for kernel, repeats, before, after, expansion, stride in STAGES:
        for k in range(repeats):
            layers.append(_Inverted(kernel, after if k else before, after, expansion, 1 if k else stride))
    return [*layers, *_conv(320, 1280, 1)], 1280
