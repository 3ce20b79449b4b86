"""Quantiles of a stream of numbers in bounded memory."""

from __future__ import annotations

import random
from array import array

import numpy as np

from pipeline.arrays import F64


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


class Recent:
    """The numbers of the last while: at most `capacity` of them, the newest. Not thread-safe, as above."""

    def __init__(self, window_s: float, capacity: int) -> None:
        self._window_s = window_s
        self._values: F64 = np.zeros(capacity)
        self._at_s: F64 = np.full(capacity, -np.inf)
        self._next = 0

    def add(self, value: float, now_s: float) -> None:
        """Take in one more."""
        self._values[self._next], self._at_s[self._next] = value, now_s
        self._next = (self._next + 1) % len(self._values)

    def quantile(self, fraction: float, now_s: float) -> float | None:
        """As of a reservoir, over what is not older than the window; None where nothing is."""
        recent = self._values[self._at_s >= now_s - self._window_s]
        return float(np.quantile(recent, fraction)) if len(recent) else None
