"""Quantiles of a stream of numbers in bounded memory."""

from __future__ import annotations

import random
from array import array

import numpy as np


class Reservoir:
    """Exact up to `capacity` numbers; beyond that a uniform sample of all of them.

    Vitter's algorithm R (Random Sampling with a Reservoir, ACM TOMS 11, 1985), with a fixed seed. Not
    thread-safe: its owner holds the lock.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._seen = 0
        self._values = array("d")
        self._random = random.Random(0)

    def __len__(self) -> int:
        """Numbers seen, not numbers kept."""
        return self._seen

    def add(self, value: float) -> None:
        """Take one more number into account."""
        self._seen += 1
        if len(self._values) < self._capacity:
            self._values.append(value)
        elif (position := self._random.randrange(self._seen)) < self._capacity:
            self._values[position] = value

    def quantile(self, fraction: float) -> float | None:
        """The value below which this fraction of the numbers lies, interpolated; None without numbers."""
        if not self._values:
            return None
        return float(np.quantile(np.frombuffer(self._values, np.float64), fraction))
