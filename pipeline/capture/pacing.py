"""Giving a recording's frames no faster than they were taken."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Time that never goes back, and a wait that can be ended early."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed moment."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> None:
        """Return after this many seconds, or as soon as `stop` is set."""
        ...


class SystemClock:
    """The machine's own clock."""

    def monotonic_s(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> None:
        stop.wait(seconds)


class ManualClock:
    """A clock for tests: waiting moves it, and no time passes."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waits_s: list[float] = []
        """every wait that was asked for, in seconds"""

    def monotonic_s(self) -> float:
        return self.now_s

    def wait(self, stop: threading.Event, seconds: float) -> None:
        self.waits_s.append(seconds)
        if not stop.is_set():
            self.now_s += seconds


class Pacer:
    """Holds each frame back until its time has come, counted from the first."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._origin_s: float | None = None

    def hold(self, pts_s: float) -> None:
        """Wait until a frame of this time is due; at once after `stop`, or when it is late already."""
        now_s = self._clock.monotonic_s()
        if self._origin_s is None:
            self._origin_s = now_s - pts_s
        while not self._stop.is_set() and (left_s := self._origin_s + pts_s - self._clock.monotonic_s()) > 0:
            self._clock.wait(self._stop, left_s)
