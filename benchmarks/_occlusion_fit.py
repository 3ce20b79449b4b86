"""Teaching the occlusion network, and what it is taught with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.alignment.occlusion import EVEN, INPUT_PX, SHRUNK_PX, STRIDES
from pipeline.arrays import F32, I64, U8, Bools

if TYPE_CHECKING:
    from torch import Tensor, nn

CLEAN = -1
"""kind of a face that nothing was painted over"""
EPOCHS = 40
BATCH = 128
CLEAN_WEIGHT = 4
"""a clean face is shown so much oftener than a covered one: few faces are covered"""
PEAK_RATE = 4e-3
DECAY = 1e-2
DROPPED = 0.3
HUBER = 0.2
"""squared L2; beyond this a wrong prediction weighs linearly"""
SEED = 7

Weights = Mapping[str, np.ndarray]
"""by layer: convolution0.weight ... dense1.bias, as float16"""


@dataclass(frozen=True, slots=True)
class Samples:
    """Clean and covered faces."""

    small: U8
    """(N, 36, 36, 3) shrunk crops"""
    cost: F32
    """(N,) squared L2 distance from the covered face's vector to the clean one's; 0 for clean ones"""
    kind: I64
    """(N,) number of the cover, or CLEAN"""
    person: I64
    """(N,)"""
    score: F32
    """(N,) of the detector"""

    def __len__(self) -> int:
        return len(self.cost)

    def where(self, rows: Bools) -> Self:
        """Those rows."""
        return type(self)(
            self.small[rows], self.cost[rows], self.kind[rows], self.person[rows], self.score[rows]
        )


def fit(samples: Samples, epochs: int = EPOCHS, seed: int = SEED) -> Weights:
    """Teach a network the cost of these faces, on one thread: the same samples and seed give the same weights.

    Every time a face is shown it is moved, mirrored, turned, and made darker, brighter, lit from a side, softer
    or noisier, without a change of its cost: the other parts of the quality judge that.
    """
    import torch
    from torch.nn.functional import smooth_l1_loss
    from torch.optim.lr_scheduler import OneCycleLR

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    chance = np.random.default_rng(seed)
    net = network()
    small = torch.from_numpy(samples.small.transpose(0, 3, 1, 2).copy())
    cost = torch.from_numpy(samples.cost)
    often = np.where(samples.kind == CLEAN, float(CLEAN_WEIGHT), 1.0)
    steps = max(1, len(samples) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), PEAK_RATE, weight_decay=DECAY)
    schedule = OneCycleLR(optimiser, PEAK_RATE, total_steps=epochs * steps)
    for _ in range(epochs):
        shown = chance.choice(len(samples), (steps, BATCH), p=often / often.sum())
        for rows in torch.from_numpy(shown):
            loss = smooth_l1_loss(net(_varied(small[rows]))[:, 0], cost[rows], beta=HUBER)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return _weights(net)


def write_weights(weights: Weights, path: Path) -> None:
    """Keep them for pipeline.alignment.occlusion. Raises OSError."""
    np.savez_compressed(path, allow_pickle=False, **weights)


def network() -> nn.Sequential:
    """Not yet taught: (B, 3, 32, 32) -> (B, 1)."""
    from torch import nn

    first, second, third = STRIDES
    return nn.Sequential(
        *(nn.Conv2d(3, 12, 5, first), nn.ReLU()),
        *(nn.Conv2d(12, 24, 3, second), nn.ReLU()),
        *(nn.Conv2d(24, 32, 3, third), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(DROPPED), nn.Linear(800, 24), nn.ReLU()),
        nn.Linear(24, 1),
    )


def _weights(net: nn.Sequential) -> Weights:
    from torch import nn

    weights: dict[str, np.ndarray] = {}
    for name, kind in (("convolution", nn.Conv2d), ("dense", nn.Linear)):
        for at, layer in enumerate(one for one in net if isinstance(one, kind)):
            for part, value in layer.named_parameters():
                weights[f"{name}{at}.{part}"] = value.detach().numpy().astype(np.float16)
    return weights


def _varied(small: Tensor) -> Tensor:
    """Crops (B, 3, 36, 36) as the network may meet them: (B, 3, 32, 32), normalised."""
    import torch

    batch = len(small)
    pixels = _moved(small.float())
    pixels = torch.where(torch.rand(batch, 1, 1, 1) < 0.5, pixels.flip(3), pixels)
    pixels = pixels * (0.3 + 1.1 * torch.rand(batch, 1, 1, 1)) * (0.85 + 0.3 * torch.rand(batch, 3, 1, 1))
    ramp = torch.linspace(-1, 1, INPUT_PX)
    for reach, slope in ((0.35, ramp[None, None, None, :]), (0.25, ramp[None, None, :, None])):
        pixels = pixels * (1 + reach * (2 * torch.rand(batch, 1, 1, 1) - 1) * slope)
    pixels = pixels.clamp(0, 255)
    soft = pixels
    for _ in range(int(torch.randint(1, 4, ()))):
        soft = _softened(soft)
    pixels = torch.where(torch.rand(batch, 1, 1, 1) < 0.3, soft, pixels)
    pixels = pixels + torch.randn_like(pixels) * 6 * torch.rand(batch, 1, 1, 1)
    grey = pixels.mean(1, keepdim=True)
    spread = grey.std((1, 2, 3), keepdim=True, correction=0)
    return (pixels - grey.mean((1, 2, 3), keepdim=True)) / (spread + EVEN)


def _moved(pixels: Tensor) -> Tensor:
    """(B, 3, 36, 36) -> (B, 3, 32, 32): turned up to 15 degrees and moved up to two pixels."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    batch = len(pixels)
    angle = (2 * torch.rand(batch) - 1) * float(np.radians(15)) * (torch.rand(batch) < 0.5)
    shift = (2 * torch.rand(batch, 2) - 1) * (2 * 2 / SHRUNK_PX)
    zoom = INPUT_PX / SHRUNK_PX
    turn = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], dim=1)
    place = torch.cat([turn.view(batch, 2, 2) * zoom, shift[:, :, None]], dim=2)
    grid = affine_grid(place, [batch, 3, INPUT_PX, INPUT_PX], align_corners=False)
    return grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _softened(pixels: Tensor) -> Tensor:
    import torch
    from torch.nn.functional import conv2d, pad

    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = (row[:, None] * row[None]).expand(3, 1, 3, 3)
    return conv2d(pad(pixels, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)
