"""A network of a fifth of a million parameters: small enough to be trained from nothing within a test.

It is none of the paper's. It has their parts (convolutions, an Inception block, L2 pooling, a unit sphere at the
end), so that what trains and exports it trains and exports them.
"""

from __future__ import annotations

from torch import Tensor, nn

from engines.networks.inception import Inception, Widths, max_pool
from engines.networks.layers import ConvRelu, Flat, UnitLength


class Tiny(nn.Module):
    """Standardised crops of 32x32 in, unit vectors out; batch norm after every convolution."""

    def __init__(self, dimension: int = 128) -> None:
        super().__init__()
        self.conv1 = ConvRelu(3, 16, 3, stride=2, norm="batch")
        self.conv2 = ConvRelu(16, 32, 3, norm="batch")
        self.pool2 = max_pool()
        self.inception3 = Inception(32, Widths(8, 12, 24, 4, 8, "l2", 8), "batch")
        self.inception4 = Inception(48, Widths(0, 24, 40, 8, 8, "max", 0, stride=2), "batch")
        self.flat = Flat(96 * 4 * 4)
        self.fc = nn.Linear(96 * 4 * 4, dimension)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 32, 32), RGB, standardised."""
        x = self.conv1(crops)  # (N, 16, 16, 16)
        x = self.conv2(x)  # (N, 32, 16, 16)
        x = self.pool2(x)  # (N, 32, 8, 8)
        x = self.inception3(x)  # (N, 48, 8, 8)
        x = self.inception4(x)  # (N, 96, 4, 4)
        x = self.flat(x)  # (N, 1536)
        x = self.fc(x)  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit
