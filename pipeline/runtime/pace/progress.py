"""What the workers have done since somebody last asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline.runtime.pace.load import Seen
from pipeline.types import Detected

TakeWaits = Callable[[], Sequence[float]]
"""milliseconds in queues of the frames that were done with since the last call"""


class Progress:
    """Busy time, looks and waiting between two questions. Not thread-safe: its owner holds the lock."""

    def __init__(self, waits_ms: TakeWaits, dropped: Callable[[], int]) -> None:
        """`dropped` counts the frames that waited for detection in vain, in all."""
        self._waits_ms = waits_ms
        self._dropped = dropped
        self._dropped_before = 0
        self._looks = 0
        self._busy_s: dict[str, float] = {}

    def add(self, worker: str, results: Sequence[Any], seconds: float) -> None:
        """A worker has made these results in this time."""
        self._busy_s[worker] = self._busy_s.get(worker, 0.0) + seconds
        self._looks += sum(isinstance(result, Detected) and result.looked for result in results)

    def seen(self, seconds: float) -> Seen:
        """Everything in the time since the last question; then it begins anew."""
        dropped, waits_ms = self._dropped(), self._waits_ms()
        seen = Seen(
            seconds=seconds,
            looks=self._looks,
            busy_s=max(self._busy_s.values(), default=0.0),
            waited_p99_ms=float(np.quantile(waits_ms, 0.99)) if waits_ms else None,
            dropped=max(0, dropped - self._dropped_before),
        )
        self._dropped_before = dropped
        self._looks = 0
        self._busy_s.clear()
        return seen
