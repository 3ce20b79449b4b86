"""Giving a recording's frames no faster than they were taken."""

from __future__ import annotations

import threading

from pipeline.clock import Clock


class Pacer:
    """Holds each frame back until its time has come, counted from the first."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._origin_s: float | None = None

    def hold(self, pts_s: float) -> None:
        """Wait until a frame of this time is due; returns at once after `stop`, or when it is late already."""
        if self._origin_s is None:
            self._origin_s = self._clock.monotonic_s() - pts_s
        due_s = self._origin_s + pts_s
        while not self._stop.is_set() and (left_s := due_s - self._clock.monotonic_s()) > 0:
            self._clock.wait(self._stop, left_s)
