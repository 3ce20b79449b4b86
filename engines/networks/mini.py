"""NNS1 and NNS2 of the FaceNet paper (arXiv:1503.03832v3): Inception small enough for a phone.

The paper names them with input, size and cost only (table 3 and section 3.3: 165x165, 26M parameters, 220M FLOPS;
140x116, 4.3M, 20M). The layers are ours, designed to those figures, within 5 % of each. So many parameters
at so little cost can only be in a fully connected layer, which uses each once an image: both end as NN1 does, with
maxout over the last image as a whole. Where things are in it is kept, too, which suits crops that are aligned.
Batch norm stands after every convolution, as in NN4.

NNS2's input is narrower than high, as a face is. This product's crops are square: an upright box, higher than wide,
stretched. So the member takes squares of 140x140 and its first layer narrows them to 116 columns, which undoes part
of the stretching; everything around a network stays as it is for the others.
"""

from __future__ import annotations

from torch import Tensor, nn

from engines.networks.inception import Inception, Widths, max_pool
from engines.networks.layers import ConvRelu, Flat, Maxout, Narrowed, UnitLength

NNS2_COLUMNS = 116


class NNS1(nn.Module):
    """Standardised crops of 165x165 in, unit vectors out."""

    def __init__(self, dimension: int = 128) -> None:
        super().__init__()
        self.conv1 = ConvRelu(3, 32, 7, stride=2, norm="batch")
        self.pool1 = max_pool()
        self.inception2 = nn.Sequential(ConvRelu(32, 32, 1, norm="batch"), ConvRelu(32, 64, 3, norm="batch"))
        self.pool2 = max_pool()
        self.inception3a = Inception(64, Widths(32, 48, 64, 8, 16, "max", 16), "batch")
        self.inception3b = Inception(128, Widths(32, 48, 64, 16, 32, "l2", 32), "batch")
        self.inception3c = Inception(160, Widths(0, 64, 128, 16, 32, "max", 0, stride=2), "batch")
        self.inception4a = Inception(320, Widths(128, 64, 128, 16, 32, "l2", 64), "batch")
        self.inception4b = Inception(352, Widths(96, 80, 160, 16, 32, "l2", 64), "batch")
        self.inception4e = Inception(352, Widths(0, 96, 160, 32, 64, "max", 0, stride=2), "batch")
        self.inception5a = Inception(576, Widths(224, 112, 224, 0, 0, "l2", 96), "batch")
        self.flat = Flat(544 * 6 * 6)
        self.fc1 = Maxout(544 * 6 * 6, 640)
        self.fc = nn.Linear(640, dimension)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 165, 165), RGB, standardised."""
        x = self.conv1(crops)  # (N, 32, 83, 83)
        x = self.pool1(x)  # (N, 32, 42, 42)
        x = self.inception2(x)  # (N, 64, 42, 42)
        x = self.pool2(x)  # (N, 64, 21, 21)
        x = self.inception3a(x)  # (N, 128, 21, 21)
        x = self.inception3b(x)  # (N, 160, 21, 21)
        x = self.inception3c(x)  # (N, 320, 11, 11)
        x = self.inception4a(x)  # (N, 352, 11, 11)
        x = self.inception4b(x)  # (N, 352, 11, 11)
        x = self.inception4e(x)  # (N, 576, 6, 6)
        x = self.inception5a(x)  # (N, 544, 6, 6)
        x = self.flat(x)  # (N, 19584)
        x = self.fc1(x)  # (N, 640)
        x = self.fc(x)  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit


class NNS2(nn.Module):
    """Standardised crops of 140x140 in, narrowed to 140x116; unit vectors out."""

    def __init__(self, dimension: int = 128) -> None:
        super().__init__()
        self.narrowed = Narrowed(140, NNS2_COLUMNS)
        self.conv1 = ConvRelu(3, 16, 3, stride=2, norm="batch")
        self.pool1 = max_pool()
        self.inception2 = nn.Sequential(ConvRelu(16, 16, 1, norm="batch"), ConvRelu(16, 24, 3, norm="batch"))
        self.pool2 = max_pool()
        self.inception3a = Inception(24, Widths(16, 16, 32, 8, 8, "max", 8), "batch")
        self.inception3c = Inception(64, Widths(0, 24, 64, 8, 16, "max", 0, stride=2), "batch")
        self.inception4a = Inception(144, Widths(48, 32, 64, 8, 16, "l2", 32), "batch")
        self.inception4e = Inception(160, Widths(0, 48, 96, 8, 16, "max", 0, stride=2), "batch")
        self.inception5a = Inception(272, Widths(96, 48, 128, 0, 0, "l2", 64), "batch")
        self.flat = Flat(288 * 5 * 4)
        self.fc1 = Maxout(288 * 5 * 4, 352)
        self.fc = nn.Linear(352, dimension)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 140, 140), RGB, standardised."""
        x = self.narrowed(crops)  # (N, 3, 140, 116)
        x = self.conv1(x)  # (N, 16, 70, 58)
        x = self.pool1(x)  # (N, 16, 35, 29)
        x = self.inception2(x)  # (N, 24, 35, 29)
        x = self.pool2(x)  # (N, 24, 18, 15)
        x = self.inception3a(x)  # (N, 64, 18, 15)
        x = self.inception3c(x)  # (N, 144, 9, 8)
        x = self.inception4a(x)  # (N, 160, 9, 8)
        x = self.inception4e(x)  # (N, 272, 5, 4)
        x = self.inception5a(x)  # (N, 288, 5, 4)
        x = self.flat(x)  # (N, 5760)
        x = self.fc1(x)  # (N, 352)
        x = self.fc(x)  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit
