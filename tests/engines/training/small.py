"""A network that learns in a second, and people for it: points around centres, and columns that say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.arrays import F32
from engines.training.settings import Settings
from engines.training.sources import FeatureSource

COLUMNS = 16
"""that tell people apart; as many more are chance"""


class SmallNetwork(nn.Module):
    """Two layers and the unit sphere."""

    def __init__(self, seed: int = 0, dimension: int = 16, dropout: float = 0.0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first = nn.Linear(2 * COLUMNS, 64)
            self.last = nn.Linear(64, dimension)
        self.norm = nn.BatchNorm1d(64)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Unit vectors (N, dimension) of (N, 32)."""
        return F.normalize(self.last(self.dropout(F.relu(self.norm(self.first(x))))))


def faces(people: int, photos: int, noise: float = 0.5, seed: int = 0, useless: float = 1.0) -> FeatureSource:
    """`photos` of each of so many people, `noise` around each one's centre."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(people, 1, COLUMNS))
    told = centres + noise * chance.normal(size=(people, photos, COLUMNS))
    values = np.concatenate([told, useless * chance.normal(size=told.shape)], axis=2)
    return FeatureSource(
        values.reshape(-1, 2 * COLUMNS).astype(np.float32), np.repeat(np.arange(people), photos)
    )


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Steps are small: where other programs run, two threads wait for each other most of the time.

    Sums are also made in one order then, on machines of any size.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def weights(network: nn.Module) -> dict[str, F32]:
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


QUICK = Settings(steps=40, people=10, photos=3, validate_every=20, threads=1, save_every_s=1e9)
