"""NN2, NN3 and NN4 of the FaceNet paper (arXiv:1503.03832v3): Inception, its table 2 and section 3.3.

NN2 follows table 2 line by line. Where the table leaves something open, this is the reading that gives its figures:

- A convolution has a bias, and the bias counts as a parameter and as one multiply-add a position. With that, the
  parameters and FLOPS of every row come out as the paper rounds them, but for 4a: 545,536 parameters, printed 545K.
- "m 3x3,2" in a pool column is a max pool of stride 2 that joins the other branches without a projection; so 3c has
  256 + 64 + 320 = 640 channels and 4e 256 + 128 + 640 = 1024. ",2" behind 256, 64 and 128 is the stride of that
  3x3 or 5x5 convolution; the 1x1 reductions in front of them see the full size, which the FLOPS confirm.
- "m, 32p" is a 3x3 max pool of stride 1, "L2" a 3x3 L2 pool; both before a 1x1 projection. Projections are
  rectified like all convolutions.
- Pools of stride 2 pad by one, so that 112 becomes 56.

NN3 is NN2 on 160x160. NN4 is NN2 on 96x96 "without 5x5 convolutions in the higher layers"; which those are is not
said. Without those from 4e on, the cost is the 285M that the paper prints, and the parameters are the 6.6M that it
gives as the least of its Inception networks; from 4d on it would be 282M, from 5a on 290M. The paper's networks keep
activations in range with local response norm. NN4 gets batch norm (arXiv:1502.03167) after every convolution instead,
as OpenFace's nn4 has it; its cost is counted without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from engines.networks.layers import ConvRelu, ImageMean, L2Pool, Norm, ResponseNorm, UnitLength

Pool = Literal["max", "l2"]


@dataclass(frozen=True, slots=True)
class Widths:
    """One row of the paper's table 2: channels of an Inception block's branches; 0: there is no such branch."""

    one: int
    """of the 1x1 convolution"""
    three_reduced: int
    three: int
    five_reduced: int
    five: int
    pool: Pool
    projection: int
    """of the 1x1 convolution behind the pool; 0: what is pooled joins as it is"""
    stride: Literal[1, 2] = 1

    def joined(self, channels_in: int) -> int:
        """Channels of the block's output."""
        return self.one + self.three + self.five + (self.projection or channels_in)


class Inception(nn.Module):
    """1x1, 3x3 and 5x5 convolutions and a 3x3 pool side by side, joined (Szegedy et al., arXiv:1409.4842)."""

    def __init__(self, channels_in: int, widths: Widths, norm: Norm = "response") -> None:
        super().__init__()
        stride = widths.stride
        branches: list[nn.Module] = []
        if widths.one:
            branches.append(ConvRelu(channels_in, widths.one, 1, norm=norm))
        for kernel, reduced, wide in (
            (3, widths.three_reduced, widths.three),
            (5, widths.five_reduced, widths.five),
        ):
            if wide:
                branches.append(
                    nn.Sequential(
                        ConvRelu(channels_in, reduced, 1, norm=norm),
                        ConvRelu(reduced, wide, kernel, stride=stride, norm=norm),
                    )
                )
        pool = nn.MaxPool2d(3, stride, padding=1) if widths.pool == "max" else L2Pool(stride)
        if widths.projection:
            branches.append(nn.Sequential(pool, ConvRelu(channels_in, widths.projection, 1, norm=norm)))
        else:
            branches.append(pool)
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, joined, H / stride, W / stride), rounded up."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def max_pool() -> nn.MaxPool2d:
    """3x3, stride 2: halves an image, rounded up."""
    return nn.MaxPool2d(3, 2, padding=1)


class NN2(nn.Module):
    """Standardised crops of 224x224 (NN3: 160x160) in, unit vectors out."""

    def __init__(self, dimension: int = 128) -> None:
        super().__init__()
        self.conv1 = ConvRelu(3, 64, 7, stride=2)
        self.pool1 = max_pool()
        self.norm1 = ResponseNorm()
        self.inception2 = nn.Sequential(ConvRelu(64, 64, 1), ConvRelu(64, 192, 3))
        self.norm2 = ResponseNorm()
        self.pool2 = max_pool()
        self.inception3a = Inception(192, Widths(64, 96, 128, 16, 32, "max", 32))
        self.inception3b = Inception(256, Widths(64, 96, 128, 32, 64, "l2", 64))
        self.inception3c = Inception(320, Widths(0, 128, 256, 32, 64, "max", 0, stride=2))
        self.inception4a = Inception(640, Widths(256, 96, 192, 32, 64, "l2", 128))
        self.inception4b = Inception(640, Widths(224, 112, 224, 32, 64, "l2", 128))
        self.inception4c = Inception(640, Widths(192, 128, 256, 32, 64, "l2", 128))
        self.inception4d = Inception(640, Widths(160, 144, 288, 32, 64, "l2", 128))
        self.inception4e = Inception(640, Widths(0, 160, 256, 64, 128, "max", 0, stride=2))
        self.inception5a = Inception(1024, Widths(384, 192, 384, 48, 128, "l2", 128))
        self.inception5b = Inception(1024, Widths(384, 192, 384, 48, 128, "max", 128))
        self.mean = ImageMean()
        self.fc = nn.Linear(1024, dimension)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 224, 224), RGB, standardised."""
        x = self.conv1(crops)  # (N, 64, 112, 112); NN3: 80
        x = self.norm1(self.pool1(x))  # (N, 64, 56, 56); NN3: 40
        x = self.inception2(x)  # (N, 192, 56, 56); NN3: 40
        x = self.pool2(self.norm2(x))  # (N, 192, 28, 28); NN3: 20
        x = self.inception3a(x)  # (N, 256, 28, 28); NN3: 20
        x = self.inception3b(x)  # (N, 320, 28, 28); NN3: 20
        x = self.inception3c(x)  # (N, 640, 14, 14); NN3: 10
        x = self.inception4a(x)  # (N, 640, 14, 14); NN3: 10
        x = self.inception4b(x)  # (N, 640, 14, 14); NN3: 10
        x = self.inception4c(x)  # (N, 640, 14, 14); NN3: 10
        x = self.inception4d(x)  # (N, 640, 14, 14); NN3: 10
        x = self.inception4e(x)  # (N, 1024, 7, 7); NN3: 5
        x = self.inception5a(x)  # (N, 1024, 7, 7); NN3: 5
        x = self.inception5b(x)  # (N, 1024, 7, 7); NN3: 5
        x = self.mean(x)  # (N, 1024)
        x = self.fc(x)  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit


class NN4(nn.Module):
    """Standardised crops of 96x96 in, unit vectors out; batch norm after every convolution."""

    def __init__(self, dimension: int = 128) -> None:
        super().__init__()
        self.conv1 = ConvRelu(3, 64, 7, stride=2, norm="batch")
        self.pool1 = max_pool()
        self.inception2 = nn.Sequential(ConvRelu(64, 64, 1, norm="batch"), ConvRelu(64, 192, 3, norm="batch"))
        self.pool2 = max_pool()
        self.inception3a = Inception(192, Widths(64, 96, 128, 16, 32, "max", 32), "batch")
        self.inception3b = Inception(256, Widths(64, 96, 128, 32, 64, "l2", 64), "batch")
        self.inception3c = Inception(320, Widths(0, 128, 256, 32, 64, "max", 0, stride=2), "batch")
        self.inception4a = Inception(640, Widths(256, 96, 192, 32, 64, "l2", 128), "batch")
        self.inception4b = Inception(640, Widths(224, 112, 224, 32, 64, "l2", 128), "batch")
        self.inception4c = Inception(640, Widths(192, 128, 256, 32, 64, "l2", 128), "batch")
        self.inception4d = Inception(640, Widths(160, 144, 288, 32, 64, "l2", 128), "batch")
        self.inception4e = Inception(640, Widths(0, 160, 256, 0, 0, "max", 0, stride=2), "batch")
        self.inception5a = Inception(896, Widths(384, 192, 384, 0, 0, "l2", 128), "batch")
        self.inception5b = Inception(896, Widths(384, 192, 384, 0, 0, "max", 128), "batch")
        self.mean = ImageMean()
        self.fc = nn.Linear(896, dimension)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 96, 96), RGB, standardised."""
        x = self.conv1(crops)  # (N, 64, 48, 48)
        x = self.pool1(x)  # (N, 64, 24, 24)
        x = self.inception2(x)  # (N, 192, 24, 24)
        x = self.pool2(x)  # (N, 192, 12, 12)
        x = self.inception3a(x)  # (N, 256, 12, 12)
        x = self.inception3b(x)  # (N, 320, 12, 12)
        x = self.inception3c(x)  # (N, 640, 6, 6)
        x = self.inception4a(x)  # (N, 640, 6, 6)
        x = self.inception4b(x)  # (N, 640, 6, 6)
        x = self.inception4c(x)  # (N, 640, 6, 6)
        x = self.inception4d(x)  # (N, 640, 6, 6)
        x = self.inception4e(x)  # (N, 896, 3, 3)
        x = self.inception5a(x)  # (N, 896, 3, 3)
        x = self.inception5b(x)  # (N, 896, 3, 3)
        x = self.mean(x)  # (N, 896)
        x = self.fc(x)  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit
