"""Layers that the networks of the FaceNet paper share, in forms that every runtime takes from an ONNX file.

N is the batch, C channels, H and W rows and columns. Weights are drawn from torch's own generator, so a seed set
before a network is made decides them.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["response", "batch"]
"""what keeps activations in range: the paper's local response norm, or batch norm after every convolution"""
SMALLEST = 1e-12
"""added below a root or a division: large enough for the gradient at 0, too small to move a float32 that counts"""


class ConvRelu(nn.Module):
    """A convolution padded so that stride 1 keeps the size, batch norm where asked for, and a rectifier."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, *, stride: int = 1, norm: Norm = "response"
    ) -> None:
        super().__init__()
        batch = norm == "batch"
        self.convolution = nn.Conv2d(
            channels_in, channels_out, kernel, stride=stride, padding=kernel // 2, bias=not batch
        )
        # He et al. 2015 (arXiv:1502.01852): keeps the variance through a rectifier.
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        if self.convolution.bias is not None:
            nn.init.zeros_(self.convolution.bias)
        # On a processor NNS2 learns in 2 ms an image so, and in 4 with the usual order.
        weight = self.convolution.weight
        weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.norm = nn.BatchNorm2d(channels_out) if batch else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride), rounded up."""
        return F.relu(self.norm(self.convolution(x)))


class L2Pool(nn.Module):
    """The root of the mean square of 3x3 neighbours, the border padded with zeros.

    The paper's L2 pooling; a root of the sum instead of the mean would be three times as large everywhere, which
    the 1x1 projection behind it takes up.
    """

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride), rounded up."""
        squares = F.avg_pool2d(x.pow(2), 3, stride=self.stride, padding=1)
        return torch.sqrt(squares + SMALLEST)


RESPONSE_SIZE, RESPONSE_ALPHA, RESPONSE_BETA, RESPONSE_K = 5, 5e-4, 0.75, 2.0
"""Krizhevsky et al. 2012, section 3.3; alpha is 1e-4 there, and divided by the size in ONNX and here"""


def _response_norm(x: Tensor) -> Tensor:
    """(N, C, H, W), as it came. Torch's own asks for the number of values, which no exporter can follow."""
    squares = x.pow(2).unsqueeze(1)  # (N, 1, C, H, W)
    means = F.avg_pool3d(squares, (RESPONSE_SIZE, 1, 1), 1, (RESPONSE_SIZE // 2, 0, 0)).squeeze(1)
    return x / (RESPONSE_K + RESPONSE_ALPHA * means).pow(RESPONSE_BETA)


class _OnnxResponseNorm(torch.autograd.Function):
    """Written as the one operator LRN, which every runtime has, instead of the arithmetic above."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _response_norm(x)

    @staticmethod
    def symbolic(g: Any, x: Any) -> Any:
        result = g.op(
            "LRN",
            x,
            size_i=RESPONSE_SIZE,
            alpha_f=RESPONSE_ALPHA,
            beta_f=RESPONSE_BETA,
            bias_f=RESPONSE_K,
        )
        result.setType(x.type())
        return result


class ResponseNorm(nn.Module):
    """Local response norm over 5 channels, x / (2 + 1e-4 sum x^2)^0.75.

    The paper names none of the constants; these are those of Krizhevsky et al. 2012, where it comes from.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W), as it came."""
        if torch.onnx.is_in_onnx_export():
            result: Tensor = _OnnxResponseNorm.apply(x)  # type: ignore[no-untyped-call]  # torch's own
            return result
        return _response_norm(x)


class Maxout(nn.Module):
    """Two fully connected layers, of which the larger value stays (Goodfellow et al. 2013, arXiv:1302.4389)."""

    def __init__(self, features_in: int, features_out: int) -> None:
        super().__init__()
        self.one = nn.Linear(features_in, features_out)
        self.other = nn.Linear(features_in, features_out)
        for linear in (self.one, self.other):
            nn.init.kaiming_normal_(linear.weight, nonlinearity="linear")
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, features_in) to (N, features_out)."""
        return torch.maximum(self.one(x), self.other(x))


class Flat(nn.Module):
    """An image as a row of values."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C * H * W)."""
        return x.reshape(-1, self.features)


class ImageMean(nn.Module):
    """The mean of each channel: the paper's average pooling over the whole image."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C)."""
        return x.mean(dim=(2, 3))


class UnitLength(nn.Module):
    """Rows scaled to length 1: the unit sphere that the paper's vectors live on."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, D), as it came."""
        if x.dtype != torch.float32:
            x = x.float()  # under autocast; a bfloat16 length is off by half a per cent
        length: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)  # (N, 1)
        return x / length.clamp_min(SMALLEST)


class Narrowed(nn.Module):
    """Columns interpolated linearly to fewer, at the centres of the new ones.

    A gather of the two neighbours and their mean with constant weights. A product with the matrix of those weights is
    the same and costs 140 multiply-adds a value: for NNS2 a third of all it has.
    """

    left: Tensor
    right: Tensor
    share: Tensor

    def __init__(self, columns_in: int, columns_out: int) -> None:
        super().__init__()
        centres = (torch.arange(columns_out, dtype=torch.float64) + 0.5) * columns_in / columns_out - 0.5
        left = centres.floor().clamp(0, columns_in - 2)
        # Not among what is trained or saved: they follow from the two sizes.
        self.register_buffer("left", left.long(), persistent=False)
        self.register_buffer("right", left.long() + 1, persistent=False)
        self.register_buffer("share", (centres - left).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, columns_in) to (N, C, H, columns_out)."""
        left, right = x.index_select(3, self.left), x.index_select(3, self.right)
        return left + (right - left) * self.share
