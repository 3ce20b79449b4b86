"""Inception-ResNet-v1 to be trained from nothing: batch norm where the public weights have it folded away.

In davidsandberg/facenet every convolution but a residual block's last is followed by batch norm, without a bias. A
network of 132 convolutions with folded norms (engines/networks/inception_resnet_v1.py) runs the same, but weights of
chance do not train in it.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from engines.networks.inception_resnet_v1 import Convolution, InceptionResnetV1
from engines.networks.layers import UnitLength


class Normed(nn.Module):
    """A convolution with batch norm, of the same sizes as the folded one."""

    def __init__(self, folded: Convolution) -> None:
        super().__init__()
        height, width = folded.kernel_size
        stride, _ = folded.stride
        assert not isinstance(folded.padding, str)
        rows, columns = folded.padding
        self.convolution = nn.Conv2d(
            folded.in_channels,
            folded.out_channels,
            (height, width),
            stride=stride,
            padding=(rows, columns),
            bias=False,
        )
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        self.norm = nn.BatchNorm2d(folded.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W'), as the folded one."""
        return F.relu(self.norm(self.convolution(x)))


class TrainableResnet(InceptionResnetV1):
    """Standardised face crops in, unit vectors of any dimension out."""

    def __init__(self, dimension: int = 128) -> None:
        super().__init__()
        folded = [
            (name, each) for name, each in self.named_modules() if isinstance(each, Convolution) and each.relu
        ]
        for name, each in folded:
            parent, _, own = name.rpartition(".")
            setattr(self.get_submodule(parent), own, Normed(each))
        self.bottleneck = nn.Linear(1792, dimension, bias=False)
        self.batch_norm = nn.BatchNorm1d(dimension, eps=1e-3)
        self.unit = UnitLength()

    def forward(self, crops: Tensor) -> Tensor:
        """Vectors (N, dimension) of unit length for crops (N, 3, 160, 160), RGB, standardised."""
        x = self.batch_norm(self.bottleneck(self.features(crops)))  # (N, dimension)
        unit: Tensor = self.unit(x)  # (N, dimension), unit length
        return unit
