"""How fast counters grow, over the last seconds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

OVER_S = 5.0
"""long enough that a camera looked at twice a second shows a steady rate, short enough to follow by eye"""


class Rates:
    """Keeps what counters said lately. Safe on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, Mapping[str, float]]] = deque()

    def sample(self, now_s: float, counters: Mapping[str, float]) -> None:
        """Take in what the counters say now, a few times a second at most; the clock is any that never goes back."""
        with self._lock:
            while len(self._samples) > 1 and now_s - self._samples[1][0] >= OVER_S:
                self._samples.popleft()
            self._samples.append((now_s, counters))

    def of(self, counter: str) -> float:
        """Growth a second; 0 of a counter that is new, or began anew."""
        with self._lock:
            if len(self._samples) < 2:
                return 0.0
            (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        if counter not in first or counter not in last or last_s <= first_s:
            return 0.0
        return max(last[counter] - first[counter], 0.0) / (last_s - first_s)
