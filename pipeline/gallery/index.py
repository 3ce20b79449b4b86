"""What every index of templates promises. `exact` is the truth the others are held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, I64, check_array


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest templates of each probe, nearest first; rows with fewer end in label -1 at distance inf."""

    labels: I64
    """(Q, K) template labels"""
    distances: F32
    """(Q, K) squared L2 in [0, 4]"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("Q", "K"))
        check_array("distances", self.distances, np.float32, ("Q", "K"))
        if self.labels.shape != self.distances.shape:
            raise ValueError(f"labels {self.labels.shape} and distances {self.distances.shape} must agree")


class Index(Protocol):
    """Nearest-neighbour search over unit vectors, by squared L2 distance.

    One thread adds, removes and searches; the same calls in the same order give the same answers.
    """

    dimension: int

    def __len__(self) -> int:
        """Templates that can be found."""
        ...

    def add(self, labels: I64, vectors: F32) -> None:
        """Add templates (N,), (N, D) of unit length. Raises ValueError for a label that is already there."""
        ...

    def remove(self, labels: I64) -> None:
        """Remove templates (N,). Raises KeyError for a label that is not there, and then removes none."""
        ...

    def search(self, probes: F32, count: int) -> Neighbours:
        """The `count` nearest templates of each probe (Q, D)."""
        ...
