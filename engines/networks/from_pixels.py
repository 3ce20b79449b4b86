"""A torch network that takes pixels, as the built engines do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.zoo.description import InputFormat


class FromPixels(nn.Module):
    """Images (N, H, W, 3) uint8 RGB through (pixel - mean) * scale to a network of planes (N, 3, H, W)."""

    def __init__(self, network: nn.Module, form: InputFormat) -> None:
        super().__init__()
        self.network = network
        self.reverse = form.colour == "bgr"
        self.mean = torch.tensor(form.mean, dtype=torch.float32)
        self.scale = torch.tensor(form.scale, dtype=torch.float32)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the network says of the images."""
        values = images.float()  # (N, H, W, 3)
        if self.reverse:
            values = values.flip(3)
        values = (values - self.mean) * self.scale
        result: Tensor | tuple[Tensor, ...] = self.network(values.permute(0, 3, 1, 2).contiguous())
        return result
