"""NN1 of the FaceNet paper (arXiv:1503.03832v3), table 1: Zeiler and Fergus' network with 1x1 convolutions between.

The table's parameters and FLOPS come out in every row when a convolution has a bias that counts as one multiply-add
a position. "fc 32x128, maxout p=2" is 4,096 values, each the larger of two. Pools pad by one, so that 55 becomes 28.
Convolutions are rectified, as Zeiler and Fergus' are; the paper does not say it.
"""

from __future__ import annotations

from torch import Tensor, nn

from engines.networks.inception import max_pool
from engines.networks.layers import ConvRelu, Flat, Maxout, ResponseNorm, UnitLength

MAXOUT = 32 * 128


class NN1(nn.Module):
    """Standardised crops of 220x220 in, unit vectors out."""

    def __init__(self, dimension: int = 128, maxout: int = MAXOUT) -> None:
        """`maxout`: width of fc1 and fc2, which hold 97 % of the parameters; a test takes fewer."""
        super().__init__()
        self.conv1 = ConvRelu(3, 64, 7, stride=2)
        self.pool1 = max_pool()
        self.rnorm1 = ResponseNorm()
        self.conv2a = ConvRelu(64, 64, 1)
        self.conv2 = ConvRelu(64, 192, 3)
        self.rnorm2 = ResponseNorm()
        self.pool2 = max_pool()
        self.conv3a = ConvRelu(192, 192, 1)
        self.conv3 = ConvRelu(192, 384, 3)
        self.pool3 = max_pool()
        self.conv4a = ConvRelu(384, 384, 1)
        self.conv4 = ConvRelu(384, 256, 3)
        self.conv5a = ConvRelu(256, 256, 1)
        self.conv5 = ConvRelu(256, 256, 3)
        self.conv6a = ConvRelu(256, 256, 1)
        self.conv6 = ConvRelu(256, 256, 3)
        self.pool4 = max_pool()
        self.concat = Flat(256 * 7 * 7)
        self.fc1 = Maxout(256 * 7 * 7, maxout)
        self.fc2 = Maxout(maxout, maxout)
        self.fc7128 = nn.Linear(maxout, dimension)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 220, 220), RGB, standardised."""
        x = self.conv1(crops)  # (N, 64, 110, 110)
        x = self.rnorm1(self.pool1(x))  # (N, 64, 55, 55)
        x = self.conv2a(x)  # (N, 64, 55, 55)
        x = self.conv2(x)  # (N, 192, 55, 55)
        x = self.pool2(self.rnorm2(x))  # (N, 192, 28, 28)
        x = self.conv3a(x)  # (N, 192, 28, 28)
        x = self.conv3(x)  # (N, 384, 28, 28)
        x = self.pool3(x)  # (N, 384, 14, 14)
        x = self.conv4a(x)  # (N, 384, 14, 14)
        x = self.conv4(x)  # (N, 256, 14, 14)
        x = self.conv5a(x)  # (N, 256, 14, 14)
        x = self.conv5(x)  # (N, 256, 14, 14)
        x = self.conv6a(x)  # (N, 256, 14, 14)
        x = self.conv6(x)  # (N, 256, 14, 14)
        x = self.pool4(x)  # (N, 256, 7, 7)
        x = self.concat(x)  # (N, 12544)
        x = self.fc1(x)  # (N, maxout)
        x = self.fc2(x)  # (N, maxout)
        x = self.fc7128(x)  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit
