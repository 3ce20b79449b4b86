"""What every index of templates promises. `exact` is the truth the others are held to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

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

    One thread may search while one other adds, removes and saves; no search waits for that longer than a frame
    of video lasts. The same calls in the same order give the same answers, once `settle` has returned.
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

    def search(
        self, probes: F32, count: int, *, among: I64 | None = None, near: I64 | None = None
    ) -> Neighbours:
        """The `count` nearest templates of each probe (Q, D).

        Args:
            among: labels (L,) ascending that may be found, as those of one watchlist; None: all. Labels that are
                not there are passed over.
            near: (Q,) a label for each probe that is probably near it, as the one that the track showed in the
                previous frame, -1 for none: a hint that may save time.
        """
        ...

    def vectors(self, labels: I64) -> F32:
        """The vectors (N, D) of these templates (N,). Raises KeyError for a label that is not there."""
        ...

    def settle(self) -> None:
        """Wait until work that goes on behind searches, as linking new templates, is done."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything into an empty folder, as files that `load` reads. Raises OSError."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The index that `save` wrote. Raises ValueError for files that do not fit together, OSError.

        Whether the files are whole is the snapshot's to check, by their checksums, before this is called.
        """
        ...
