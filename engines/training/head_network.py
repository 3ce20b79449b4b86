"""A head while it learns: one linear layer and the division by the length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.arrays import F32


class HeadNetwork(nn.Module):
    """From the trunk's features (N, F) to unit vectors (N, D)."""

    def __init__(self, features: int, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, dimension)

    def forward(self, features: Tensor) -> Tensor:
        return F.normalize(self.linear(features))  # (N, D)

    def start_from(self, weight: F32, bias: F32) -> None:
        """Begin with these weights (D, F) and biases (D,) instead of chance."""
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(weight))
            self.linear.bias.copy_(torch.from_numpy(bias))

    def numbers(self) -> tuple[F32, F32]:
        """The weights (D, F) and biases (D,) as they are."""
        return self.linear.weight.detach().numpy().copy(), self.linear.bias.detach().numpy().copy()
