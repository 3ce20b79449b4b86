"""Inception-ResNet-v1, the network of FaceNet's public weights, as its frozen graph has it.

Szegedy et al. 2016 (arXiv:1602.07261), figures 10 to 15, with the bottleneck and the channel counts of
davidsandberg/facenet 20180408-102900. Batch norms are folded into the convolutions, so each of those is a
convolution with a bias; only the bottleneck keeps its own. Padding is TensorFlow's: a stride of 2 goes with
VALID, which is no padding at all, so that torch and TensorFlow agree on every pixel. Shapes on the lines
are for the 160x160 input; N is the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIMENSION = 512
GRAPH = "InceptionResnetV1/"
"""the scope that every layer of the frozen graph is in"""


class Convolution(nn.Conv2d):
    """A convolution with bias; it knows the layer of the frozen graph that its weights come from."""

    def __init__(
        self,
        layer: str,
        channels_in: int,
        channels_out: int,
        kernel: tuple[int, int] | int,
        *,
        stride: int = 1,
        same: bool = True,
        relu: bool = True,
    ) -> None:
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if same else (0, 0)
        super().__init__(channels_in, channels_out, (height, width), stride=stride, padding=padding)
        self.layer = f"{GRAPH}{layer}/Conv2D"
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        return F.relu(x) if self.relu else x


class Residual(nn.Module):
    """Branches side by side, joined, brought back to the input's channels, scaled and added to the input."""

    def __init__(
        self,
        layer: str,
        branches: Sequence[nn.Module],
        widths: tuple[int, int],
        scale: float,
        relu: bool = True,
    ) -> None:
        super().__init__()
        joined, channels = widths
        self.branches = nn.ModuleList(branches)
        self.up = Convolution(f"{layer}/Conv2d_1x1", joined, channels, 1, relu=False)
        self.scale = scale
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([branch(x) for branch in self.branches], dim=1)  # (N, joined, H, W)
        x = x + self.scale * self.up(joined)  # (N, channels, H, W)
        return F.relu(x) if self.relu else x


class Reduction(nn.Module):
    """Branches that halve the image, joined with a max pool of it."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool2d(x, 3, stride=2)  # (N, C, (H-1)//2, (W-1)//2)
        return torch.cat([*(branch(x) for branch in self.branches), pooled], dim=1)


def block35(layer: str) -> Residual:
    """Inception-ResNet-A on a 17x17 grid, 256 channels."""
    branches = (
        Convolution(f"{layer}/Branch_0/Conv2d_1x1", 256, 32, 1),
        nn.Sequential(
            Convolution(f"{layer}/Branch_1/Conv2d_0a_1x1", 256, 32, 1),
            Convolution(f"{layer}/Branch_1/Conv2d_0b_3x3", 32, 32, 3),
        ),
        nn.Sequential(
            Convolution(f"{layer}/Branch_2/Conv2d_0a_1x1", 256, 32, 1),
            Convolution(f"{layer}/Branch_2/Conv2d_0b_3x3", 32, 32, 3),
            Convolution(f"{layer}/Branch_2/Conv2d_0c_3x3", 32, 32, 3),
        ),
    )
    return Residual(layer, branches, (96, 256), scale=0.17)


def block17(layer: str) -> Residual:
    """Inception-ResNet-B on an 8x8 grid, 896 channels."""
    branches = (
        Convolution(f"{layer}/Branch_0/Conv2d_1x1", 896, 128, 1),
        nn.Sequential(
            Convolution(f"{layer}/Branch_1/Conv2d_0a_1x1", 896, 128, 1),
            Convolution(f"{layer}/Branch_1/Conv2d_0b_1x7", 128, 128, (1, 7)),
            Convolution(f"{layer}/Branch_1/Conv2d_0c_7x1", 128, 128, (7, 1)),
        ),
    )
    return Residual(layer, branches, (256, 896), scale=0.10)


def block8(layer: str, *, last: bool = False) -> Residual:
    """Inception-ResNet-C on a 3x3 grid, 1792 channels; the last is neither scaled down nor rectified."""
    branches = (
        Convolution(f"{layer}/Branch_0/Conv2d_1x1", 1792, 192, 1),
        nn.Sequential(
            Convolution(f"{layer}/Branch_1/Conv2d_0a_1x1", 1792, 192, 1),
            Convolution(f"{layer}/Branch_1/Conv2d_0b_1x3", 192, 192, (1, 3)),
            Convolution(f"{layer}/Branch_1/Conv2d_0c_3x1", 192, 192, (3, 1)),
        ),
    )
    return Residual(layer, branches, (384, 1792), scale=1.0 if last else 0.20, relu=not last)


def mixed_6a() -> Reduction:
    """17x17x256 to 8x8x896."""
    return Reduction(
        (
            Convolution("Mixed_6a/Branch_0/Conv2d_1a_3x3", 256, 384, 3, stride=2, same=False),
            nn.Sequential(
                Convolution("Mixed_6a/Branch_1/Conv2d_0a_1x1", 256, 192, 1),
                Convolution("Mixed_6a/Branch_1/Conv2d_0b_3x3", 192, 192, 3),
                Convolution("Mixed_6a/Branch_1/Conv2d_1a_3x3", 192, 256, 3, stride=2, same=False),
            ),
        )
    )


def mixed_7a() -> Reduction:
    """8x8x896 to 3x3x1792."""
    return Reduction(
        (
            nn.Sequential(
                Convolution("Mixed_7a/Branch_0/Conv2d_0a_1x1", 896, 256, 1),
                Convolution("Mixed_7a/Branch_0/Conv2d_1a_3x3", 256, 384, 3, stride=2, same=False),
            ),
            nn.Sequential(
                Convolution("Mixed_7a/Branch_1/Conv2d_0a_1x1", 896, 256, 1),
                Convolution("Mixed_7a/Branch_1/Conv2d_1a_3x3", 256, 256, 3, stride=2, same=False),
            ),
            nn.Sequential(
                Convolution("Mixed_7a/Branch_2/Conv2d_0a_1x1", 896, 256, 1),
                Convolution("Mixed_7a/Branch_2/Conv2d_0b_3x3", 256, 256, 3),
                Convolution("Mixed_7a/Branch_2/Conv2d_1a_3x3", 256, 256, 3, stride=2, same=False),
            ),
        )
    )


class InceptionResnetV1(nn.Module):
    """Standardised face crops in, unit vectors out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_1a = Convolution("Conv2d_1a_3x3", 3, 32, 3, stride=2, same=False)
        self.conv_2a = Convolution("Conv2d_2a_3x3", 32, 32, 3, same=False)
        self.conv_2b = Convolution("Conv2d_2b_3x3", 32, 64, 3)
        self.conv_3b = Convolution("Conv2d_3b_1x1", 64, 80, 1)
        self.conv_4a = Convolution("Conv2d_4a_3x3", 80, 192, 3, same=False)
        self.conv_4b = Convolution("Conv2d_4b_3x3", 192, 256, 3, stride=2, same=False)
        self.repeat = nn.Sequential(*(block35(f"Repeat/block35_{k}") for k in range(1, 6)))
        self.mixed_6a = mixed_6a()
        self.repeat_1 = nn.Sequential(*(block17(f"Repeat_1/block17_{k}") for k in range(1, 11)))
        self.mixed_7a = mixed_7a()
        self.repeat_2 = nn.Sequential(*(block8(f"Repeat_2/block8_{k}") for k in range(1, 6)))
        self.block8 = block8("Block8", last=True)
        self.bottleneck = nn.Linear(1792, DIMENSION, bias=False)
        # TensorFlow's default epsilon of this layer; it has no scale, only an offset.
        self.batch_norm = nn.BatchNorm1d(DIMENSION, eps=1e-3)

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, 512) of unit length for crops (N, 3, 160, 160), RGB, standardised."""
        x = self.batch_norm(self.bottleneck(self.features(crops)))  # (N, 512)
        return F.normalize(x, dim=1)  # (N, 512), unit length

    def features(self, crops: Tensor) -> Tensor:
        """What the trunk makes of crops, as the last layer takes it: (N, 1792)."""
        x = self.conv_1a(crops)  # (N, 32, 79, 79)
        x = self.conv_2a(x)  # (N, 32, 77, 77)
        x = self.conv_2b(x)  # (N, 64, 77, 77)
        x = F.max_pool2d(x, 3, stride=2)  # (N, 64, 38, 38)
        x = self.conv_3b(x)  # (N, 80, 38, 38)
        x = self.conv_4a(x)  # (N, 192, 36, 36)
        x = self.conv_4b(x)  # (N, 256, 17, 17)
        x = self.repeat(x)  # (N, 256, 17, 17)
        x = self.mixed_6a(x)  # (N, 896, 8, 8)
        x = self.repeat_1(x)  # (N, 896, 8, 8)
        x = self.mixed_7a(x)  # (N, 1792, 3, 3)
        x = self.repeat_2(x)  # (N, 1792, 3, 3)
        x = self.block8(x)  # (N, 1792, 3, 3)
        features: Tensor = x.mean(dim=(2, 3))  # (N, 1792)
        return features
